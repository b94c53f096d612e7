import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Call, DecodeOutput, SliceFeatures } from '../engine/graph-runner.js';
import { parityPresets } from '../engine/options.js';
import { Segmenter } from '../engine/segmenter.js';
import { TestRandom } from '../engine/testing/random.js';
import type { ImageSource, SegmentRequest, SliceResult } from '../engine/types.js';
import { describeModel } from './open-model.js';
import { installFixture } from './testing/fixture-model.js';
import { WorkerRunner } from './worker-runner.js';

const call: Call = { priority: 'propagation' };
const folder = mkdtempSync(join(tmpdir(), 'medsam2-runner-'));
const faulty = new URL('./testing/faulty-worker.js', import.meta.url);
/** See `faulty-worker.ts`. */
const order = join(tmpdir(), `medsam2-faulty-worker-${process.pid}`);
const breakAt = (operation: string, count = 1, how: 'exit' | 'throw' = 'exit') =>
  writeFileSync(order, `${operation} ${count} ${how}`);

let fixture: Awaited<ReturnType<typeof installFixture>>;
const open = new Set<WorkerRunner>();

beforeAll(async () => {
  fixture = await installFixture();
});

afterEach(async () => {
  for (const runner of open) await runner.close();
  open.clear();
  rmSync(order, { force: true });
});

