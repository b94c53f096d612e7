import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { apiPath, decodeRuns, type Problem, type SaveState, type SessionState } from '@medsam2/protocol';
import { benchSeries } from '../../bench/series.js';
import { Client } from '../../support/client.js';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { startServerProcess, type ServerProcess, type ServerProcessOptions } from '../../support/server-process.js';
import { startUnrulyProxy, type UnrulyProxy } from '../../support/unruly-proxy.js';
import { stored } from './journey.js';

const series = benchSeries(31, 40, 128);
const stretch = { stop: { absentSlices: null } };
/** For a test that must not find its voxels in memory. */
const other = benchSeries(32, 24, 96);

describeWithOrthanc('what was confirmed outlives', () => {
  let orthanc: Orthanc;
  let proxy: UnrulyProxy;
  let server: ServerProcess;
  let client: Client;
  let folder: string;

  beforeAll(async () => {
    orthanc = await startOrthanc();
    await orthanc.upload([...series.files(), ...other.files()]);
    proxy = await startUnrulyProxy(orthanc.rest);
    folder = mkdtempSync(join(tmpdir(), 'medsam2-chaos-'));
    await start();
  });
  afterAll(async () => {
    await server?.close();
    await proxy?.close();
    await orthanc?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(() => proxy.forget());

  async function start(more: ServerProcessOptions = {}): Promise<void> {
    server = await startServerProcess({
      dataDirectory: join(folder, 'data'),
      config: {
        pacs: [
          {
            name: 'main',
            url: `${proxy.url}/dicom-web`,
            writable: true,
            timeouts: { connect: 1000, firstByte: 5000, idle: 2000, store: 5000 },
            retries: { attempts: 2, backOff: 20 },
          },
        ],
        sessions: { perUser: 200 },
      },
      ...more,
    });
    client = new Client(server.url);
  }
  /** As a power cut, then another start on the same folder. */
  async function crash(): Promise<void> {
    await server.close();
    await start();
  }
  /** A session with a box and its mask. */
  async function begin(): Promise<{ id: string; prompt: string; revision: number; masks: Map<string, Uint8Array> }> {
    const { id } = await client.create(series.source, { position: { slice: series.slice } });
    await client.ready(id);
    const { id: segment } = await client.addSegment(id, 'Object');
    const { revision, prompt } = await client.prompt(id, segment, series.drawing);
    return { id, prompt: prompt.id, revision, masks: await client.masks(id) };
  }
  const stateOf = (id: string): Promise<SessionState> => client.must('GET', `/sessions/${id}`);
  const saves = async (): Promise<SaveState[]> => (await client.must<{ saves: SaveState[] }>('GET', '/saves')).saves;
  async function until(id: string, state: SaveState['state'], seconds = 40): Promise<SaveState> {
    for (const end = Date.now() + seconds * 1000; ; await sleep(50)) {
      const save = await client.must<SaveState>('GET', `/saves/${id}`);
      if (save.state === state) return save;
      if (Date.now() > end) throw new Error(`it did not become ${state}: ${JSON.stringify(save)}`);
    }
  }
  /** Instances of segmentations that the PACS holds. */
  async function held(): Promise<string[]> {
    const body = JSON.stringify({ Level: 'Instance', Query: { Modality: 'SEG' }, Expand: true });
    const found = await orthanc.fetch('/tools/find', { method: 'POST', body });
    const instances = (await found.json()) as { MainDicomTags: { SOPInstanceUID: string } }[];
    return instances.map(({ MainDicomTags }) => MainDicomTags.SOPInstanceUID).sort();
  }
  const same = (a: ReadonlyMap<string, Uint8Array>, b: ReadonlyMap<string, Uint8Array>): void => {
    expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
    for (const [key, mask] of a) expect([key, Buffer.compare(mask, b.get(key) ?? new Uint8Array())]).toEqual([key, 0]);
  };

  it('the server killed in the midst of a propagation', async () => {
    const undisturbed = await begin();
    await client.propagated(undisturbed.id, stretch);
    const wanted = await client.masks(undisturbed.id);
    const ends: string[] = [];
    for (const slices of [1, 5, 12]) {
      const { id, revision, masks } = await begin();
      // what a client has seen, and the revision that it was told with
      const seen = new Map(masks);
      let last = revision;
      let heard = 0;
      const events = (async () => {
        for await (const { header, payload } of client.events(id, revision)) {
          if (header.type !== 'slice') continue;
          last = Math.max(last, header.revision);
          if (header.pixels > 0)
            seen.set(`${header.segment}/${header.slice}`, decodeRuns(payload, header.rows * header.columns));
          if (++heard === slices) {
            await sleep(Math.random() * 30);
            server.signal('SIGKILL');
          }
        }
      })().catch(() => undefined);
      await client.propagate(id, stretch);
      await Promise.all([events, server.ended]);
      await crash();
      const back = await stateOf(id);
      expect(back.revision).toBeGreaterThanOrEqual(last);
      expect(back.prompts).toHaveLength(1);
      // the last slices may have been under way to the client when it was killed
      expect(['cancelled', 'done']).toContain(back.run?.state);
      ends.push(`${back.run?.state} with ${seen.size} slices seen`);
      const now = await client.masks(id);
      for (const [key, mask] of seen)
        expect([key, Buffer.compare(mask, now.get(key) ?? new Uint8Array())]).toEqual([key, 0]);
      // and it goes on as if nothing had been
      await client.ready(id);
      await client.propagated(id, stretch);
      same(await client.masks(id), wanted);
    }
    expect(ends[0]).toMatch(/^cancelled/);
    process.stderr.write(`killed during a propagation over ${wanted.size} slices: ${ends.join('; ')}\n`);
  }, 120_000);

  it('the server killed while it saves: every save that is known arrives, once', async () => {
    const { id } = await begin();
    const outcomes: string[] = [];
    const spool = join(folder, 'data', 'saves');
    let listed = 0;
    // milliseconds after the request, or after the object lies on the server's disk
    const moments = [
      { asked: 5 },
      { asked: 60 },
      { taken: 0 },
      { taken: 8 },
      { taken: 25 },
      { taken: 60 },
      { taken: 150 },
    ];
    for (const { asked, taken } of moments) {
      await stateOf(id);
      await client.ready(id);
      const lying = readdirSync(spool).length;
      const answer = client.save(id).then(
        (save) => save,
        () => undefined,
      );
      if (taken !== undefined) while (readdirSync(spool).length <= lying) await sleep(1);
      await sleep((asked ?? taken ?? 0) * (0.5 + Math.random()));
      server.signal('SIGKILL');
      const told = await answer;
      await server.ended;
      await crash();
      if (told?.state === 'verified') expect(await held()).toContain(told.sopInstanceUid);
      const known = await saves();
      if (told !== undefined) expect(known.map((save) => save.id)).toContain(told.id);
      for (const save of known) if (save.state !== 'verified') await until(save.id, 'verified');
      expect(await held()).toEqual(known.map((save) => save.sopInstanceUid).sort());
      const more = known.length - listed;
      listed = known.length;
      outcomes.push(told?.state ?? `not answered, ${more === 0 ? 'nothing taken' : 'taken and delivered'}`);
      expect((await stateOf(id)).segments).toHaveLength(1);
    }
    process.stderr.write(`killed while saving: ${outcomes.join('; ')}\n`);
  }, 180_000);

  it('the PACS stopped while it is saved to: it waits, says so, and arrives by itself', async () => {
    const { id, masks } = await begin();
    await orthanc.stop();
    const waiting = await client.ask<SaveState>('POST', `${apiPath}/sessions/${id}/save`, {});
    expect([waiting.status, waiting.body.state]).toEqual([202, 'waiting']);
    expect(waiting.body.message).toMatch(/cannot be reached/);
    expect((await stateOf(id)).unsaved).toBe(true);
    same(await client.masks(id), masks);
    await orthanc.start();
    const save = await until(waiting.body.id, 'verified');
    expect((await stored(orthanc, save)).found).toHaveLength(1);
    // the session hears of it a moment later
    for (let left = 100; left > 0 && (await stateOf(id)).unsaved; left--) await sleep(50);
    expect((await stateOf(id)).unsaved).toBe(false);
  }, 60_000);

  it('a slow PACS', async () => {
    proxy.behave = () => ({ delayMs: 400 });
    const { id } = await begin();
    const save = await client.save(id);
    expect(save).toMatchObject({ state: 'verified', attempts: 1 });
    expect((await stateOf(id)).unsaved).toBe(false);
    expect((await stored(orthanc, save)).found).toHaveLength(1);
  });

  it('images that are cut off on their way: the session says so, and goes on once they come', async () => {
    let cut = 0;
    proxy.behave = ({ headers }) => {
      const isImages = /multipart\/related/.test(headers.accept ?? '');
      cut += isImages ? 1 : 0;
      return isImages ? { cutAfter: 5000 } : undefined;
    };
    const { id } = await client.create(other.source);
    await expect(client.ready(id)).rejects.toThrow(/pacs-(answer-invalid|unreachable)/);
    expect(cut).toBeGreaterThan(1);
    const { problem, phase } = await stateOf(id);
    expect([phase, problem?.remedy]).toEqual(['failed', expect.stringMatching(/\S/)]);
    const segment = await client.addSegment(id, 'Object');
    const refused = await client.ask<Problem>(
      'PUT',
      `${apiPath}/sessions/${id}/prompts/5a7f1c52-5c0f-4c55-9d4e-3f5f4a7d0001`,
      {
        segment: segment.id,
        drawing: series.drawing,
      },
    );
    expect([refused.status, refused.body.code]).toEqual([502, problem?.code]);
    proxy.forget();
    const { masks } = await client.prompt(id, segment.id, other.drawing);
    expect(masks).toHaveLength(1);
    expect(await stateOf(id)).toMatchObject({ phase: 'ready' });
  });

  it('a full disk: nothing is promised, nothing is lost, and it goes on when there is room', async () => {
    const disk = join(folder, 'full');
    const mounts = ['sessions', 'saves'].map((name) => join(disk, name));
    const mounted = mounts.filter((place) => {
      mkdirSync(place, { recursive: true });
      return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place]).status === 0;
    });
    const before = server;
    try {
      if (mounted.length < mounts.length) {
        process.stderr.write('skipped: small disks need the right to mount them\n');
        return;
      }
      await start({ dataDirectory: disk });
      const [journals, spool] = mounts;
      const { id, prompt, revision, masks } = await begin();
      const spaceless = await held();

      fill(journals);
      const drawing = { ...series.drawing, box: series.drawing.box.map((value, at) => value + (at > 1 ? 2 : 0)) };
      const moved = { segment: 1, drawing };
      const path = `${apiPath}/sessions/${id}`;
      // the first lines may still fit into the last block
      let refused = await client.ask<Problem>('PUT', `${path}/prompts/${prompt}`, moved);
      let [known, kept] = [revision, masks];
      while (refused.status === 200) {
        known = (await stateOf(id)).revision;
        kept = await client.masks(id);
        refused = await client.ask<Problem>('PUT', `${path}/prompts/${prompt}`, moved);
      }
      expect([refused.status, refused.body.code]).toEqual([507, 'journal-failed']);
      expect(refused.body.remedy).toMatch(/Free space/);
      expect((await stateOf(id)).revision).toBe(known);
      same(await client.masks(id), kept);
      const another = await client.ask<Problem>('POST', `${apiPath}/sessions`, { source: series.source });
      expect([another.status, another.body.code]).toEqual([507, 'journal-failed']);
      const { sessions } = await client.must<{ sessions: SessionState[] }>('GET', '/sessions');
      expect(sessions.map((session) => session.id)).toEqual([id]);

      fill(spool);
      const unsaved = await client.ask<Problem>('POST', `${path}/save`, {});
      expect([unsaved.status, unsaved.body.code]).toEqual([507, 'spool-full']);
      expect(await saves()).toEqual([]);
      expect(await held()).toEqual(spaceless);

      for (const place of mounts) rmSync(join(place, 'filler'));
      await client.must('PUT', `/sessions/${id}/prompts/${prompt}`, moved);
      const now = await client.masks(id);
      expect(await client.save(id)).toMatchObject({ state: 'verified' });
      await server.close();
      await start({ dataDirectory: disk });
      expect((await stateOf(id)).prompts).toMatchObject([{ id: prompt, drawing }]);
      same(await client.masks(id), now);
    } finally {
      if (server !== before) await server.close();
      server = before;
      client = new Client(server.url);
      for (const place of mounted) spawnSync('umount', [place]);
    }
  }, 60_000);
});

/** Takes what is left of a small disk, to the last block. */
function fill(place: string): void {
  for (let size = 2 ** 20; size >= 512; size = Math.floor(size / 2)) {
    try {
      for (;;) writeFileSync(join(place, 'filler'), new Uint8Array(size), { flag: 'a' });
    } catch {
      // the disk took what it could
    }
  }
}
