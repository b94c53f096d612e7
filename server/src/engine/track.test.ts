import { FeatureCache } from './feature-cache.js';
import type { Call, DecodeOutput } from './graph-runner.js';
import { MemoryRunner, plainSource, toySliceBytes, type DecodeQuestion } from './testing/memory-runner.js';
import { Track, type TrackOptions } from './track.js';
import { viewRule } from './view.js';

const call: Call = { priority: 'propagation' };
const area = 8 * 8;

/** A track over slices whose brightness is 200 + slice: the toy decoder sees the object everywhere. */
function make(slices: number, options: Partial<TrackOptions> = {}) {
  const runner = new MemoryRunner();
  const source = plainSource(slices, 200);
  const features = new FeatureCache(runner, 64 * toySliceBytes).open(source);
  const track = new Track(
    runner,
    {
      count: slices,
      rows: source.rows,
      columns: source.columns,
      views: viewRule('full', source),
      grey: (time) => ({ rows: source.rows, columns: source.columns, pixels: source.image(time) }),
      features: (time, request) => features.acquire(time, request),
      prefetch: (times) => features.prefetch(times),
    },
    { stabilityFallback: true, fillHoleArea: 0, following: 'memory', ...options },
  );
  return { runner, track, features };
}

/** Lets everything that can go on go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function all<T>(generator: AsyncGenerator<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of generator) values.push(value);
  return values;
}

const box: [[number, number], [number, number]] = [
  [2, 3],
  [12, 9],
];
const wholeMask = new Uint8Array(16 * 24).fill(1);

/** An answer whose candidate `c` has the constant logit `logits[c]`, pointer `c + 1`, IoU `iou[c]`. */
function crafted(logits: readonly number[], iou: readonly number[], presence = 4): (q: DecodeQuestion) => DecodeOutput {
  return () => ({
    masks: Float32Array.from(logits.flatMap((value) => new Array<number>(area).fill(value))),
    iou: Float32Array.from(iou),
    pointers: Float32Array.from({ length: 32 }, (_, i) => Math.floor(i / 8) + 1),
    presence,
  });
}

describe('the choice among candidates', () => {
  const steady = crafted([11, 12, 13, 14], [0.99, 0.2, 0.7, 0.7]);

  it.each([
    ['one click', [1], 13, 0.7],
    ['two clicks', [1, 1], 11, 0.99],
    ['a box', [2, 3], 11, 0.99],
    ['a box and a click', [2, 3, 1], 11, 0.99],
  ])('for %s', async (_, labels, logit, iou) => {
    const { runner, track } = make(3);
    runner.answer = steady;
    const points = labels.map((): [number, number] => [4, 4]);
    const output = await track.promptPoints(1, points, labels, call);
    expect(output.logits[0]).toBe(logit);
    expect(output.iou).toBeCloseTo(iou, 6);
  });

  it('takes the best of three instead of an unstable single mask, but not its pointer', async () => {
    const { runner, track } = make(3);
    const unstable = steady({} as DecodeQuestion);
    // One of fifty pixels lies between the two thresholds: stability 0.979...
    unstable.masks.fill(0.01, 0, 1);
    unstable.masks.fill(-5, 48, area);
    runner.answer = () => unstable;
    const output = await track.promptPoints(0, box, [2, 3], call);
    expect(output.logits[0]).toBe(13);
    expect(output.iou).toBeCloseTo(0.7, 6);
    await all(track.run(call));
    expect(runner.attended[0].pointers[0]).toEqual(new Float32Array(8).fill(1));
  });

  it('keeps a stable single mask, and every single mask without the fallback', async () => {
    for (const [doubtful, stabilityFallback] of [
      [1, true],
      [30, false],
    ] as const) {
      const { runner, track } = make(3, { stabilityFallback });
      const answer = steady({} as DecodeQuestion);
      answer.masks.fill(0.01, 0, doubtful);
      runner.answer = () => answer;
      expect((await track.promptPoints(0, box, [2, 3], call)).logits[area - 1]).toBe(11);
    }
  });

  it('takes the best of three with its pointer on tracked slices', async () => {
    const { runner, track } = make(3);
    await track.promptMask(0, wholeMask, call);
    runner.answer = steady;
    const [, tracked] = await all(track.run(call));
    expect(tracked.logits[0]).toBe(13);
    expect(runner.attended[1].pointers[1]).toEqual(new Float32Array(8).fill(3));
  });
});