afterAll(async () => {
  await fixture.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function start(script?: URL, change: { imageEncoder?: string } = {}): Promise<WorkerRunner> {
  const { host, load } = await describeModel(fixture.model);
  const { imageEncoder = load.graphPaths.image_encoder } = change;
  const graphPaths = { ...load.graphPaths, image_encoder: imageEncoder };
  const request = { ...load, graphPaths, device: 'cpu' as const, deviceIndex: 0, threads: 1 };
  const runner = await WorkerRunner.start(fixture.model.architecture, host, request, script);
  open.add(runner);
  return runner;
}

const size = 128;
const image = (seed: number) => new TestRandom(seed).bytes(size * size);
const encode = async (runner: WorkerRunner, seed: number) => (await runner.encode([image(seed)], 1, call))[0];
const decode = (runner: WorkerRunner, features: SliceFeatures): Promise<DecodeOutput> => {
  const [coords, labels] = [Float32Array.from([30, 40, 90, 100]), Float32Array.from([2, 3])];
  return runner.decode({ features, base: 'initial', coords, labels }, call);
};
/** Handles held by the worker when all that was under way is answered, and its answer dealt with. */
async function handles(runner: WorkerRunner): Promise<number> {
  await runner.keptHandles();
  return runner.keptHandles();
}
const crashed = { name: 'UserError', code: 'worker-crashed' };

const source: ImageSource = {
  slices: 6,
  rows: 50,
  columns: 60,
  channels: 1,
  image: (slice) =>
    new TestRandom(slice)
      .bytes(3000)
      .map((v, i) => (Math.hypot((i % 60) - 30, i / 60 - 25) < 14 ? 255 - (v >> 3) : v >> 1)),
};
const request: SegmentRequest = {
  objects: [{ label: 1, prompts: [{ kind: 'box', slice: 2, box: [16, 11, 44, 39] }] }],
  direction: 'both',
  options: parityPresets.cpu,
};
const roomy = { featureBudget: 2 ** 30 };

async function segment(segmenter: Segmenter, more: Partial<SegmentRequest> = {}): Promise<SliceResult[]> {
  const target = segmenter.open(source);
  const results: SliceResult[] = [];
  try {
    for await (const event of target.segment({ ...request, ...more })) if (event.type === 'slice') results.push(event);
  } finally {
    target.close();
  }
  return results;
}

describe('the thread of the caller', () => {
  it('stays responsive while a graph runs', async () => {
    const runner = await start();
    const images = Array.from({ length: 24 }, (_, seed) => image(seed));
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    try {
      const all = await runner.encode(images, 1, call);
      expect(ticks).toBeGreaterThan(0);
      expect(all).toHaveLength(images.length);
      expect(await handles(runner)).toBe(images.length);
    } finally {
      clearInterval(timer);
    }
  });
});

describe('a batch', () => {
  it('gives each slice what it gets alone, to be released alone', async () => {
    const runner = await start();
    const batch = await runner.encode([image(1), image(2), image(3)], 1, call);
    const alone = await encode(runner, 2);
    runner.release(batch[0]);
    runner.release(batch[2]);
    const [ofBatch, ofOne] = [await decode(runner, batch[1]), await decode(runner, alone)];
    for (const key of ['masks', 'iou'] as const) {
      ofBatch[key].forEach((value, at) => expect(Math.abs(value - ofOne[key][at])).toBeLessThan(1e-4));
    }
    expect(batch[1].bytes).toBe(alone.bytes);
    expect(await handles(runner)).toBe(2);
  });

  it('of colour images with equal channels equals the grey one', async () => {
    const runner = await start();
    const plane = image(1);
    const colour = Uint8Array.from({ length: 3 * size * size }, (_, at) => plane[Math.floor(at / 3)]);
    const [grey] = await runner.encode([plane], 1, call);
    const [rgb] = await runner.encode([colour], 3, call);
    expect(await decode(runner, rgb)).toEqual(await decode(runner, grey));
  });
});

describe('a worker that dies', () => {
  it.each([
    ['exit', 'exit code 3'],
    ['throw', 'the test broke this worker'],
  ] as const)('by %s fails its request, and the next one has a new worker', async (how, reason) => {
    const runner = await start(faulty);
    const before = await decode(runner, await encode(runner, 1));
    let lost = 0;
    runner.onLost(() => lost++);
    breakAt('encode', 1, how);
    const failure = await encode(runner, 2).catch((error: unknown) => error);
    expect(failure).toMatchObject({ ...crashed, message: expect.stringContaining(reason) as string });
    expect((failure as Error).message).not.toContain('\n');
    expect(lost).toBe(1);
    expect(await decode(runner, await encode(runner, 1))).toEqual(before);
    expect(lost).toBe(1);
  });

  it('takes its handles along: none is mistaken for one of the next worker', async () => {
    const runner = await start(faulty);
    const old = await encode(runner, 1);
    breakAt('decode');
    const inFlight = decode(runner, old);
    // These wait while the worker dies, and reach a new one.
    const waiting = decode(runner, old);
    const other = encode(runner, 2);
    await expect(inFlight).rejects.toMatchObject(crashed);
    await expect(waiting).rejects.toMatchObject(crashed);
    const fresh = await other;
    // Both workers number their handles from 1.
    expect(fresh.id).toBe(old.id);
    await expect(decode(runner, old)).rejects.toMatchObject(crashed);
    await expect(runner.attend(old, [], [], call)).rejects.toMatchObject(crashed);
    await expect(runner.encodeMemory(old, new Float32Array(1024), 'soft', 1, call)).rejects.toMatchObject(crashed);
    runner.release(old);
    expect(await handles(runner)).toBe(1);
    expect((await decode(runner, fresh)).masks).toHaveLength(4 * 1024);
  });

  it('in the middle of a segmentation fails it; the same request again gives the same as ever', async () => {
    const undisturbed = await start();
    const expected = await segment(new Segmenter(undisturbed, roomy));
    expect(expected.map(({ slice }) => slice)).toEqual([2, 3, 4, 5, 1, 0]);
    expect(expected.some(({ mask }) => mask.includes(1))).toBe(true);
    for (const [operation, count] of [
      ['encode', 3],
      ['attend', 2],
      ['decode', 4],
      ['encodeMemory', 1],
    ] as const) {
      const runner = await start(faulty);
      const segmenter = new Segmenter(runner, roomy);
      breakAt(operation, count);
      await expect(segment(segmenter)).rejects.toMatchObject(crashed);
      expect(existsSync(order)).toBe(false);
      expect(await segment(segmenter)).toEqual(expected);
      expect(await handles(runner)).toBe(0);
      expect(segmenter.featureBytes).toBe(0);
      await segmenter.close();
    }
  });

  it('while it loads again fails the request, and not the one after', async () => {
    const runner = await start(faulty);
    breakAt('encode');
    await expect(encode(runner, 1)).rejects.toMatchObject(crashed);
    breakAt('load');
    await expect(encode(runner, 1)).rejects.toMatchObject(crashed);
    expect(await decode(runner, await encode(runner, 1))).toMatchObject({ presence: expect.any(Number) as number });
  });
});

it('tries again to load a model that could not be loaded for a while', async () => {
  const runner = await start(faulty);
  breakAt('encode');
  await expect(encode(runner, 1)).rejects.toMatchObject(crashed);
  const graph = fixture.model.graphPaths.mask_decoder;
  renameSync(graph, `${graph}.away`);
  try {
    await expect(encode(runner, 1)).rejects.toMatchObject({ code: 'device-unusable' });
  } finally {
    renameSync(`${graph}.away`, graph);
  }
  expect((await encode(runner, 1)).bytes).toBeGreaterThan(0);
});

describe('starting', () => {
  it('says in one line why a model cannot be loaded', async () => {
    const missing = join(folder, 'nothing.onnx');
    const failure = await start(undefined, { imageEncoder: missing }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'device-unusable', message: expect.stringContaining(missing) as string });
    expect((failure as Error).message).not.toContain('\n');
  });

  it('says so when the worker itself cannot run', async () => {
    const script = join(folder, 'no-runtime.mjs');
    writeFileSync(script, `import 'a-package-that-is-not-there';`);
    await expect(start(pathToFileURL(script))).rejects.toMatchObject({
      code: 'device-unusable',
      message: expect.stringContaining('a-package-that-is-not-there') as string,
    });
    breakAt('load');
    await expect(start(faulty)).rejects.toMatchObject({ code: 'device-unusable' });
  });
});

describe('cancelling', () => {
  it('in the middle of a propagation leaves a sound worker and no handles', async () => {
    const runner = await start();
    const segmenter = new Segmenter(runner, roomy);
    const expected = await segment(segmenter);
    for (const last of [2, 4, 1]) {
      const abort = new AbortController();
      const target = segmenter.open(source);
      const run = async () => {
        for await (const event of target.segment({ ...request, signal: abort.signal })) {
          // In the next turn, a graph is running.
          if (event.type === 'slice' && event.slice === last) setImmediate(() => abort.abort());
        }
      };
      await expect(run()).rejects.toMatchObject({ name: 'AbortError' });
      target.close();
      expect(await handles(runner)).toBe(0);
      expect(await segment(segmenter)).toEqual(expected);
    }
    expect(runner.queued).toBe(0);
  });

  it('a request that waits does not reach the worker', async () => {
    const runner = await start();
    const abort = new AbortController();
    const running = encode(runner, 1);
    const waiting = runner.encode([image(2)], 1, { priority: 'propagation', signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await running;
    expect(await handles(runner)).toBe(1);
  });

  it('an attention that runs releases what nobody will take', async () => {
    const runner = await start();
    const features = await encode(runner, 1);
    const memory = await runner.encodeMemory(features, new Float32Array(1024).fill(3), 'binary', 5, call);
    const abort = new AbortController();
    const { ageRow, position } = { ageRow: 6, position: new Float32Array(16) };
    const pointer = new Float32Array(32).fill(0.1);
    const running = runner.attend(features, [{ memory, ageRow }], [{ pointer, position }], {
      priority: 'propagation',
      signal: abort.signal,
    });
    await Promise.resolve();
    setImmediate(() => abort.abort());
    // It may be done before the signal fires; then the handle is the caller's.
    await running.then(
      (handle) => runner.release(handle),
      (error: unknown) => expect(error).toMatchObject({ name: 'AbortError' }),
    );
    expect(await handles(runner)).toBe(1);
  });
});

describe('handles', () => {
  it('are those of the cached slices while a target is open, and none when it is closed, run after run', async () => {
    const runner = await start();
    const segmenter = new Segmenter(runner, roomy);
    const target = segmenter.open(source);
    for (let round = 0; round < 3; round++) {
      for await (const event of target.segment(request)) expect(event.type).not.toBe('absent');
      expect(await handles(runner)).toBe(source.slices);
    }
    target.close();
    expect(await handles(runner)).toBe(0);
    expect(segmenter.featureBytes).toBe(0);
  });

  it('are none after each run when the budget holds no slice', async () => {
    const runner = await start();
    const segmenter = new Segmenter(runner, { featureBudget: 0 });
    const target = segmenter.open(source);
    for (let round = 0; round < 3; round++) {
      for await (const event of target.segment(request)) expect(event.type).not.toBe('absent');
      expect(await handles(runner)).toBe(0);
    }
  });
});

describe('closing', () => {
  it('ends what runs, refuses what waits and what comes later', async () => {
    const runner = await start();
    const many = Array.from({ length: 24 }, () => image(1));
    const running = runner.encode(many, 1, call);
    const waiting = encode(runner, 2);
    const refused = expect(waiting).rejects.toMatchObject({ code: 'model-closed' });
    // The request is sent within this turn, and the closing comes while the worker prepares the run.
    for (let microtask = 0; microtask < 10; microtask++) await Promise.resolve();
    const closing = [runner.close(), runner.close()];
    expect(await running).toHaveLength(24);
    await refused;
    await Promise.all(closing);
    await expect(encode(runner, 3)).rejects.toMatchObject({ code: 'model-closed' });
  });

  it('does not wait for a worker that dies meanwhile', async () => {
    const runner = await start(faulty);
    breakAt('close');
    await runner.close();
    expect(existsSync(order)).toBe(false);
  });

  it('is no loss of a worker', async () => {
    const runner = await start();
    let lost = 0;
    runner.onLost(() => lost++);
    await runner.close();
    expect(lost).toBe(0);
  });
});
