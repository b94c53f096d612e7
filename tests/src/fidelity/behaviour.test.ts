/**
 * What must hold for any weights (specification section 10): on the small model with random weights, through the same
 * workers and graphs as in production.
 */
import {
  openModel,
  parityPresets,
  Segmenter,
  type Direction,
  type EngineOptions,
  type ImageSource,
  type Prompt,
  type SegmentRequest,
  type SliceResult,
} from '@medsam2/server';
import { fixtureReference, fixtureWeights, installModel, temporaryRegistry } from '../support/models.js';
import { observe } from '../support/observed-runner.js';
import { largestDifference, Reference } from '../support/reference.js';

let registry: Awaited<ReturnType<typeof temporaryRegistry>>;
let segmenter: Segmenter;
let reference: Reference;
/** twelve slices of a moving ellipse */
let source: ImageSource;

const slices = 12;
const key = 5;

beforeAll(async () => {
  registry = await temporaryRegistry();
  const model = await installModel(registry, fixtureWeights, 'fixture', 'fixture');
  ({ segmenter } = await openModel(model, { device: { kind: 'cpu', index: 0 }, threads: 1 }));
  reference = await Reference.open(fixtureReference);
  const scene = reference.source;
  // The recorded scene, there and part of the way back.
  const fold = (slice: number) => (slice < scene.slices ? slice : 2 * scene.slices - 2 - slice);
  source = { ...scene, slices, image: (slice) => scene.image(fold(slice)) };
});

afterAll(async () => {
  await segmenter.close();
  await registry.dispose();
});

const box = (slice = key): Prompt => ({ kind: 'box', slice, box: [22, 34, 50, 61] });

/** An ellipse around the middle, as a user would paint it. */
function painted(slice: number, radius = 0.12): Prompt {
  const mask = new Uint8Array(source.rows * source.columns);
  for (let i = 0; i < mask.length; i++) {
    const x = (i % source.columns) / source.columns - 0.5;
    const y = Math.floor(i / source.columns) / source.rows - 0.52;
    if (x * x + y * y < radius * radius) mask[i] = 1;
  }
  return { kind: 'mask', slice, mask };
}

const empty = (slice: number): Prompt => ({
  kind: 'mask',
  slice,
  mask: new Uint8Array(source.rows * source.columns),
});

interface Run extends Partial<Omit<SegmentRequest, 'options'>> {
  readonly options?: Partial<EngineOptions>;
  readonly from?: ImageSource;
  readonly engine?: Segmenter;
}

/** Results by slice (of one object). */
async function run(prompts: readonly Prompt[], more: Run = {}): Promise<Map<number, SliceResult>> {
  const { from = source, engine = segmenter, options, ...rest } = more;
  const target = engine.open(from);
  const results = new Map<number, SliceResult>();
  const request: SegmentRequest = {
    objects: [{ label: 1, prompts }],
    direction: 'both',
    ...rest,
    options: { ...parityPresets.cpu, ...options },
  };
  try {
    for await (const event of target.segment(request)) if (event.type === 'slice') results.set(event.slice, event);
  } finally {
    target.close();
  }
  return results;
}

/** Everything that a result says, but for where it lies. */
const content = (result: SliceResult | undefined) => {
  if (result === undefined) throw new Error('no result');
  const { mask, logits, iou, presence } = result;
  return { mask: Buffer.from(mask), logits: [...logits], iou, presence };
};

/** Slices whose logits differ by more than rounding. */
function changed(a: Map<number, SliceResult>, b: Map<number, SliceResult>): number[] {
  expect([...a.keys()].sort()).toEqual([...b.keys()].sort());
  const differs = (slice: number) => largestDifference(a.get(slice)?.logits ?? [], b.get(slice)?.logits ?? []) > 1e-3;
  return [...a.keys()].filter(differs).sort((x, y) => x - y);
}

test('the scene shows an object, which the model follows and loses', async () => {
  const results = [...(await run([box()])).values()];
  expect(results).toHaveLength(slices);
  const shares = results.map(({ mask }) => mask.reduce((sum, value) => sum + value, 0) / mask.length);
  expect(shares.filter((share) => share > 0.05 && share < 0.95).length).toBeGreaterThan(slices / 2);
});