describe('what the decoder is asked', () => {
  it('scales points to the model, and repeats a prompt with the earlier answer, bounded', async () => {
    const { runner, track } = make(3);
    const questions: DecodeQuestion[] = [];
    const answer = crafted([500, 0, 0, 0], [0.9, 0, 0, 0]);
    runner.answer = (question) => {
      questions.push(question);
      return answer(question);
    };
    await track.promptPoints(1, box, [2, 3], call);
    await track.promptPoints(1, [...box, [23, 15]], [2, 3, 0], call);
    expect(questions.map(({ input }) => input.base)).toEqual(['initial', 'initial']);
    const [first, second] = questions.map(({ input }) => input);
    // 24 columns and 16 rows become 32 x 32
    [2 / 0.75, 6, 16, 18].forEach((value, index) => expect(first.coords[index]).toBeCloseTo(value, 5));
    expect([...second.labels]).toEqual([2, 3, 0]);
    expect(first.maskInput).toBeUndefined();
    expect(new Set(second.maskInput)).toEqual(new Set([32]));
  });

  it('gives a mask prompt its pointer from raw features, the mask as a dense prompt', async () => {
    const { runner, track } = make(3);
    const questions: DecodeQuestion[] = [];
    runner.answer = (question) => {
      questions.push(question);
      return question.usual;
    };
    const output = await track.promptMask(1, wholeMask, call);
    expect(questions[0].input.base).toBe('raw');
    expect([...questions[0].input.labels]).toEqual([-1]);
    expect(questions[0].input.maskInput?.every((value) => Math.abs(value - 1) < 1e-6)).toBe(true);
    output.logits.forEach((value) => expect(value).toBeCloseTo(10, 5));
    expect([output.iou, output.presence]).toEqual([1, 10]);
  });

  it('gives an empty mask the pointer of no object', async () => {
    const { runner, track } = make(2);
    const output = await track.promptMask(0, new Uint8Array(16 * 24), call);
    output.logits.forEach((value) => expect(value).toBeCloseTo(-10, 5));
    expect(output.presence).toBe(-10);
    await all(track.run(call));
    expect(runner.attended[0].pointers).toEqual([runner.host.noObjectPointer]);
    expect(runner.remembered[0]).toEqual({ mode: 'binary', presence: -10 });
  });

  it('takes a mask of the size of the model as it is', async () => {
    const runner = new MemoryRunner();
    const source = plainSource(1, 200, 1, 32, 32);
    const features = new FeatureCache(runner, 0).open(source);
    const slices = {
      count: 1,
      rows: 32,
      columns: 32,
      views: viewRule('full', source),
      grey: (time: number) => ({ rows: 32, columns: 32, pixels: source.image(time) }),
      features: (time: number, request: Call) => features.acquire(time, request),
      prefetch: () => undefined,
    };
    const track = new Track(runner, slices, { stabilityFallback: true, fillHoleArea: 0, following: 'memory' });
    const mask = new Uint8Array(32 * 32);
    mask.fill(1, 0, 4 * 32); // one row of low-resolution pixels
    const { logits } = await track.promptMask(0, mask, call);
    // Weights [1,3,5,7,7,5,3,1]/32; at the border the first two are cut off and the rest sums to 28.
    expect(logits[0]).toBeCloseTo(20 * (24 / 28) - 10, 5);
    expect(logits[8]).toBeCloseTo(20 * (4 / 32) - 10, 5);
    expect(logits[16]).toBeCloseTo(-10, 5);
  });
});

