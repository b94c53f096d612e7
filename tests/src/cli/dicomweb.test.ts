/** A series read from a PACS gives what its files give, and the result goes back as a DICOM segmentation. */
import { sharedData } from '@medsam2/models/testing';
import { openVolume, runReportSchema } from '@medsam2/server';
import { matchSeg, readSeg } from '@medsam2/server/segmentation';
import { makePhantom, parsePart10, sliceElements, writeFiles, writeInstance } from '@medsam2/server/testing';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../support/orthanc.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { requireCleanError, setUpCli } from './support.js';

const cli = setUpCli({ install: false });
const data = sharedData();

describeWithOrthanc('segment over DICOMweb', () => {
  let orthanc: Orthanc;
  let proxy: TcpProxy;
  let folder: string;
  let uids: { study: string; series: string };
  const users = { ada: 'correct horse' };
  const env = (more: Record<string, string> = {}) => ({
    DICOMWEB_USERNAME: 'ada',
    DICOMWEB_PASSWORD: users.ada,
    ...more,
  });
  const prompt =
    data === undefined
      ? ['--slice', '6', '--box', '20,15,40,30', '--range', '4:8']
      : ['--object', '1=Liver', '--slice', '106', '--box', '17,19,79,73', '--range', '103:109'];
  const fromPacs = () => ['--dicomweb', orthanc.url, '--study', uids.study, '--series', uids.series];

  beforeAll(async () => {
    orthanc = await startOrthanc({ users });
    proxy = await startTcpProxy(orthanc.port);
    folder = data === undefined ? phantomFolder() : join(data, 'ct_chest_3mm', 'dicom');
    const files = readdirSync(folder).map((name) => join(folder, name));
    await orthanc.upload(files);
    const { dataset } = parsePart10(readFileSync(files[0]));
    const text = (tag: string): string => (dataset[tag]?.Value as string[])[0];
    uids = { study: text('0020000D'), series: text('0020000E') };
  });
  afterAll(async () => {
    await proxy.close();
    await orthanc.close();
  });

  function phantomFolder(): string {
    const { volume } = makePhantom({ seed: 5 });
    return writeFiles(
      join(cli.folder, 'phantom'),
      sliceElements(volume, 901).map((elements) => writeInstance(elements)),
    );
  }
  const labels = async (name: string): Promise<number[]> => [...(await openVolume(join(cli.folder, name))).voxels];
  /** Every frame of a segmentation by its slice, on the grid of the files. */
  async function segMasks(name: string): Promise<Map<number, Uint8Array>> {
    const volume = await openVolume(folder);
    const { kind, geometry, findings, sliceSources = [] } = volume;
    const source = { kind, geometry, findings, sliceSources, attributes: new Map() };
    const { segments } = matchSeg(await readSeg(readFileSync(join(cli.folder, name))), source);
    const [segment] = segments;
    return new Map(segment.slices.map((slice) => [slice, segment.mask(slice)]));
  }

  it('gives the masks that the files give, and stores a segmentation of them', async () => {
    const fromFiles = await cli.run([
      'segment',
      folder,
      ...prompt,
      '-o',
      'a.nrrd',
      '--seg',
      'a.dcm',
      '--report',
      'a.json',
    ]);
    expect(fromFiles).toMatchObject({ code: 0 });
    const result = await cli.run(
      ['segment', ...fromPacs(), ...prompt, '-o', 'b.nrrd', '--seg', 'b.dcm', '--store', '--report', 'b.json'],
      { env: env() },
    );
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout).toMatch(/stored in the PACS, and read back equal: series 2\.25\.\d+/);

    const [a, b] = [await labels('a.nrrd'), await labels('b.nrrd')];
    expect(a.some((value) => value > 0)).toBe(true);
    expect(Buffer.from(b).equals(Buffer.from(a))).toBe(true);
    const reports = ['a.json', 'b.json'].map((name) => runReportSchema.parse(JSON.parse(readFileSync(join(cli.folder, name), 'utf8')))); // prettier-ignore
    expect(reports[1].result.objects).toEqual(reports[0].result.objects);
    expect(reports[1].geometry).toEqual(reports[0].geometry);

    // The label map, and both segmentations read back, hold the same pixels.
    const pixels = reports[0].geometry.rows * reports[0].geometry.columns;
    for (const name of ['a.dcm', 'b.dcm']) {
      const fromSeg = new Array<number>(a.length).fill(0);
      for (const [slice, mask] of await segMasks(name))
        mask.forEach((value, at) => (fromSeg[slice * pixels + at] = value));
      expect(Buffer.from(fromSeg).equals(Buffer.from(a))).toBe(true);
    }
    const { dataset } = parsePart10(readFileSync(join(cli.folder, 'b.dcm')));
    const find = { Level: 'Instance', Query: { SOPInstanceUID: (dataset['00080018']?.Value as string[])[0] } };
    const found = await orthanc.fetch('/tools/find', { method: 'POST', body: JSON.stringify(find) });
    expect(((await found.json()) as unknown[]).length).toBe(1);
  });

  it('names the next segmentation of the study anew', async () => {
    const again = await cli.run(['segment', ...fromPacs(), ...prompt, '--seg', 'c.dcm', '--store', '--quiet'], {
      env: env(),
    });
    expect(again).toMatchObject({ code: 0, stdout: '' });
    const text = (name: string, tag: string) => parsePart10(readFileSync(join(cli.folder, name))).dataset[tag]?.Value;
    expect(String(text('c.dcm', '0008103E'))).toBe(`${String(text('b.dcm', '0008103E'))} v2`);
    expect(Number(text('c.dcm', '00200011'))).toBe(Number(text('b.dcm', '00200011')) + 1);
  });

  it('tells the truth when the PACS takes nothing, and keeps the result in a file', async () => {
    proxy.behaviour = { dropAnswerTo: 'POST ' };
    const url = `http://127.0.0.1:${proxy.port}/dicom-web`;
    const lost = await cli.run(['segment', ...fromPacs().with(1, url), ...prompt, '--store'], { env: env() });
    // The object is there although the answer never comes: reading it back says so.
    expect(lost).toMatchObject({ code: 0 });
    expect(lost.stdout).toMatch(/read back equal/);

    proxy.behaviour = { dropRequestsWith: 'POST ' };
    const refused = await cli.run(['segment', ...fromPacs().with(1, url), ...prompt, '--store'], { env: env() });
    expect(refused.code).toBe(5);
    expect(requireCleanError(refused)).toMatch(/not confirmed by the PACS/);
    const kept = /It is in (\S+\.dcm)/.exec(refused.stderr)?.[1] ?? '';
    expect(parsePart10(readFileSync(kept)).dataset['00080060']?.Value).toEqual(['SEG']);
  });

  it('takes credentials from the environment only, and says what is wrong with them', async () => {
    const none = await cli.run(['segment', ...fromPacs(), ...prompt, '--seg', 'x.dcm']);
    expect(none.code).toBe(1);
    expect(requireCleanError(none)).toMatch(/does not accept the credentials/);
    const url = orthanc.url.replace('http://', 'http://ada:secret-word@');
    const inUrl = await cli.run(['segment', '--dicomweb', url, ...fromPacs().slice(2), ...prompt, '--seg', 'x.dcm']);
    expect(inUrl.code).toBe(1);
    expect(inUrl.stderr).not.toContain('secret-word');
  });

  it.each([
    [['--dicomweb', 'http://x', '--series', '1.2', '--store'], /--study is missing/, 2],
    [['ct.nrrd', '--dicomweb', 'http://x'], /named both/, 2],
    [['ct.nrrd', '--store'], /--store sends to the PACS/, 2],
    [['--study', '1.2', '--series', '1.3', '--store'], /not said which PACS/, 2],
    [['--dicomweb', 'http://x', '--study', '1.2', '--series', '1.3'], /no place for the result/, 2],
    [['--batch', 'x.csv', '--store'], /cannot be given with --batch/, 2],
    [['--dicomweb', 'http://127.0.0.1:9', '--study', '1.2', '--series', '1.3', '--store'], /cannot be reached/, 1],
  ])('%j: %s', async (args, message, code) => {
    const result = await cli.run(['segment', ...args, '--slice', '1', '--box', '1,1,5,5']);
    expect(result.code).toBe(code);
    expect(requireCleanError(result)).toMatch(message);
  });

  it('does not make a DICOM segmentation of other formats', async () => {
    expect((await cli.run(['example', 'ct.nii.gz'])).code).toBe(0);
    const result = await cli.run(['segment', 'ct.nii.gz', ...prompt, '--seg', 'x.dcm']);
    expect(requireCleanError(result)).toMatch(/needs a DICOM source/);
  });
});