test.each(['mask', 'direct'] as const)(
  'backward is forward on the flipped stack, exactly (%s)',
  async (conditioning) => {
    const flipped: ImageSource = { ...source, image: (slice) => source.image(slices - 1 - slice) };
    const options = { conditioning };
    const prompts = [box(), painted(8)];
    const mirrored = [box(slices - 1 - key), painted(slices - 1 - 8)];
    const backward = await run(prompts, { direction: 'backward', options });
    const forward = await run(mirrored, { direction: 'forward', options, from: flipped });
    expect(backward.size).toBe(9);
    for (const [slice, result] of backward) {
      expect(content(result)).toEqual(content(forward.get(slices - 1 - slice)));
    }
  },
);

test.each<[Direction, number]>([
  ['forward', 6],
  ['backward', 5],
])('%s, each slice attends to one memory and one pointer more', async (direction, tracked) => {
  const { graphs, seen } = observe(segmenter.graphs);
  await run([box()], { direction, engine: new Segmenter(graphs, { featureBudget: 2 ** 28 }) });
  const { imageSize, stride, memoryDim, hiddenDim } = graphs.architecture;
  const tokens = (imageSize / stride) ** 2;
  const split = hiddenDim / memoryDim;
  const keys = seen.attends.map(({ memories, pointers }) => memories.length * tokens + pointers.length * split);
  const expected = Array.from({ length: tracked }, (_, index) => (index + 1) * (tokens + split));
  expect(keys).toEqual(expected);
  for (const { memories, pointers } of seen.attends) {
    for (const { memory } of memories) expect(memory).toHaveLength(tokens * memoryDim);
    for (const { pointer, position } of pointers) {
      expect([pointer.length, position.length]).toEqual([hiddenDim, memoryDim]);
    }
  }
});

describe('a correction is never lost', () => {
  test('on the key slice: a point added to the box changes what is propagated', async () => {
    const plain = await run([box()]);
    const negative: Prompt = { kind: 'points', slice: key, points: [{ x: 36, y: 45, label: 0 }] };
    const corrected = await run([box(), negative]);
    expect(changed(plain, corrected)).toEqual(expect.arrayContaining([key - 1, key, key + 1]));
  });

  test('on the key slice: a painted mask instead of the box, given back as drawn', async () => {
    const plain = await run([box()]);
    const correction = painted(key);
    const corrected = await run([correction], { options: { verbatimMasks: true } });
    expect(changed(plain, corrected)).toEqual(expect.arrayContaining([key - 1, key, key + 1]));
    expect(corrected.get(key)?.mask).toEqual(correction.kind === 'mask' && correction.mask);
  });

  test('on a propagated slice: its neighbours on both sides change, and the slice is what was painted', async () => {
    const plain = await run([box()]);
    const correction = painted(8);
    const corrected = await run([box(), correction], { options: { verbatimMasks: true } });
    expect(changed(plain, corrected)).toEqual(expect.arrayContaining([7, 8, 9, 10, 11]));
    expect(corrected.get(8)?.mask).toEqual(correction.kind === 'mask' && correction.mask);
    expect(corrected.get(8)).toMatchObject({ origin: 'prompt', iou: 1 });
    // A slice before the key slice sees the correction too, as a memory from the future.
    expect(changed(plain, corrected)).toContain(key - 1);
  });

  test('an empty mask is a correction like any other', async () => {
    const plain = await run([box()]);
    const corrected = await run([box(), empty(8)]);
    expect(corrected.get(8)?.mask.includes(1)).toBe(false);
    expect(changed(plain, corrected)).toEqual(expect.arrayContaining([7, 8, 9]));
    expect(corrected.size).toBe(slices);
  });
});

test('an absent object has the logit of absence everywhere, and the pointer of no object', async () => {
  const { graphs, seen } = observe(segmenter.graphs);
  // A recorded flow in which the model loses the object on one slice.
  const { object } = await reference.request('absent');
  await run(object.prompts, { from: reference.source, engine: new Segmenter(graphs, { featureBudget: 2 ** 28 }) });
  const absent = seen.decodes.filter(({ presence }) => presence <= 0);
  const present = seen.decodes.filter(({ presence }) => presence > 0);
  expect(absent.length).toBeGreaterThan(0);
  expect(present.length).toBeGreaterThan(0);
  const { absentLogit, hiddenDim } = graphs.architecture;
  for (const { masks, pointers } of absent) {
    expect(masks.every((value) => value === absentLogit)).toBe(true);
    for (let candidate = 0; candidate < 4; candidate++) {
      const pointer = pointers.subarray(candidate * hiddenDim, (candidate + 1) * hiddenDim);
      expect(largestDifference(pointer, graphs.host.noObjectPointer)).toBe(0);
    }
  }
  for (const { masks } of present) expect(masks.includes(absentLogit)).toBe(false);
});

