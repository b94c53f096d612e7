import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiPath, type Problem, type SaveState, type SessionState } from '@medsam2/protocol';
import { benchSeries } from '../../bench/series.js';
import { Client } from '../../support/client.js';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { startServerProcess, type ServerProcess } from '../../support/server-process.js';

const series = [21, 22, 23, 24].map((seed) => benchSeries(seed, 16, 96));
const users = ['ada', 'bob'];
const sessionsPerUser = 16;
const budget = 320 * 2 ** 20;

/** Somebody's work: a series, a box of their own, a stretch, and every third with a second object. */
interface Work {
  readonly user: string;
  readonly series: (typeof series)[number];
  readonly boxes: readonly (readonly number[])[];
  readonly range: { readonly first: number; readonly last: number };
}

const works: readonly Work[] = Array.from({ length: users.length * sessionsPerUser }, (_, index) => {
  const own = series[index % series.length];
  const [x0, y0, x1, y1] = own.drawing.box;
  const pull = index >> 2;
  const boxes = [[x0 - (pull % 3), y0, x1 + (pull % 4), y1 + (pull % 2)]];
  if (index % 3 === 0) boxes.push([20 + pull, 20, 50 + pull, 40]);
  const reach = 1 + (index % 3);
  const range = { first: Math.max(0, own.slice - reach), last: Math.min(15, own.slice + reach) };
  return { user: users[index >> 4], series: own, boxes, range };
});

describeWithOrthanc('32 sessions on four series at once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'medsam2-load-'));
  const keysFile = join(folder, 'keys.json');
  const keyOf = (user: string): string => `key-of-${user}-which-nobody-knows`;
  let orthanc: Orthanc;
  let server: ServerProcess;

  beforeAll(async () => {
    const keys = users.map((id) => ({
      id,
      sha256: createHash('sha256').update(keyOf(id)).digest('hex'),
      roles: ['annotator'],
    }));
    writeFileSync(keysFile, JSON.stringify({ keys }));
    orthanc = await startOrthanc();
    for (const { files } of series) await orthanc.upload(files());
    server = await start();
  });
  afterAll(async () => {
    await server?.close();
    await orthanc?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (): Promise<ServerProcess> =>
    startServerProcess({
      env: { DICOMWEB_URL: orthanc.url },
      config: {
        auth: { mode: 'keys', keysFile },
        http: { streamsPerUser: 2 * sessionsPerUser, requestsPerMinute: 20_000 },
        sessions: { perUser: sessionsPerUser, memoryBytes: budget },
        models: { featureBytes: 128 * 2 ** 20, open: 1 },
      },
    });
  const clientOf = ({ url }: ServerProcess, user: string): Client =>
    new Client(url, { authorization: `Bearer ${keyOf(user)}` });

  async function work({ user, series, boxes, range }: Work, on: ServerProcess) {
    const client = clientOf(on, user);
    const { id } = await client.create(series.source, { position: { slice: series.slice } });
    await client.ready(id);
    for (const box of boxes) {
      const { id: segment } = await client.addSegment(id, 'Object');
      await client.prompt(id, segment, { ...series.drawing, box });
    }
    await client.propagated(id, { range, stop: { absentSlices: null } });
    return { id, masks: await client.masks(id) };
  }

  it('give what each gives alone, within the memory granted, and nobody sees the sessions of others', async () => {
    const ada = clientOf(server, 'ada');
    const most = { memory: 0, process: 0, sessions: 0 };
    const { process: empty } = await metrics(ada, keyOf('ada'));
    let running = true;
    const watching = (async () => {
      while (running) {
        const { memory, process, granted, sessions } = await metrics(ada, keyOf('ada'));
        expect(granted).toBe(budget);
        most.memory = Math.max(most.memory, memory);
        most.process = Math.max(most.process, process - empty);
        most.sessions = Math.max(most.sessions, sessions);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    })();
    const begun = performance.now();
    const together = await Promise.all(works.map((one) => work(one, server))).finally(() => (running = false));
    const seconds = (performance.now() - begun) / 1000;
    await watching;
    expect(most.sessions).toBe(works.length);
    expect(most.memory).toBeLessThanOrEqual(budget);
    // the runtime and V8 take theirs besides
    expect(most.process).toBeLessThanOrEqual(budget + 256 * 2 ** 20);

    for (const user of users) {
      const own = together.filter((_, index) => works[index].user === user).map(({ id }) => id);
      const others = together.filter((_, index) => works[index].user !== user).map(({ id }) => id);
      const client = clientOf(server, user);
      const { sessions } = await client.must<{ sessions: SessionState[] }>('GET', '/sessions');
      expect(sessions.map(({ id }) => id).sort()).toEqual([...own].sort());
      for (const id of others) {
        for (const [method, path, body] of [
          ['GET', ''],
          ['GET', '/changes'],
          ['GET', '/export?format=npz'],
          ['POST', '/save', {}],
          ['POST', '/segments', { label: 'Mine' }],
          ['DELETE', ''],
        ] as const) {
          const answer = await client.ask<Problem>(method, `${apiPath}/sessions/${id}${path}`, body);
          expect([answer.status, answer.body.code]).toEqual([404, 'session-not-found']);
        }
      }
      const full = await client.ask<Problem>('POST', `${apiPath}/sessions`, { source: series[0].source });
      expect([full.status, full.body.code]).toEqual([429, 'too-many-sessions']);
    }
    const saved = await ada.save(together[0].id);
    expect(saved.state).toBe('verified');
    const { saves } = await clientOf(server, 'bob').must<{ saves: SaveState[] }>('GET', '/saves');
    expect(saves).toEqual([]);
    expect(server.log().filter(({ level }) => level === 'error' || level === 50)).toEqual([]);

    const fresh = await start();
    let alone = 0;
    try {
      const before = performance.now();
      for (const [index, one] of works.entries()) {
        const { id, masks } = await work(one, fresh);
        await clientOf(fresh, one.user).must('DELETE', `/sessions/${id}`);
        expect([...together[index].masks.keys()].sort()).toEqual([...masks.keys()].sort());
        expect(masks.size).toBeGreaterThan(0);
        for (const [key, mask] of masks) {
          const other = together[index].masks.get(key) ?? new Uint8Array();
          expect([index, key, Buffer.compare(mask, other)]).toEqual([index, key, 0]);
        }
      }
      alone = (performance.now() - before) / 1000;
    } finally {
      await fresh.close();
    }
    process.stderr.write(
      `${works.length} sessions at once in ${seconds.toFixed(1)} s, one after the other in ${alone.toFixed(1)} s, ` +
        `at most ${mebibytes(most.memory)} of ${mebibytes(budget)} MiB, the process grew by ${mebibytes(most.process)} MiB\n`,
    );
  }, 600_000);
});

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

async function metrics(
  { url }: Client,
  key: string,
): Promise<{ readonly memory: number; readonly process: number; readonly granted: number; readonly sessions: number }> {
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } })).text();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  return {
    memory: value('medsam2_session_memory_bytes'),
    process: value('process_resident_memory_bytes'),
    granted: value('medsam2_session_memory_budget_bytes'),
    sessions: value('medsam2_sessions'),
  };
}
