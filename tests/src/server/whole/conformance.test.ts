import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { testPython } from '@medsam2/models/testing';
import { apiPath, type Problem, type SessionState } from '@medsam2/protocol';
import { openVolume } from '@medsam2/server';
import { matchSeg, readSeg, type SegSource } from '@medsam2/server/segmentation';
import { folderSource, parsePart10, readDicomFolder } from '@medsam2/server/testing';
import { setUpCli } from '../../cli/support.js';
import { Client } from '../../support/client.js';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { repositoryRoot } from '../../support/root.js';
import { startServerProcess, type ServerProcess } from '../../support/server-process.js';
import { validatorComplaints } from '../segmentation/dciodvfy.js';
import { cases, dataPath, filesOf, manifestSays, type Case } from './cases.js';
import { middleTask, paint, segment, stored, type Journey, type Task } from './journey.js';
import { readTruth, type Truth } from './truth.js';

/**
 * From a series in a PACS to a segmentation in the PACS, with nothing replaced: Orthanc, the server's process and the
 * embedded model. What comes back is compared with what the session shows, voxel by voxel, by own code and by others'.
 */
describeWithOrthanc('every series, from the PACS to the PACS', () => {
  const python = testPython();
  const cli = setUpCli({ install: false });
  const folder = mkdtempSync(join(tmpdir(), 'medsam2-whole-'));
  const written: object[] = [];
  let orthanc: Orthanc;
  let server: ServerProcess;
  let client: Client;
  let filled = 0;

  beforeAll(async () => {
    orthanc = await startOrthanc();
    server = await startServerProcess({ env: { DICOMWEB_URL: orthanc.url } });
    client = new Client(server.url);
  });
  afterAll(async () => {
    await server?.close();
    await orthanc?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const walk = (one: Case): void => {
    let source: SessionState['source'];
    beforeAll(async () => {
      const files = filesOf(one.path);
      await orthanc.clear();
      const uploaded = await orthanc.upload(files);
      expect(uploaded.filter(({ status }) => status !== 'Success')).toEqual([]);
      source = { ...identify(files[0]), ...(one.volume === undefined ? {} : { volume: one.volume }) };
    });

    if (one.refused !== undefined) {
      it(`is refused: ${one.refused}`, async () => expect(await refusal(source)).toBe(one.refused));
      return;
    }
    if (one.volume !== undefined) {
      it('is refused as long as no volume is chosen', async () =>
        expect(await refusal({ study: source.study, series: source.series })).toBe('several-volumes'));
    }
    if (one.overrule !== undefined) {
      it('is refused as long as nobody overrules it', async () =>
        expect(await refusal(source)).toBe(one.overrule?.[0]));
    }

    it('is segmented, saved, found and read back equal', async () => {
      const { id } = await client.create({ ...source, ...(one.overrule ? { overrule: [...one.overrule] } : {}) });
      const session = await client.ready(id);
      const truth = await readTruth(dirname(dataPath(one.path)), session);
      const task = truth?.task ?? middleTask(session);
      const journey = await segment(client, session, task);
      expect(journey.answer.prompt.slice).toBe(task.slice);
      filled += journey.masks.size > 0 ? 1 : 0;
      if (one.cli) await compareWithCli(one, task, journey, truth);
      await paint(client, session, task.range.last);
      const masks = await client.masks(id);

      const save = await client.save(id);
      expect(save).toMatchObject({ state: 'verified' });
      const { found, bytes } = await stored(orthanc, save);
      expect(found).toEqual([[save.study, save.series, save.sopInstanceUid]]);
      expect(save.study).toBe(source.study);

      const segSource = await sourceOf(one);
      expect(segSource.sliceSources.map(({ sopInstanceUid, frameNumber }) => [sopInstanceUid, frameNumber])).toEqual(
        journey.images.map(({ sopInstanceUid, frame }) => [sopInstanceUid, frame]),
      );
      const { segments } = matchSeg(await readSeg(bytes), segSource);
      const names = [...masks.keys()].map((key) => Number(key.split('/')[0]));
      const numbers = [...new Set(names)].sort((a, b) => a - b);
      const back = new Map<string, Uint8Array>(
        segments.flatMap((one, index) =>
          one.slices.map((slice) => [`${numbers[index]}/${slice}`, one.mask(slice)] as const),
        ),
      );
      expect([...back.keys()].sort()).toEqual([...masks.keys()].sort());
      for (const [key, mask] of masks) expect(Buffer.compare(mask, back.get(key) ?? new Uint8Array())).toBe(0);

      const path = join(folder, `${written.length}.dcm`);
      writeFileSync(path, bytes);
      written.push(expectation(one, path, segSource, masks, numbers));
      const errors = validatorComplaints(path)?.errors ?? [];
      expect(errors.filter((line) => !one.inherited?.some((pattern) => pattern.test(line)))).toEqual([]);
      await client.must('DELETE', `/sessions/${id}`);
    });
  };
  for (const one of cases) describe(one.path, () => walk(one));

  const wanted = cases.filter(({ refused }) => refused === undefined);
  (python && cases.length > 0 ? it : it.skip)(
    'all are read alike by pydicom, highdicom and dcmqi',
    () => {
      expect(written).toHaveLength(wanted.length);
      const script = join(repositoryRoot(), 'tests/src/server/segmentation/read_segs.py');
      const run = spawnSync(python ?? '', [script], {
        input: JSON.stringify(written),
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      });
      if (run.status !== 0) throw new Error(`Python failed: ${run.stderr}`);
      const differences = Object.entries(JSON.parse(run.stdout) as Record<string, string[]>);
      expect(differences).toHaveLength(wanted.length);
      expect(differences.filter(([, found]) => found.length > 0)).toEqual([]);
      process.stderr.write(
        `${wanted.length} series segmented and saved, ${filled} with an object that the model saw\n`,
      );
    },
    300_000,
  );

  (cases.length > 0 ? it : it.skip)('what the manifest wants refused or chosen is, and nothing else', () => {
    for (const { path, refused, volume, overrule } of cases) {
      const says = manifestSays(path);
      if (says === undefined) continue;
      const isChoice = volume !== undefined;
      const isRefused = refused !== undefined || overrule !== undefined;
      if (says.includes('or-reject')) expect([path, isChoice || isRefused]).toEqual([path, true]);
      else if (says === 'reject') expect([path, isRefused]).toEqual([path, true]);
      else if (says !== 'reject-or-warn') expect([path, isChoice || isRefused]).toEqual([path, false]);
    }
  });

  /** The code with which a session of a source is refused, at once or when its images are there. */
  async function refusal(source: SessionState['source']): Promise<string | undefined> {
    const { status, body } = await client.ask<SessionState & Problem>('POST', `${apiPath}/sessions`, { source });
    if (status !== 201) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(body.remedy).toMatch(/\S/);
      return body.code;
    }
    const heard = await client.hear(body.id, (header) => header.type === 'state' && header.session.phase !== 'loading');
    await client.must('DELETE', `/sessions/${body.id}`);
    const last = heard.at(-1)?.header;
    return last?.type === 'state' ? last.session.problem?.code : undefined;
  }

  /** The command line on the files, with the same prompts: the same voxels, and so the same Dice. */
  async function compareWithCli(
    one: Case,
    { slice, box, range }: Task,
    { masks }: Journey,
    truth?: Truth,
  ): Promise<void> {
    const output = join(folder, 'cli.nii.gz');
    const options = ['--slice', `${slice}`, '--box', box.join(','), '--range', `${range.first}:${range.last}`];
    const run = await cli.run(['segment', dataPath(one.path), ...options, '--output', output, '--force']);
    expect([run.code, run.stderr]).toEqual([0, expect.any(String)]);
    const { voxels, geometry } = await openVolume(output);
    const size = geometry.rows * geometry.columns;
    const dice: number[][] = [];
    for (let at = range.first; at <= range.last; at++) {
      const fromCli = Uint8Array.from(voxels.subarray(at * size, (at + 1) * size));
      const fromServer = masks.get(`1/${at}`) ?? new Uint8Array(size);
      expect([at, Buffer.compare(fromCli, fromServer)]).toEqual([at, 0]);
      if (truth) dice.push([fromCli, fromServer].map((mask) => truth.dice(mask, at)));
    }
    const mean = [0, 1].map((way) => dice.reduce((sum, both) => sum + both[way], 0) / dice.length);
    expect(mean[1]).toBe(mean[0]);
    process.stderr.write(
      `${one.path}: Dice ${mean[1].toFixed(4)} on ${dice.length} slices, by server and command line\n`,
    );
  }
});

if (cases.length === 0) it.skip('series of a PACS (no shared test data beside the repository)', () => undefined);

function identify(file: string): { study: string; series: string } {
  const { dataset } = parsePart10(readFileSync(file));
  const [study, series] = ['0020000D', '0020000E'].map((tag) => String((dataset[tag]?.Value as unknown[])[0]));
  return { study, series };
}

/** What the segmentation was made on, from the files. */
async function sourceOf({ path, volume = 0 }: Case): Promise<SegSource> {
  const { attributes } = await folderSource(dataPath(path));
  const { candidates } = await readDicomFolder(dataPath(path));
  const { kind, modality, geometry, sliceSources, findings } = candidates[volume];
  return { kind, modality, geometry, sliceSources, findings, attributes };
}

/** What others are to find, for read_segs.py. */
function expectation(
  one: Case,
  path: string,
  { geometry, sliceSources }: SegSource,
  masks: Journey['masks'],
  numbers: readonly number[],
): object {
  const frames = [...masks].map(([key, mask]) => {
    const [segment, slice] = key.split('/').map(Number);
    return { at: [numbers.indexOf(segment) + 1, slice], mask };
  });
  writeFileSync(`${path}.masks`, Buffer.concat(frames.map(({ mask }) => mask)));
  const column = (index: number): number[] => [0, 3, 6].map((row) => geometry.direction[row + index]);
  return {
    name: one.path,
    seg: path,
    masks: `${path}.masks`,
    frames: frames.map(({ at }) => at),
    rows: geometry.rows,
    columns: geometry.columns,
    sources: sliceSources.map(({ sopInstanceUid, frameNumber }) => [sopInstanceUid, frameNumber ?? null]),
    positions: one.dcmqi === undefined ? null : sliceSources.map(({ imagePosition }) => imagePosition),
    spacing: geometry.spacing,
    rowDirection: column(0),
    columnDirection: column(1),
    labelmap: false,
    volume: one.even === true,
    dcmqi: one.dcmqi ?? null,
  };
}
