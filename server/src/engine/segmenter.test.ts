import { parityPresets } from './options.js';
import { Segmenter } from './segmenter.js';
import { MemoryRunner, plainSource, toySliceBytes, type DecodeQuestion } from './testing/memory-runner.js';
import type {
  Direction,
  EngineOptions,
  ImageSource,
  Prompt,
  SegmentEvent,
  SegmentRequest,
  SliceResult,
} from './types.js';

const pixels = 16 * 24;
const settled = () => new Promise((resolve) => setImmediate(resolve));

function make(source: ImageSource = plainSource(9, 200)) {
  const runner = new MemoryRunner();
  const segmenter = new Segmenter(runner, { featureBudget: 64 * toySliceBytes });
  return { runner, segmenter, target: segmenter.open(source) };
}

const click = (slice: number): Prompt => ({ kind: 'points', slice, points: [{ x: 5, y: 5, label: 1 }] });
const painted = (slice: number, mask = new Uint8Array(pixels).fill(1, 40, 200)): Prompt => ({
  kind: 'mask',
  slice,
  mask,
});

function request(prompts: readonly Prompt[], more: Partial<SegmentRequest> = {}): SegmentRequest {
  return { objects: [{ label: 1, prompts }], direction: 'both', options: parityPresets.cpu, ...more };
}