describe('what a slice attends to', () => {
  const rows = (runner: MemoryRunner) => runner.attended.map(({ ageRows }) => [...ageRows]);
  const pointers = (runner: MemoryRunner) => runner.attended.map((record) => record.pointers.length);

  it('is one memory and one pointer more on each slice, up to seven memories and sixteen pointers', async () => {
    const { runner, track } = make(22);
    await track.promptMask(0, wholeMask, call);
    await all(track.run(call));
    expect(rows(runner).slice(0, 8)).toEqual([
      [6],
      [6, 0],
      [6, 1, 0],
      [6, 2, 1, 0],
      [6, 3, 2, 1, 0],
      [6, 4, 3, 2, 1, 0],
      [6, 5, 4, 3, 2, 1, 0],
      [6, 5, 4, 3, 2, 1, 0],
    ]);
    expect(pointers(runner)).toEqual([...Array.from({ length: 16 }, (_, i) => i + 1), 16, 16, 16, 16, 16]);
    expect(runner.remembered.map(({ mode }) => mode)).toEqual(['binary', ...new Array<string>(21).fill('soft')]);
  });

  it('includes prompted slices on both sides, but only pointers of earlier ones', async () => {
    const { runner, track } = make(8);
    await track.promptMask(6, wholeMask, call);
    await track.promptMask(2, wholeMask, call);
    const outputs = await all(track.run(call));
    expect(outputs.map(({ time }) => time)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(rows(runner)).toEqual([
      [6, 6],
      [6, 6, 0],
      [6, 6, 1, 0],
      [6, 6, 3, 2, 1],
    ]);
    // slice 7: both prompted slices, then 5, 4, 3
    expect(pointers(runner)).toEqual([1, 2, 3, 5]);
  });

  it('is bounded by the number of slices in a short stack', async () => {
    const { runner, track } = make(2);
    await track.promptMask(0, wholeMask, call);
    const outputs = await all(track.run(call));
    expect(outputs).toHaveLength(2);
    expect(pointers(runner)).toEqual([1]);
  });

  it('needs no memory in a stack of one slice', async () => {
    const { runner, track } = make(1);
    await track.promptPoints(0, [[3, 3]], [1], call);
    const outputs = await all(track.run(call));
    expect(outputs.map(({ time }) => time)).toEqual([0]);
    expect(runner.attended).toEqual([]);
  });

  it('lets a track run again from its prompts, and see what was retained', async () => {
    const { runner, track } = make(9);
    await track.promptMask(0, wholeMask, call);
    const first = await all(track.run(call, undefined, true));
    const preview = await track.preview(7, [[3, 3]], [1], call);
    expect(preview.time).toBe(7);
    expect(rows(runner).at(-1)).toEqual([6, 5, 4, 3, 2, 1, 0]);
    const held = runner.held;
    const again = await all(track.run(call, undefined, true));
    expect(again.map(({ logits }) => logits)).toEqual(first.map(({ logits }) => logits));
    expect(runner.held).toBe(held);
  });
});

describe('holes', () => {
  /** A full map with holes of 4 and 12 low-resolution pixels. */
  const holes: (question: DecodeQuestion) => DecodeOutput = (question) => {
    const output = crafted([7, 7, 7, 7], [0.9, 0.1, 0.8, 0.1])(question);
    for (let candidate = 0; candidate < 4; candidate++) {
      for (const at of [9, 10, 17, 18]) output.masks[candidate * area + at] = -1;
      for (let row = 5; row < 8; row++)
        output.masks.fill(-1, candidate * area + row * 8 + 4, candidate * area + row * 8 + 8);
    }
    return output;
  };

  it.each([
    [0, [-1, -1]],
    [8, [Math.fround(0.1), -1]],
    [12, [Math.fround(0.1), Math.fround(0.1)]],
  ])(
    'up to %d pixels are filled, after the memory was made from what the model said',
    async (fillHoleArea, expected) => {
      const plain = make(3);
      const { runner, track } = make(3, { fillHoleArea });
      for (const each of [plain, { runner, track }]) each.runner.answer = holes;
      const prompted = await track.promptPoints(0, box, [2, 3], call);
      await plain.track.promptPoints(0, box, [2, 3], call);
      const [, tracked] = await all(track.run(call));
      await all(plain.track.run(call));
      for (const { logits } of [prompted, tracked]) expect([logits[9], logits[63]]).toEqual(expected);
      // Tracked slices remember the holes in every mode; the prompted slice remembers its filled mask.
      const memories = [plain.runner, runner].map(({ attended }) => attended[1].memories);
      expect(memories[1][1]).toEqual(memories[0][1]);
      expect(memories[1][0][0] === memories[0][0][0]).toBe(fillHoleArea === 0);
    },
  );
});

describe('letting go', () => {
  it('keeps nothing of the device but cached features, whatever happens', async () => {
    const { runner, track } = make(6);
    await track.promptMask(0, wholeMask, call);
    runner.answer = ({ brightness, usual }) => {
      if (brightness === 203) throw new Error('the device is out of memory');
      return usual;
    };
    await expect(all(track.run(call))).rejects.toThrow('the device is out of memory');
    await settled();
    // Slices 0 to 3, and 4 if its encode had begun; no conditioned features.
    expect(runner.held).toBe(new Set(runner.encoded.flat()).size);
    expect(runner.queued).toBe(0);
  });

  it('takes the announcement of the next slice back when it is cancelled', async () => {
    const { runner, track, features } = make(6);
    await track.promptMask(0, wholeMask, call);
    (await features.acquire(1, call)).release();
    const abort = new AbortController();
    const run = track.run({ ...call, signal: abort.signal });
    await run.next();
    const go = runner.stop();
    const next = run.next();
    await settled();
    // Somebody else's clicks come before what is encoded ahead.
    const clicks = Array.from({ length: 5 }, () =>
      runner.encode([new Uint8Array(1024)], 1, { priority: 'interactive' }),
    );
    abort.abort();
    go();
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });
    for (const click of clicks) for (const handle of await click) runner.release(handle);
    await settled();
    expect(runner.encoded.flat().filter((brightness) => brightness > 0)).toEqual([200, 201]);
    expect(runner.held).toBe(2);
  });

  it('is done when the consumer stops early', async () => {
    const { runner, track, features } = make(6);
    await track.promptMask(0, wholeMask, call);
    for await (const { time } of track.run(call)) if (time === 2) break;
    await settled();
    features.close();
    expect([runner.held, runner.queued]).toEqual([0, 0]);
  });
});

