import { FeatureCache } from './feature-cache.js';
import type { Call, Priority } from './graph-runner.js';
import { MemoryRunner, plainSource, toySliceBytes } from './testing/memory-runner.js';

const call = (priority: Priority = 'propagation', signal?: AbortSignal): Call => ({ priority, signal });

/** Lets everything that can go on without the device go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

function make(slicesInBudget: number, batch?: number) {
  const runner = new MemoryRunner();
  const cache = new FeatureCache(runner, slicesInBudget * toySliceBytes, batch);
  const source = cache.open(plainSource(40));
  const use = async (slice: number) => (await source.acquire(slice, call())).release();
  return { runner, cache, source, use };
}

describe('the byte budget', () => {
  it('lets the least recently used slice go first', async () => {
    const { runner, cache, use } = make(2);
    for (const slice of [0, 1, 0, 2]) await use(slice);
    expect(cache.bytes).toBe(2 * toySliceBytes);
    expect(runner.held).toBe(2);
    await use(0);
    expect(runner.encoded).toEqual([[0], [1], [2]]);
    await use(1);
    expect(runner.encoded).toEqual([[0], [1], [2], [1]]);
  });

  it('is exceeded by slices in use alone, which are never taken away', async () => {
    const { runner, cache, source } = make(1);
    const leases = [];
    for (const slice of [0, 1, 2]) leases.push(await source.acquire(slice, call()));
    expect(cache.bytes).toBe(3 * toySliceBytes);
    for (const lease of leases) expect(runner.holds(lease.features)).toBe(true);
    for (const lease of leases) lease.release();
    expect(cache.bytes).toBe(toySliceBytes);
    expect(runner.holds(leases[2].features)).toBe(true);
  });

  it('holds for all sources together, whose slices are not mixed up', async () => {
    const { runner, cache, use } = make(2);
    const other = cache.open(plainSource(3, 100));
    await use(0);
    const lease = await other.acquire(0, call());
    expect(runner.encoded).toEqual([[0], [100]]);
    lease.release();
    await use(1);
    expect(cache.bytes).toBe(2 * toySliceBytes);
    (await other.acquire(0, call())).release();
    expect(runner.encoded).toEqual([[0], [100], [1]]);
  });

  it('a lease released twice counts once', async () => {
    const { runner, source } = make(0);
    const [first, second] = [await source.acquire(0, call()), await source.acquire(0, call())];
    first.release();
    first.release();
    expect(runner.holds(second.features)).toBe(true);
    second.release();
    expect(runner.held).toBe(0);
  });
});

describe('encoding', () => {
  it('happens once for everybody who waits for a slice', async () => {
    const { runner, source } = make(4);
    const leases = await Promise.all([1, 1, 1, 2].map((slice) => source.acquire(slice, call())));
    expect(runner.encoded).toEqual([[1], [2]]);
    expect(new Set(leases.slice(0, 3).map(({ features }) => features.id)).size).toBe(1);
  });

  it('ahead of need becomes urgent when somebody waits for it', async () => {
    const { runner, source } = make(8);
    const go = runner.stop();
    const first = source.acquire(0, call());
    await settled();
    source.prefetch([1]);
    source.prefetch([2]);
    const propagated = source.acquire(3, call());
    const clicked = source.acquire(2, call('interactive'));
    go();
    await Promise.all([first, propagated, clicked]);
    await settled();
    expect(runner.encoded).toEqual([[0], [2], [3], [1]]);
  });

  it('fails for whoever waits, and is tried again for the next', async () => {
    const { runner, cache } = make(8);
    let broken = true;
    const image = (slice: number) => {
      if (broken) throw new Error(`slice ${slice} cannot be read`);
      return new Uint8Array(4).fill(7);
    };
    const source = cache.open({ slices: 2, rows: 2, columns: 2, channels: 1, image });
    expect(source.prefetch([0, 1])).toBeUndefined();
    await expect(source.acquire(0, call())).rejects.toThrow('slice 0 cannot be read');
    broken = false;
    (await source.acquire(0, call())).release();
    expect(runner.encoded).toEqual([[7]]);
  });
});

describe('encoding ahead', () => {
  it('takes a batch when its first slice is due', async () => {
    const { runner, source } = make(20, 4);
    source.prefetch([1, 2, 3, 4, 5, 6]);
    expect(source.prefetch([2, 3, 4, 5, 6])).toBeUndefined();
    await settled();
    source.prefetch([5, 6, 4]);
    await settled();
    expect(runner.encoded).toEqual([
      [1, 2, 3, 4],
      [5, 6],
    ]);
  });

  it('stays within the budget beside what is in use and on its way', async () => {
    const { runner, cache, source, use } = make(3, 8);
    await use(9);
    const lease = await source.acquire(0, call());
    source.prefetch([1, 2, 3, 4]);
    expect(source.prefetch([3, 4])).toBeUndefined();
    await settled();
    expect(runner.encoded).toEqual([[9], [0], [1, 2]]);
    expect(cache.bytes).toBe(3 * toySliceBytes);
    lease.release();
  });

  it('does nothing without a budget, so that no slice is encoded twice', async () => {
    const { runner, source, use } = make(0);
    for (const slice of [0, 1, 2]) {
      expect(source.prefetch([slice + 1])).toBeUndefined();
      await use(slice);
    }
    expect(runner.encoded).toEqual([[0], [1], [2]]);
    expect(runner.held).toBe(0);
  });

  it('can be taken back while nobody waits for it', async () => {
    const { runner, source } = make(8, 2);
    const go = runner.stop();
    const first = source.acquire(0, call());
    await settled();
    const forget = source.prefetch([1, 2]);
    const keep = source.prefetch([3, 4]);
    const wanted = source.acquire(4, call());
    forget?.();
    keep?.();
    go();
    await Promise.all([first, wanted]);
    await settled();
    expect(runner.encoded).toEqual([[0], [3, 4]]);
    await source.acquire(1, call());
    expect(runner.encoded).toEqual([[0], [3, 4], [1]]);
  });
});

describe('a waiter that gives up', () => {
  it('is told at once, and its encode does not run', async () => {
    const { runner, cache, source } = make(8);
    const go = runner.stop();
    const first = source.acquire(0, call());
    await settled();
    const abort = new AbortController();
    const second = source.acquire(1, call('propagation', abort.signal));
    await settled();
    abort.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    go();
    (await first).release();
    await settled();
    expect(runner.encoded).toEqual([[0]]);
    expect(cache.bytes).toBe(toySliceBytes);
    expect(runner.queued).toBe(0);
  });

  it('does not take the slice away from others, be they early or late', async () => {
    const { runner, source } = make(8);
    const go = runner.stop();
    const first = source.acquire(0, call());
    await settled();
    const abort = new AbortController();
    const leaving = [1, 2].map((slice) => source.acquire(slice, call('propagation', abort.signal)));
    const early = source.acquire(1, call());
    await settled();
    abort.abort();
    // The cancelled encode of slice 2 is still there in this turn of the event loop.
    const late = source.acquire(2, call());
    for (const waiter of leaving) await expect(waiter).rejects.toMatchObject({ name: 'AbortError' });
    go();
    const leases = await Promise.all([first, early, late]);
    for (const { features } of leases) expect(runner.holds(features)).toBe(true);
    expect(runner.encoded).toEqual([[0], [1], [2]]);
  });

  it('leaves behind what ran already, for the next', async () => {
    const { runner, source } = make(8);
    const go = runner.stop();
    const abort = new AbortController();
    const leaving = source.acquire(5, call('propagation', abort.signal));
    await settled();
    abort.abort();
    await expect(leaving).rejects.toMatchObject({ name: 'AbortError' });
    const next = source.acquire(5, call());
    go();
    expect(runner.holds((await next).features)).toBe(true);
    expect(runner.encoded).toEqual([[5]]);
  });

  it('is refused when it had given up before', async () => {
    const { runner, source } = make(8);
    await expect(source.acquire(0, call('propagation', AbortSignal.abort()))).rejects.toMatchObject({
      name: 'AbortError',
    });
    await settled();
    expect(runner.encoded).toEqual([]);
  });
});

describe('a lost worker', () => {
  it('takes all features along; slices are encoded again', async () => {
    const { runner, cache, source, use } = make(8);
    await use(0);
    const lease = await source.acquire(1, call());
    runner.lose();
    expect(cache.bytes).toBe(0);
    lease.release();
    await use(0);
    await use(1);
    expect(runner.encoded).toEqual([[0], [1], [0], [1]]);
    expect(cache.bytes).toBe(2 * toySliceBytes);
    expect(runner.held).toBe(2);
  });

  it('fails who waits for what ran, and serves who waits for what had not begun', async () => {
    const { runner, cache, source } = make(8);
    const go = runner.stop();
    const running = source.acquire(0, call());
    await settled();
    const waiting = source.acquire(1, call());
    await settled();
    runner.lose();
    await expect(running).rejects.toMatchObject({ code: 'worker-crashed' });
    go();
    expect(runner.holds((await waiting).features)).toBe(true);
    expect(cache.bytes).toBe(toySliceBytes);
  });
});

describe('closing', () => {
  it('a source lets go of its slices, those in use when they are done with', async () => {
    const { runner, cache, source, use } = make(8);
    const other = cache.open(plainSource(3, 100));
    (await other.acquire(0, call())).release();
    await use(0);
    const lease = await source.acquire(1, call());
    source.close();
    expect(runner.held).toBe(2);
    expect(runner.holds(lease.features)).toBe(true);
    lease.release();
    expect(runner.held).toBe(1);
    expect(cache.bytes).toBe(toySliceBytes);
    await expect(source.acquire(0, call())).rejects.toThrow('closed');
  });

  it('a source cancels what waits and releases what arrives later', async () => {
    const { runner, source } = make(8);
    const go = runner.stop();
    source.prefetch([0]);
    await settled();
    source.prefetch([1]);
    source.close();
    go();
    await settled();
    expect(runner.encoded).toEqual([[0]]);
    expect(runner.held).toBe(0);
  });

  it('the cache releases everything and listens to the runner no longer', async () => {
    const { runner, cache, source, use } = make(8);
    await use(0);
    const lease = await source.acquire(1, call());
    source.prefetch([2]);
    cache.close();
    expect(runner.held).toBe(0);
    lease.release();
    await settled();
    expect([runner.held, cache.bytes]).toEqual([0, 0]);
    runner.lose();
    expect(cache.bytes).toBe(0);
  });
});