async function collect(events: AsyncIterable<SegmentEvent>): Promise<SegmentEvent[]> {
  const all: SegmentEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const slicesOf = (events: readonly SegmentEvent[]): SliceResult[] => events.filter((event) => event.type === 'slice');
const progressOf = (events: readonly SegmentEvent[]) =>
  events.flatMap((event) => (event.type === 'progress' ? [[event.done, event.total]] : []));

/** The object is seen on slices whose brightness passes the test only. */
const seenWhere =
  (isSeen: (brightness: number) => boolean) =>
  ({ brightness, usual }: DecodeQuestion) =>
    isSeen(brightness) ? usual : { ...usual, masks: new Float32Array(256).fill(-1024), presence: -3 };

describe('the slices that come, and their order', () => {
  const cases: [what: string, slices: number, prompts: number[], direction: Direction, expected: number[]][] = [
    ['the prompted slice first, then outward', 6, [2], 'both', [2, 3, 4, 5, 1, 0]],
    ['forward', 6, [2], 'forward', [2, 3, 4, 5]],
    ['backward', 6, [2], 'backward', [2, 1, 0]],
    ['a prompt on the first slice', 4, [0], 'both', [0, 1, 2, 3]],
    ['a prompt on the first slice, backward', 4, [0], 'backward', [0]],
    ['a prompt on the last slice', 4, [3], 'both', [3, 2, 1, 0]],
    ['a prompt on the last slice, forward', 4, [3], 'forward', [3]],
    ['a volume of one slice', 1, [0], 'both', [0]],
    ['a volume of two slices', 2, [1], 'both', [1, 0]],
    ['several prompts', 8, [5, 2], 'both', [2, 5, 6, 7, 4, 3, 1, 0]],
    ['several prompts, forward', 8, [5, 2], 'forward', [2, 3, 4, 5, 6, 7]],
    ['several prompts, backward', 8, [5, 2], 'backward', [5, 4, 3, 2, 1, 0]],
    ['prompts on both ends', 4, [0, 3], 'both', [0, 3, 2, 1]],
    ['prompts on neighbours', 4, [1, 2], 'both', [1, 2, 3, 0]],
    ['prompts everywhere', 3, [0, 1, 2], 'both', [0, 1, 2]],
  ];

  it.each(cases)('%s', async (_, slices, prompted, direction, expected) => {
    const { target } = make(plainSource(slices, 200));
    const events = await collect(target.segment(request(prompted.map(click), { direction })));
    const results = slicesOf(events);
    expect(results.map(({ slice }) => slice)).toEqual(expected);
    expect(progressOf(events)).toEqual(expected.map((__, index) => [index + 1, expected.length]));
    const [first, last] = [Math.min(...prompted), Math.max(...prompted)];
    for (const { slice, origin } of results) {
      const isBetween = direction === 'both' && slice > first && slice < last;
      expect([slice, origin]).toEqual([
        slice,
        prompted.includes(slice) ? 'prompt' : isBetween ? 'blended' : 'propagated',
      ]);
    }
  });

  it('stay in the range, and memory does as well', async () => {
    const { runner, target } = make();
    const events = await collect(target.segment(request([click(4)], { range: { first: 3, last: 6 } })));
    expect(slicesOf(events).map(({ slice }) => slice)).toEqual([4, 5, 6, 3]);
    expect(new Set(runner.encoded.flat())).toEqual(new Set([203, 204, 205, 206]));
  });

  it('come object by object', async () => {
    const { target } = make(plainSource(3, 200));
    const objects = [
      { label: 7, prompts: [click(1)] },
      { label: 2, prompts: [click(2)] },
    ];
    const events = await collect(target.segment(request([], { objects })));
    expect(slicesOf(events).map(({ label, slice }) => [label, slice])).toEqual([
      [7, 1],
      [7, 2],
      [7, 0],
      [2, 2],
      [2, 1],
      [2, 0],
    ]);
    expect(progressOf(events).at(-1)).toEqual([6, 6]);
  });

  it('are encoded once each', async () => {
    const { runner, target } = make();
    await collect(target.segment(request([click(4), click(6)])));
    await collect(target.segment(request([click(2)])));
    expect(runner.encoded.flat().sort()).toEqual([200, 201, 202, 203, 204, 205, 206, 207, 208]);
  });
});

describe('scores', () => {
  it('are those of the prompt on a prompted slice, of the model elsewhere', async () => {
    const { target } = make(plainSource(3, 200));
    const results = slicesOf(await collect(target.segment(request([click(1)]))));
    for (const { iou, presence } of results) {
      expect(iou).toBeCloseTo(0.9, 6);
      expect(presence).toBe(4);
    }
  });

  it('are certain for a mask of the user', async () => {
    const { target } = make(plainSource(2, 200));
    const [given] = slicesOf(await collect(target.segment(request([painted(0)]))));
    expect([given.iou, given.presence]).toEqual([1, 10]);
  });
});

describe('a slice on which the model sees nothing', () => {
  it('is told, nothing is propagated from it, and the progress ends at what came', async () => {
    const { runner, target } = make();
    runner.answer = seenWhere(() => false);
    const events = await collect(target.segment(request([click(4)])));
    expect(events).toEqual([
      { type: 'absent', label: 1, slice: 4, iou: expect.closeTo(0.9, 6) as number, presence: -3 },
      { type: 'progress', done: 0, total: 0 },
    ]);
    expect(runner.encoded).toEqual([[204]]);
  });

  it('does not keep other prompts and objects from being followed', async () => {
    const { runner, target } = make(plainSource(6, 200));
    runner.answer = seenWhere((brightness) => brightness !== 204);
    const objects = [
      { label: 1, prompts: [click(4), click(1)] },
      { label: 2, prompts: [click(4)] },
      { label: 3, prompts: [click(0)] },
    ];
    const events = await collect(target.segment(request([], { objects, direction: 'forward' })));
    const absent = events.flatMap((event) => (event.type === 'absent' ? [[event.label, event.slice]] : []));
    expect(absent).toEqual([
      [1, 4],
      [2, 4],
    ]);
    expect(slicesOf(events).map(({ label, slice }) => [label, slice])).toEqual([
      ...[1, 2, 3, 4, 5].map((slice) => [1, slice]),
      ...[0, 1, 2, 3, 4, 5].map((slice) => [3, slice]),
    ]);
    expect(progressOf(events).at(-1)).toEqual([11, 11]);
  });

  it('is kept as a prompt when it was the user who painted it empty', async () => {
    const empty = new Uint8Array(pixels);
    const { runner, target } = make(plainSource(5, 200));
    const results = slicesOf(await collect(target.segment(request([click(1), painted(3, empty)]))));
    expect(results.map(({ slice }) => slice).sort()).toEqual([0, 1, 2, 3, 4]);
    const given = results.find(({ slice }) => slice === 3);
    expect(given).toMatchObject({ origin: 'prompt', mask: empty, presence: -10 });
    // Every tracked slice attends to both prompted ones, with the pointer of no object once the empty one is past.
    for (const { ageRows } of runner.attended) expect(ageRows.slice(0, 2)).toEqual([6, 6]);
    const slice4 = runner.attended.find(({ brightness }) => brightness === 204);
    expect(slice4?.pointers[1]).toEqual(runner.host.noObjectPointer);
  });

  it('is emptied where the model loses the object on the way', async () => {
    const { runner, target } = make(plainSource(4, 200));
    runner.answer = seenWhere((brightness) => brightness < 202);
    const results = slicesOf(await collect(target.segment(request([click(0)]))));
    expect(results.map(({ presence }) => presence > 0)).toEqual([true, true, false, false]);
    expect(results.map(({ mask }) => mask.includes(1))).toEqual([true, true, false, false]);
  });
});

describe('between two prompts', () => {
  /** Forward, candidates are 6 and backward they are 2; told apart by how far the slice is from its first memory. */
  async function blend(answer: (q: DecodeQuestion, runner: MemoryRunner) => number): Promise<Map<number, SliceResult>> {
    const { runner, target } = make(plainSource(11, 200));
    runner.answer = (question) => {
      if (typeof question.input.base === 'string') return question.usual;
      const logit = answer(question, runner);
      return { ...question.usual, masks: new Float32Array(256).fill(logit), presence: logit > -1000 ? logit : -2 };
    };
    const results = slicesOf(await collect(target.segment(request([click(0), click(10)]))));
    return new Map(results.map((result) => [result.slice, result]));
  }

  /** Slices are asked for in ascending order in the forward pass, in descending order in the backward one. */
  function isForward(runner: MemoryRunner): boolean {
    const asked = runner.attended.map(({ brightness }) => brightness);
    return asked.length <= 9;
  }

  it('logits and scores are mixed by distance', async () => {
    const results = await blend((_, runner) => (isForward(runner) ? 6 : 2));
    for (let slice = 1; slice < 10; slice++) {
      const result = results.get(slice);
      expect(result?.origin).toBe('blended');
      expect(result?.logits[0]).toBeCloseTo(6 - 0.4 * slice, 5);
      expect(result?.presence).toBeCloseTo(6 - 0.4 * slice, 5);
    }
  });

  it('a side that sees nothing does not outvote the prompt next door', async () => {
    const results = await blend((_, runner) => (isForward(runner) ? 6 : -1024));
    const inside = [...results.values()].filter(({ mask }) => mask.includes(1)).map(({ slice }) => slice);
    // 6 against -10: the object ends at 6/16 of the way
    expect(inside.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 10]);
  });

  it('both sides see nothing: nothing is there', async () => {
    const results = await blend(() => -1024);
    for (let slice = 1; slice < 10; slice++) {
      expect(results.get(slice)?.mask.includes(1)).toBe(false);
      expect(results.get(slice)?.presence).toBe(-2);
    }
  });
});