describe('following by prompts', () => {
  /** A block on the first slices, on a darker ground; the toy decoder sees it on every slice. */
  function makeBlock(slices: number, withBlock: number) {
    const { runner } = make(1);
    const pixels = (slice: number) => {
      const image = new Uint8Array(16 * 24).fill(20 + slice);
      for (let y = 4; slice < withBlock && y <= 11; y++) image.fill(220, y * 24 + 6, y * 24 + 18);
      return image;
    };
    const source = { slices, rows: 16, columns: 24, channels: 1 as const, image: pixels };
    const features = new FeatureCache(runner, 64 * toySliceBytes).open(source);
    const asked: DecodeQuestion[] = [];
    const seen = (at: number) => at % 8 >= 2 && at % 8 <= 5 && at >= 2 * 8 && at < 6 * 8;
    runner.answer = (question) => {
      asked.push(question);
      const one = Array.from({ length: area }, (_, at) => (seen(at) ? 1 : -9));
      return { ...question.usual, masks: Float32Array.from([one, one, one, one].flat()) };
    };
    const track = new Track(
      runner,
      {
        count: slices,
        rows: 16,
        columns: 24,
        views: viewRule('full', source),
        grey: (time) => ({ rows: 16, columns: 24, pixels: pixels(time) }),
        features: (time, request) => features.acquire(time, request),
        prefetch: () => undefined,
      },
      { stabilityFallback: true, fillHoleArea: 0, following: 'prompted' },
    );
    const mask = Uint8Array.from(pixels(0), (value) => (value === 220 ? 1 : 0));
    return { runner, track, asked, mask };
  }

  it('asks every slice from memory, then with the box of that answer and without memory', async () => {
    const { runner, track, asked, mask } = makeBlock(3, 3);
    await track.promptMask(0, mask, call);
    asked.length = 0;
    const outputs = await all(track.run(call));
    expect(asked.map(({ input }) => [typeof input.base, [...input.labels]])).toEqual(
      [1, 2].flatMap(() => [
        ['object', [-1]],
        ['string', [2, 3]],
      ]),
    );
    expect(asked[1].input.base).toBe('initial');
    expect(outputs.map(({ presence }) => presence)).toEqual([10, 4, 4]);
    // Given out with what grey levels say; remembered as the model said it.
    const middle = 3 * 8 + 3;
    expect(outputs[1].logits[middle]).toBeCloseTo(3, 5);
    const again = await track.preview(2, [[12, 8]], [1], call);
    expect(again.time).toBe(2);
    expect(asked[asked.length - 1].input.maskInput?.[middle]).toBeCloseTo(1, 5);
    expect(runner.remembered.map(({ mode }) => mode)).toEqual(['binary', 'soft', 'soft']);
  });

  it('ends where the object is no longer to be seen, and looks at no later slice', async () => {
    const { runner, track, asked, mask } = makeBlock(6, 2);
    await track.promptMask(0, mask, call);
    asked.length = 0;
    const outputs = await all(track.run(call));
    expect(outputs.map(({ time, presence }) => [time, presence > 0])).toEqual([
      [0, true],
      [1, true],
      [2, false],
      [3, false],
      [4, false],
      [5, false],
    ]);
    for (const { logits } of outputs.slice(2)) expect(new Set(logits)).toEqual(new Set([-1024]));
    expect(asked).toHaveLength(4);
    expect(runner.remembered).toHaveLength(2);
  });

  it('does not end before a prompted slice that lies ahead', async () => {
    const { track, mask } = makeBlock(6, 2);
    await track.promptMask(0, mask, call);
    await track.promptMask(4, mask, call);
    const outputs = await all(track.run(call));
    expect(outputs.map(({ presence }) => presence > 0)).toEqual([true, true, true, true, true, false]);
  });
});
