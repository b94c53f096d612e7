import { encodeRuns } from '@medsam2/protocol/stream';
import { MaskStore } from './mask-store.js';
import type { FrameClock } from './schedule.js';
import { SeriesMasks, type Layer, type SliceEdit } from './series-masks.js';

const size = 16;
const slices = 4;

/** Labelmaps in memory, as the host has them. */
function setUp() {
  let time = 0;
  const clock: FrameClock = { now: () => time, next: (callback) => setTimeout(() => ((time += 20), callback()), 0) };
  const layers: (Layer & { readonly data: Uint8Array[]; readonly told: number[][] })[] = [];
  const edits: SliceEdit[] = [];
  const moved: number[] = [];
  const errors: unknown[] = [];
  const shown: number[] = [];
  const view = { all: false };
  const store = new MaskStore();
  const masks = new SeriesMasks({
    clock,
    store,
    makeLayer: () => {
      const data = Array.from({ length: slices }, () => new Uint8Array(size));
      const told: number[][] = [];
      const layer = {
        id: `layer-${layers.length}`,
        data,
        told,
        labels: (index: number) => data[index],
        isReady: () => true,
        changed: (indices: readonly number[]) => void told.push([...indices]),
      };
      layers.push(layer);
      return Promise.resolve(layer);
    },
    shown: () => shown,
    showsAll: () => view.all,
    moved: (segment) => moved.push(segment),
    edited: (found) => edits.push(...found),
    failed: (error) => errors.push(error),
  });
  return { masks, layers, edits, moved, errors, store, shown, view, clock };
}

const runs = (from: number, to: number) => encodeRuns(new Uint8Array(size).fill(1, from, to));
const pixels = (labels: Uint8Array, value: number) => labels.reduce((n, label) => n + Number(label === value), 0);

test('segments that do not overlap share a labelmap', async () => {
  const { masks, layers, errors } = setUp();
  masks.write([
    { segment: 1, index: 0, runs: runs(0, 4) },
    { segment: 2, index: 0, runs: runs(4, 8) },
  ]);
  await masks.idle();
  expect(layers).toHaveLength(1);
  expect([...layers[0].data[0]].join('')).toBe('1111222200000000');
  expect(errors).toEqual([]);
});

test('a segment that collides moves with all its slices, and nothing of either is lost', async () => {
  const { masks, layers, moved, store } = setUp();
  masks.write([
    { segment: 1, index: 0, runs: runs(0, 8) },
    { segment: 2, index: 1, runs: runs(0, 3) },
    { segment: 2, index: 0, runs: runs(4, 12) },
  ]);
  await masks.idle();
  expect(layers).toHaveLength(2);
  expect(moved).toEqual([2]);
  expect(pixels(layers[0].data[0], 1)).toBe(8);
  expect(pixels(layers[0].data[1], 2)).toBe(0);
  expect(pixels(layers[1].data[0], 2)).toBe(8);
  expect(pixels(layers[1].data[1], 2)).toBe(3);
  expect(store.get(2, 0)).toEqual(runs(4, 12));
  expect(masks.segmentsOf(layers[1])).toEqual([2]);
});

test('the newest of several masks of a slice is what is left, and an empty one clears it', async () => {
  const { masks, layers } = setUp();
  for (let end = 1; end < 9; end++) masks.write([{ segment: 1, index: 2, runs: runs(0, end) }]);
  await masks.idle();
  expect(pixels(layers[0].data[2], 1)).toBe(8);
  masks.write([{ segment: 1, index: 2, runs: new Uint8Array(0) }]);
  await masks.idle();
  expect(pixels(layers[0].data[2], 1)).toBe(0);
});

test('the host is told which images changed', async () => {
  const { masks, layers } = setUp();
  masks.write([1, 3].map((index) => ({ segment: 1, index, runs: runs(0, 2) })));
  await masks.idle();
  expect(layers[0].told.flat().sort()).toEqual([1, 3]);
});