describe('options', () => {
  const oddMask = () => {
    // Single pixels do not survive the way through the low resolution.
    const mask = new Uint8Array(pixels);
    for (let i = 0; i < pixels; i += 5) mask[i] = 1;
    return mask;
  };

  it.each([true, false])(
    'verbatimMasks %p: masks of the user come back as drawn, or as the model keeps them',
    async (verbatimMasks) => {
      const { target } = make(plainSource(3, 200));
      const options: EngineOptions = { ...parityPresets.cpu, verbatimMasks };
      const results = slicesOf(await collect(target.segment(request([painted(1, oddMask())], { options }))));
      const given = results.find(({ slice }) => slice === 1);
      expect(Buffer.compare(given?.mask ?? new Uint8Array(), oddMask()) === 0).toBe(verbatimMasks);
      const [preview] = await target.preview({ ...request([painted(1, oddMask())]), options });
      expect(preview.mask).toEqual(given?.mask);
    },
  );

  it('verbatimMasks never touches what the model made of a box', async () => {
    const masks = [];
    for (const verbatimMasks of [true, false]) {
      const { target } = make(plainSource(3, 200));
      const options: EngineOptions = { ...parityPresets.cpu, verbatimMasks };
      masks.push(slicesOf(await collect(target.segment(request([click(1)], { options }))))[0].mask);
    }
    expect(masks[0]).toEqual(masks[1]);
  });

  it('the parity presets differ in a hole of eight low-resolution pixels', async () => {
    const holes: boolean[] = [];
    for (const options of [parityPresets.cpu, parityPresets.cuda]) {
      const { runner, target } = make(plainSource(2, 200));
      runner.answer = ({ usual }) => {
        const masks = usual.masks.slice();
        for (let candidate = 0; candidate < 4; candidate++) {
          for (const at of [17, 18, 19, 20, 25, 26, 27, 28]) masks[candidate * 64 + at] = -5;
        }
        return { ...usual, masks };
      };
      const [result] = await target.preview(request([click(0)], { options }));
      holes.push(result.mask.includes(0));
    }
    expect(holes).toEqual([true, false]);
  });

  it('conditioning `direct` prompts each pass anew; `mask` prompts once and gives the mask to both passes', async () => {
    const decodes: Record<string, number[]> = {};
    for (const conditioning of ['direct', 'mask'] as const) {
      const { runner, target } = make(plainSource(3, 200));
      const bases: string[] = [];
      runner.answer = ({ input, usual }) => {
        if (typeof input.base === 'string') bases.push(input.base);
        return usual;
      };
      const options: EngineOptions = { ...parityPresets.cpu, conditioning };
      await collect(target.segment(request([click(1)], { options })));
      decodes[conditioning] = ['initial', 'raw'].map((base) => bases.filter((asked) => asked === base).length);
    }
    expect(decodes).toEqual({ direct: [3, 0], mask: [1, 2] });
  });
});

