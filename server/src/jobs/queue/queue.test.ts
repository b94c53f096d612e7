import { UserError } from '@medsam2/models';
import { Redis } from 'ioredis';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { hasRedis, startRedis, type RedisServer } from '../testing/redis-server.js';
import { openDiskQueue } from './disk-queue.js';
import { openRedisQueue } from './redis-queue.js';
import { Again, mostStarts, type TaskContext, type TaskEntry, type TaskHandler, type TaskQueue } from './types.js';

type Task = { readonly what: string };
type Outcome = { readonly made: string };
type Checkpoint = { readonly reached: number };
type Handler = TaskHandler<Task, Outcome, Checkpoint>;
type Opened = TaskQueue<Task, Outcome>;
interface Options {
  readonly concurrency?: number;
  readonly keepMs?: number;
  readonly keepCount?: number;
}

/** One kind of queue: opening it again finds what was there. */
interface Kind {
  readonly name: string;
  setUp(): Promise<void>;
  open(handle: Handler, options?: Options): Promise<Opened>;
  tearDown(): Promise<void>;
}

const logged: unknown[] = [];
const log = (...line: unknown[]): void => void logged.push(line);

function diskKind(): Kind & { readonly folder: () => string } {
  let folder = '';
  return {
    name: 'on disk',
    folder: () => folder,
    setUp: () => {
      folder = mkdtempSync(join(tmpdir(), 'medsam2-queue-'));
      return Promise.resolve();
    },
    open: async (handle, { concurrency = 1, keepMs = 60_000, keepCount = 100 } = {}) =>
      track(
        await openDiskQueue<Task, Outcome, Checkpoint>({
          folder,
          handle,
          concurrency,
          keepMs,
          keepCount,
          task: z.object({ what: z.string() }),
          outcome: z.object({ made: z.string() }),
          checkpoint: z.object({ reached: z.number() }),
          log,
        }),
      ),
    tearDown: () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

let redis: RedisServer | undefined;
function redisKind(): Kind {
  let prefix = '';
  return {
    name: 'in Redis',
    setUp: async () => {
      redis ??= await startRedis();
      prefix = `test-${randomUUID()}`;
    },
    open: async (handle, { concurrency = 1, keepMs = 60_000, keepCount = 100 } = {}) =>
      track(
        await openRedisQueue<Task, Outcome, Checkpoint>({
          url: redis?.url ?? '',
          prefix,
          name: 'jobs',
          handle,
          concurrency,
          keepMs,
          keepCount,
          lostMs: 1000,
          pollMs: 50,
          log,
        }),
      ),
    tearDown: () => Promise.resolve(),
  };
}

/** Opened by a test, closed after it whatever happened. */
let opened: Opened[] = [];
const track = (queue: Opened): Opened => {
  opened.push(queue);
  return queue;
};
afterEach(async () => {
  await Promise.all(opened.map((queue) => queue.close(0)));
  opened = [];
});

const withRedis = hasRedis();
const kinds: Kind[] = [diskKind(), ...(withRedis ? [redisKind()] : [])];
afterAll(() => redis?.close());

describe.each(kinds)('a queue $name', (kind) => {
  beforeEach(() => kind.setUp());
  afterEach(() => kind.tearDown());
  const start = (handle: Handler, options?: Options): Promise<Opened> => kind.open(handle, options);

  it('runs a task once, tells how far it is, and keeps its outcome', async () => {
    const ran: string[] = [];
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const queue = await start(async ({ what }, context) => {
      ran.push(what);
      context.report(0.5, 'half');
      await gate;
      return { made: `${what} for ${context.owner}` };
    });
    await queue.add({ id: 'one', owner: 'ada', task: { what: 'a' } });
    await queue.add({ id: 'one', owner: 'ada', task: { what: 'again' } });
    expect(await until(queue, 'one', ({ progress }) => progress === 0.5)).toMatchObject({
      state: 'running',
      stage: 'half',
    });
    expect(await queue.load()).toEqual({ waiting: 0, running: 1 });
    go();
    expect(await ended(queue, 'one')).toMatchObject({ state: 'done', progress: 1, outcome: { made: 'a for ada' } });
    expect(ran).toEqual(['a']);
    expect(await queue.get('two')).toBeUndefined();
  });

  it.each([1, 2])('takes tasks in their order, no more than %i at once', async (concurrency) => {
    const order: string[] = [];
    let [now, most] = [0, 0];
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const queue = await start(
      async ({ what }) => {
        order.push(what);
        most = Math.max(most, ++now);
        await gate;
        now--;
        return { made: what };
      },
      { concurrency },
    );
    for (const what of ['a', 'b', 'c', 'd', 'e']) {
      await queue.add({ id: what, owner: 'ada', task: { what } });
      await sleep(2);
    }
    for (const what of ['a', 'b'].slice(0, concurrency)) await until(queue, what, ({ state }) => state === 'running');
    go();
    for (const what of ['a', 'b', 'c', 'd', 'e']) await ended(queue, what);
    // Two that begin together may reach their handlers in either order.
    if (concurrency === 1) expect(order).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(most).toBeLessThanOrEqual(concurrency);
    expect(order.length).toBe(5);
  });

  it('tells what a user may know of a failure', async () => {
    const queue = await start(({ what }) =>
      Promise.reject(what === 'user' ? new UserError('bad', 'It is bad.', 'Do better.') : new Error('secret detail')),
    );
    await queue.add({ id: 'one', owner: 'ada', task: { what: 'user' } });
    await queue.add({ id: 'two', owner: 'ada', task: { what: 'defect' } });
    expect(await ended(queue, 'one')).toMatchObject({
      state: 'failed',
      problem: { code: 'bad', detail: 'It is bad.', remedy: 'Do better.' },
    });
    const defect = await ended(queue, 'two');
    expect(defect).toMatchObject({ state: 'failed', problem: { code: 'internal-error' } });
    expect(JSON.stringify(defect)).not.toContain('secret');
  });

  it('cancels what waits and what runs', async () => {
    const ran: string[] = [];
    const queue = await start(({ what }, { signal }) => {
      ran.push(what);
      return hang(signal);
    });
    for (const what of ['a', 'b']) {
      await queue.add({ id: what, owner: 'ada', task: { what } });
      await sleep(2);
    }
    await until(queue, 'a', ({ state }) => state === 'running');
    expect([await queue.open('ada'), await queue.open('eve')]).toEqual([2, 0]);
    await queue.cancel('b');
    expect(await queue.open('ada')).toBe(1);
    expect(await queue.get('b')).toMatchObject({ state: 'cancelled' });
    await queue.cancel('a');
    expect(await ended(queue, 'a')).toMatchObject({ state: 'cancelled' });
    await queue.cancel('a');
    await queue.cancel('unknown');
    await sleep(100);
    expect(await ended(queue, 'b')).toMatchObject({ state: 'cancelled' });
    expect(ran).toEqual(['a']);
  });

  it('lists by owner, newest first', async () => {
    const queue = await start(({ what }) => Promise.resolve({ made: what }));
    for (const [id, owner] of [['a', 'ada'], ['b', 'eve'], ['c', 'ada']]) {
      await queue.add({ id, owner, task: { what: id } });
      await sleep(2);
    } // prettier-ignore
    const ids = async (owner?: string) => (await queue.list(owner)).map(({ id }) => id);
    expect(await ids('ada')).toEqual(['c', 'a']);
    expect(await ids('nobody')).toEqual([]);
    expect(await ids()).toEqual(['c', 'b', 'a']);
  });

  it('runs a task again after a while when it asks for that', async () => {
    const at: number[] = [];
    const queue = await start(({ what }) => {
      at.push(Date.now());
      return at.length < 3 ? Promise.reject(new Again(50)) : Promise.resolve({ made: what });
    });
    await queue.add({ id: 'one', owner: 'ada', task: { what: 'a' } });
    expect(await ended(queue, 'one')).toMatchObject({ state: 'done' });
    expect(at.length).toBe(3);
    expect(at[2] - at[0]).toBeGreaterThanOrEqual(95);
  });

  it('takes up, with its checkpoint, what was running when it was closed', async () => {
    const first = await start(async (_task, context) => {
      await context.keep({ reached: 7 });
      context.report(0.7, 'on the way');
      return hang(context.signal);
    });
    await first.add({ id: 'one', owner: 'ada', task: { what: 'a' } });
    await first.add({ id: 'two', owner: 'ada', task: { what: 'b' } });
    await until(first, 'one', ({ stage }) => stage === 'on the way');
    await first.close(0);
    const seen: (Checkpoint | undefined)[] = [];
    const second = await start(({ what }, { checkpoint }) => {
      seen.push(checkpoint);
      return Promise.resolve({ made: what });
    });
    expect(await ended(second, 'one')).toMatchObject({ state: 'done', outcome: { made: 'a' } });
    expect(await ended(second, 'two')).toMatchObject({ state: 'done', outcome: { made: 'b' } });
    expect(seen).toContainEqual({ reached: 7 });
    expect(seen).toContain(undefined);
  });

  it('lets a task end that needs less than the grace period', async () => {
    const first = await start(async ({ what }) => {
      await sleep(100);
      return { made: what };
    });
    await first.add({ id: 'one', owner: 'ada', task: { what: 'a' } });
    await until(first, 'one', ({ state }) => state === 'running');
    await first.close(5000);
    const second = await start(() => Promise.reject(new Error('it is not run again')));
    expect(await second.get('one')).toMatchObject({ state: 'done', outcome: { made: 'a' } });
  });

  it('forgets tasks that ended, beyond a number and an age', async () => {
    const queue = await start(({ what }) => Promise.resolve({ made: what }), { keepCount: 2 });
    for (const what of ['a', 'b', 'c']) {
      await queue.add({ id: what, owner: 'ada', task: { what } });
      await until(queue, what, (entry) => entry === undefined || entry.finished !== undefined);
      await sleep(2);
    }
    await sleep(50);
    expect((await queue.list('ada')).map(({ id }) => id)).toEqual(['c', 'b']);
    expect(await queue.get('a')).toBeUndefined();
  });
});

describe('a queue on disk', () => {
  const kind = diskKind();
  beforeEach(() => kind.setUp());
  afterEach(() => kind.tearDown());

  it('holds in readable files neither more than it needs nor for others', async () => {
    const queue = await kind.open(({ what }) => Promise.resolve({ made: what }));
    await queue.add({ id: 'one', owner: 'ada', task: { what: 'a' } });
    await ended(queue, 'one');
    await queue.close(0);
    expect(readdirSync(kind.folder()).sort()).toEqual(['.holder', 'one.state.json']);
  });

  it('gives a task up that ended its process too often, and leaves damaged records alone', async () => {
    const waiting = await kind.open((_task, { signal }) => hang(signal), { concurrency: 0 });
    await waiting.add({ id: 'one', owner: 'ada', task: { what: 'a' } });
    await waiting.close(0);
    writeFileSync(join(kind.folder(), 'two.state.json'), '{"half": ');
    const path = join(kind.folder(), 'one.state.json');
    const { seal, unseal } = await import('../../durable/private-files.js');
    const record = z.looseObject({}).parse(unseal(readFileSync(path, 'utf8')));
    writeFileSync(path, seal({ ...record, state: 'running', starts: mostStarts }));
    const again = await kind.open(() => Promise.resolve({ made: 'never' }));
    expect(await again.get('one')).toMatchObject({ state: 'failed', problem: { code: 'job-crashed' } });
    expect(await again.get('two')).toBeUndefined();
    expect(readdirSync(kind.folder())).toContain('two.state.json');
    await again.close(0);
  });
});

(withRedis ? describe : describe.skip)('a queue in Redis', () => {
  const kind = redisKind();
  beforeEach(() => kind.setUp());

  it('is shared: each task runs at one server, and is cancelled from the other', async () => {
    const ran: string[] = [];
    const handle =
      (server: string): Handler =>
      async ({ what }, { signal }) => {
        ran.push(`${what}@${server}`);
        if (what === 'long') return hang(signal);
        await sleep(30);
        return { made: what };
      };
    const [a, b] = [await kind.open(handle('a')), await kind.open(handle('b'))];
    for (let at = 0; at < 6; at++) await a.add({ id: `t${at}`, owner: 'ada', task: { what: `${at}` } });
    for (let at = 0; at < 6; at++) expect(await ended(b, `t${at}`)).toMatchObject({ state: 'done' });
    expect(ran.length).toBe(6);
    expect(new Set(ran.map((text) => text.split('@')[1]))).toEqual(new Set(['a', 'b']));
    await a.add({ id: 'long', owner: 'ada', task: { what: 'long' } });
    await until(b, 'long', ({ state }) => state === 'running');
    // One of the two does not run it.
    await Promise.all([a.cancel('long'), b.cancel('long')]);
    expect(await ended(a, 'long')).toMatchObject({ state: 'cancelled' });
  });

  it('says so while Redis does not answer, without its password, and goes on afterwards', async () => {
    const queue = await kind.open(({ what }) => Promise.resolve({ made: what }));
    const wrong = openRedisQueue<Task, Outcome, Checkpoint>({
      url: (redis?.url ?? '').replace(redis?.password ?? '', 'wrong-password'),
      prefix: 'x',
      name: 'jobs',
      handle: () => Promise.resolve({ made: '' }),
      concurrency: 1,
      keepMs: 1000,
      keepCount: 10,
      log,
    });
    await expect(wrong).rejects.toThrow(expect.objectContaining({ code: 'queue-failed' }) as Error);
    await queue.add({ id: 'one', owner: 'ada', task: { what: 'a' } });
    expect(await ended(queue, 'one')).toMatchObject({ state: 'done' });
    expect(JSON.stringify(logged)).not.toMatch(new RegExp(`${redis?.password ?? '-'}|wrong-password`));
    await queue.close(0);
  });

  it('puts a prefix before every key', async () => {
    const queue = await kind.open(({ what }) => Promise.resolve({ made: what }));
    await queue.add({ id: 'one', owner: 'ada', task: { what: 'a' } });
    await ended(queue, 'one');
    await queue.close(0);
    const client = new Redis(redis?.url ?? '');
    const keys = await client.keys('*');
    client.disconnect();
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.filter((key) => !key.startsWith('test-'))).toEqual([]);
  });
});

function hang(signal: TaskContext<Checkpoint>['signal']): Promise<Outcome> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

type Entry = TaskEntry<Outcome>;
async function until(queue: Opened, id: string, holds: (entry: Entry) => boolean): Promise<Entry> {
  for (let left = 800; left > 0; left--) {
    const entry = await queue.get(id);
    if (entry !== undefined && holds(entry)) return entry;
    await sleep(10);
  }
  throw new Error(`it did not happen: ${JSON.stringify(await queue.get(id))}`);
}
const ended = (queue: Opened, id: string): Promise<Entry> => until(queue, id, ({ finished }) => finished !== undefined);