describe('slices that stream in', () => {
  /** Twelve masks of an image, one in a frame. @returns how often the host was told, before the end and in all */
  async function stream({ masks, layers, clock }: ReturnType<typeof setUp>, index: number): Promise<[number, number]> {
    const told = () => layers[0]?.told.length ?? 0;
    const before = told();
    for (let end = 1; end <= 12; end++) {
      masks.write([{ segment: 1, index, runs: runs(0, end) }]);
      await new Promise<void>((resolve) => clock.next(resolve));
    }
    const during = told() - before;
    await masks.idle();
    expect(pixels(layers[0].data[index], 1)).toBe(12);
    return [during, told() - before];
  }

  test('where nobody looks are told of once, at the end', async () => {
    const bench = setUp();
    bench.shown.push(0);
    expect(await stream(bench, 2)).toEqual([0, 1]);
    expect(bench.layers[0].told).toEqual([[2]]);
  });

  test('where somebody looks are drawn at once, each', async () => {
    const bench = setUp();
    bench.shown.push(3);
    expect((await stream(bench, 3))[0]).toBeGreaterThanOrEqual(10);
  });

  test('are drawn as soon as somebody goes there', async () => {
    const bench = setUp();
    bench.masks.write([{ segment: 1, index: 2, runs: runs(0, 4) }]);
    while (bench.layers[0] === undefined || pixels(bench.layers[0].data[2], 1) === 0) {
      await new Promise<void>((resolve) => bench.clock.next(resolve));
    }
    expect(bench.layers[0].told).toEqual([]);
    bench.shown.push(2);
    for (let frame = 0; frame < 3; frame++) await new Promise<void>((resolve) => bench.clock.next(resolve));
    expect(bench.layers[0].told).toEqual([[2]]);
  });

  test('are drawn together, a few times, where all images are seen at the same time', async () => {
    const bench = setUp();
    bench.view.all = true;
    const [during, all] = await stream(bench, 2);
    expect([during >= 1, all <= 6]).toEqual([true, true]);
  });
});

test('own writes are no edits; what the host’s tools changed is, exactly once', async () => {
  const { masks, layers, edits } = setUp();
  masks.write([{ segment: 1, index: 0, runs: runs(0, 4) }]);
  await masks.idle();
  masks.suspectEdits('layer-0', [0, 1, 2, 3]);
  await masks.findEdits();
  expect(edits).toEqual([]);
  layers[0].data[0].fill(1, 4, 6);
  masks.suspectEdits('layer-0', [0, 1, 2, 3]);
  await masks.findEdits();
  masks.suspectEdits('layer-0', [0]);
  await masks.findEdits();
  expect(edits).toEqual([{ segment: 1, index: 0, runs: runs(0, 6) }]);
});

test('a stroke that nobody has seen yet is told before a new mask covers it', async () => {
  const { masks, layers, edits } = setUp();
  masks.write([{ segment: 1, index: 0, runs: runs(0, 4) }]);
  await masks.idle();
  layers[0].data[0].fill(1, 4, 6);
  masks.suspectEdits('layer-0', [0]);
  masks.write([{ segment: 1, index: 0, runs: runs(0, 2) }]);
  await masks.idle();
  expect(edits).toEqual([{ segment: 1, index: 0, runs: runs(0, 6) }]);
  expect(pixels(layers[0].data[0], 1)).toBe(2);
});

test('a segment painted into a labelmap where it does not live is taken out there', async () => {
  const { masks, layers, edits } = setUp();
  masks.write([
    { segment: 1, index: 0, runs: runs(0, 8) },
    { segment: 2, index: 0, runs: runs(4, 12) },
  ]);
  await masks.idle();
  layers[0].data[0].fill(2, 12, 14);
  masks.suspectEdits('layer-0', [0]);
  await masks.findEdits();
  expect(edits).toEqual([]);
  expect(pixels(layers[0].data[0], 2)).toBe(0);
});

test('a dropped segment leaves nothing behind', async () => {
  const { masks, layers, store } = setUp();
  masks.write([0, 1].map((index) => ({ segment: 1, index, runs: runs(0, 5) })));
  await masks.drop(1);
  expect(layers.every(({ data }) => data.every((labels) => labels.every((label) => label === 0)))).toBe(true);
  expect(store.segments()).toEqual([]);
});