describe('refusals', () => {
  it('come before anything is encoded', async () => {
    const { runner, target } = make();
    const bad: Partial<SegmentRequest>[] = [
      { range: { first: 0, last: 9 } },
      {
        objects: [
          { label: 1, prompts: [click(0)] },
          { label: 1, prompts: [click(1)] },
        ],
      },
      {
        objects: [
          { label: 1, prompts: [click(0)] },
          { label: 2, prompts: [click(99)] },
        ],
      },
    ];
    const codes: unknown[] = [];
    for (const more of bad) {
      const failed = await collect(target.segment(request([click(0)], more))).catch((error: { code: string }) => error);
      codes.push('code' in failed && failed.code);
    }
    expect(codes).toEqual(['range-invalid', 'label-repeated', 'slice-out-of-range']);
    await expect(target.preview(request([], bad[1]))).rejects.toMatchObject({ code: 'label-repeated' });
    expect(runner.encoded).toEqual([]);
  });
});

describe('ending early', () => {
  it('leaves no handle and no call behind, wherever the consumer stops', async () => {
    for (const stopAfter of [0, 1, 2, 3, 6, 7, 8]) {
      const { runner, target } = make();
      let seen = 0;
      for await (const event of target.segment(request([click(2), click(5)]))) {
        if (event.type === 'slice' && seen++ === stopAfter) break;
      }
      target.close();
      await settled();
      expect([stopAfter, runner.held, runner.queued]).toEqual([stopAfter, 0, 0]);
    }
  });

  it('by the signal rejects with an AbortError, and the target goes on to be used', async () => {
    const reference = slicesOf(await collect(make().target.segment(request([click(2)]))));
    for (const stopAfter of [0, 3, 6]) {
      const { runner, target } = make();
      const abort = new AbortController();
      let seen = 0;
      const run = async () => {
        for await (const event of target.segment(request([click(2)], { signal: abort.signal }))) {
          if (event.type === 'slice' && seen++ === stopAfter) abort.abort();
        }
      };
      await expect(run()).rejects.toMatchObject({ name: 'AbortError' });
      expect(slicesOf(await collect(target.segment(request([click(2)]))))).toEqual(reference);
      target.close();
      await settled();
      expect([runner.held, runner.queued]).toEqual([0, 0]);
    }
  });

  it('before the beginning asks nothing of the device', async () => {
    const { runner, target } = make();
    const signal = AbortSignal.abort();
    await expect(collect(target.segment(request([click(2)], { signal })))).rejects.toMatchObject({
      name: 'AbortError',
    });
    await settled();
    expect(runner.encoded).toEqual([]);
  });

  it('by a lost worker fails the request; the same request again gives the same', async () => {
    const { runner, segmenter, target } = make();
    const reference = slicesOf(await collect(target.segment(request([click(2)]))));
    const run = async () => {
      for await (const event of target.segment(request([click(2)]))) {
        if (event.type === 'slice' && event.slice === 4) runner.lose();
      }
    };
    // The next slice's encode may be under way, or its features be void: either is the worker's end.
    await run().catch((error: unknown) => expect(error).toMatchObject({ code: 'worker-crashed' }));
    expect(slicesOf(await collect(target.segment(request([click(2)]))))).toEqual(reference);
    await segmenter.close();
    expect([runner.held, segmenter.featureBytes]).toEqual([0, 0]);
  });
});

describe('several requests at a time', () => {
  it('on one target give what each gives alone', async () => {
    const alone = [];
    for (const slice of [1, 6]) alone.push(slicesOf(await collect(make().target.segment(request([click(slice)])))));
    const { runner, target } = make();
    const together = await Promise.all([1, 6].map((slice) => collect(target.segment(request([click(slice)])))));
    expect(together.map(slicesOf)).toEqual(alone);
    expect(runner.encoded.flat()).toHaveLength(9);
  });
});