test('keeping features changes no result, to the bit; batches change none beyond rounding', async () => {
  const kept = await run([box(), painted(8)]);
  const { graphs } = segmenter;
  const nothingKept = await run([box(), painted(8)], { engine: new Segmenter(graphs, { featureBudget: 0 }) });
  for (const [slice, result] of kept) expect(content(result)).toEqual(content(nothingKept.get(slice)));
  const inBatches = await run([box(), painted(8)], {
    engine: new Segmenter(graphs, { featureBudget: 2 ** 28, encodeBatch: 4 }),
  });
  for (const [slice, { logits }] of kept) {
    expect(largestDifference(logits, inBatches.get(slice)?.logits ?? [])).toBeLessThan(1e-3);
  }
});

test('two objects in one request get what each gets alone', async () => {
  const [first, second] = [[box()], [painted(3), painted(7, 0.2)]];
  const alone = [await run(first), await run(second)];
  const target = segmenter.open(source);
  const together: SliceResult[] = [];
  const objects = [
    { label: 1, prompts: first },
    { label: 2, prompts: second },
  ];
  for await (const event of target.segment({ objects, direction: 'both', options: parityPresets.cpu })) {
    if (event.type === 'slice') together.push(event);
  }
  target.close();
  expect(together).toHaveLength(2 * slices);
  for (const result of together) expect(content(result)).toEqual(content(alone[result.label - 1].get(result.slice)));
});

test('a range gives what the cropped volume gives', async () => {
  const [first, last] = [3, 9];
  const cropped: ImageSource = { ...source, slices: last - first + 1, image: (slice) => source.image(first + slice) };
  const ranged = await run([box(), painted(7)], { range: { first, last } });
  const alone = await run([box(key - first), painted(7 - first)], { from: cropped });
  expect([...ranged.keys()].sort()).toEqual([3, 4, 5, 6, 7, 8, 9]);
  for (const [slice, result] of ranged) expect(content(result)).toEqual(content(alone.get(slice - first)));
});

test('between two prompted slices, both passes are blended by distance', async () => {
  const prompts = [box(3), painted(8)];
  const [both, forward, backward] = await Promise.all([
    run(prompts),
    run(prompts, { direction: 'forward' }),
    run(prompts, { direction: 'backward' }),
  ]);
  const clearNo = -10;
  for (let slice = 4; slice < 8; slice++) {
    const weight = (slice - 3) / 5;
    const [f, b] = [forward.get(slice)?.logits ?? [], backward.get(slice)?.logits ?? []];
    const expected = Float32Array.from(
      f,
      (value, at) => (1 - weight) * Math.max(value, clearNo) + weight * Math.max(b[at], clearNo),
    );
    expect(both.get(slice)?.origin).toBe('blended');
    expect(largestDifference(both.get(slice)?.logits ?? [], expected)).toBeLessThan(1e-5);
  }
  for (const slice of [0, 1, 2]) expect(content(both.get(slice))).toEqual(content(backward.get(slice)));
  for (const slice of [9, 10, 11]) expect(content(both.get(slice))).toEqual(content(forward.get(slice)));
});

test('with `direct` conditioning, the prompted slice is what the preview showed', async () => {
  const options: EngineOptions = { ...parityPresets.cpu, conditioning: 'direct' };
  const target = segmenter.open(source);
  const [preview] = await target.preview({ objects: [{ label: 1, prompts: [box()] }], options });
  target.close();
  expect(content(preview)).toEqual(content((await run([box()], { options })).get(key)));
});

test('one slice, and two slices, are volumes too', async () => {
  for (const count of [1, 2]) {
    const short: ImageSource = { ...source, slices: count, image: (slice) => source.image(slice + 3) };
    for (const prompted of Array.from({ length: count }, (_, slice) => slice)) {
      const results = await run([box(prompted)], { from: short });
      expect([...results.keys()].sort()).toEqual(Array.from({ length: count }, (_, slice) => slice));
      for (const { logits } of results.values()) expect(logits.every(Number.isFinite)).toBe(true);
    }
  }
});
