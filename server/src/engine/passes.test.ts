import { parityPresets } from './options.js';
import { Segmenter } from './segmenter.js';
import { MemoryRunner, plainSource, toySliceBytes } from './testing/memory-runner.js';
import type { Prompt, SegmentEvent, SegmentRequest } from './types.js';

const click = (slice: number): Prompt => ({ kind: 'points', slice, points: [{ x: 5, y: 5, label: 1 }] });

/** The object is on the slices of which `isSeen` says so. A slice's brightness is 200 + its number. */
async function segment(
  slices: number,
  prompted: readonly number[],
  more: Partial<SegmentRequest>,
  isSeen: (slice: number) => boolean = () => true,
): Promise<{ events: SegmentEvent[]; encoded: number[] }> {
  const runner = new MemoryRunner();
  runner.answer = ({ brightness, usual }) =>
    isSeen(brightness - 200) ? usual : { ...usual, masks: new Float32Array(256).fill(-1024), presence: -3 };
  const target = new Segmenter(runner, { featureBudget: 64 * toySliceBytes }).open(plainSource(slices, 200));
  const objects = [{ label: 1, prompts: prompted.map(click) }];
  const events: SegmentEvent[] = [];
  for await (const event of target.segment({ objects, direction: 'both', options: parityPresets.cpu, ...more })) {
    events.push(event);
  }
  return { events, encoded: runner.encoded.flat().map((brightness) => brightness - 200) };
}

const given = (events: readonly SegmentEvent[]) =>
  events.flatMap((event) => (event.type === 'slice' ? [event.slice] : []));
const stops = (events: readonly SegmentEvent[]) =>
  events.flatMap((event) => (event.type === 'stopped' ? [[event.direction, event.slice, event.reason]] : []));
const lastProgress = (events: readonly SegmentEvent[]) =>
  events.flatMap((event) => (event.type === 'progress' ? [[event.done, event.total]] : [])).at(-1);

describe('outward order', () => {
  it('gives the neighbours on both sides first', async () => {
    const { events } = await segment(8, [3], { order: 'outward' });
    expect(given(events)).toEqual([3, 4, 2, 5, 1, 6, 0, 7]);
  });

  it('gives the same masks and scores as one pass after the other', async () => {
    const byOrder = await Promise.all(
      (['passes', 'outward'] as const).map(async (order) => {
        const { events } = await segment(12, [3, 8], { order });
        return events
          .filter((event) => event.type === 'slice')
          .sort((a, b) => a.slice - b.slice)
          .map(({ slice, origin, iou, presence, logits }) => ({ slice, origin, iou, presence, logits }));
      }),
    );
    expect(byOrder[0]).toHaveLength(12);
    expect(byOrder[1]).toEqual(byOrder[0]);
  });
});

describe('visited slices', () => {
  it('are all that is given, conditioned on prompts outside', async () => {
    const { events, encoded } = await segment(12, [2, 9], { visit: { first: 4, last: 6 } });
    expect(given(events).sort()).toEqual([4, 5, 6]);
    expect(lastProgress(events)).toEqual([3, 3]);
    expect(encoded).not.toContain(0);
    expect(encoded).not.toContain(11);
  });

  it('begin at the nearest prompt before them', async () => {
    const { encoded } = await segment(30, [0, 20], { direction: 'forward', visit: { first: 21, last: 23 } });
    // The first prompt is only remembered; what lies between the two is not looked at.
    expect(encoded.filter((slice) => slice > 0 && slice < 20)).toEqual([]);
  });

  it('must lie in the range', async () => {
    const wrong = segment(8, [3], { range: { first: 2, last: 5 }, visit: { first: 1, last: 5 } });
    await expect(wrong).rejects.toThrow(RangeError);
  });
});

describe('a direction ends early', () => {
  it('after so many slices without the object', async () => {
    const { events } = await segment(12, [5], { stop: { absentSlices: 2 } }, (slice) => slice >= 4 && slice <= 6);
    expect(given(events)).toEqual([5, 6, 7, 8, 4, 3, 2]);
    expect(stops(events)).toEqual([
      ['forward', 9, 'absent'],
      ['backward', 1, 'absent'],
    ]);
    expect(lastProgress(events)).toEqual([7, 7]);
  });

  it('only when they follow one another', async () => {
    const { events } = await segment(10, [0], { stop: { absentSlices: 2 } }, (slice) => slice % 2 === 0);
    expect(given(events)).toHaveLength(10);
    expect(stops(events)).toEqual([]);
  });

  it('never between prompts', async () => {
    const { events } = await segment(12, [1, 10], { stop: { absentSlices: 1 } }, (slice) => slice < 3 || slice > 8);
    expect(given(events).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('when the predicted IoU is low, without that slice', async () => {
    const { events } = await segment(6, [3], { stop: { minIou: 0.95 } });
    // The toy model gives itself 0.9 everywhere.
    expect(given(events)).toEqual([3]);
    expect(stops(events)).toEqual([
      ['forward', 4, 'iou'],
      ['backward', 2, 'iou'],
    ]);
  });
});

describe('points that correct a mask', () => {
  it('are asked with the mask as a dense prompt', async () => {
    const runner = new MemoryRunner();
    const dense: boolean[] = [];
    runner.answer = ({ input, usual }) => {
      dense.push(input.maskInput !== undefined);
      return usual;
    };
    const target = new Segmenter(runner, { featureBudget: 64 * toySliceBytes }).open(plainSource(3, 200));
    const previous = new Uint8Array(16 * 24).fill(1, 100, 200);
    const points = [{ x: 5, y: 5, label: 1 as const }];
    const ask = (prompt: Prompt) =>
      target.preview({ objects: [{ label: 1, prompts: [prompt] }], options: parityPresets.cpu });
    await ask({ kind: 'points', slice: 1, points });
    await ask({ kind: 'points', slice: 1, points, previous });
    await ask({ kind: 'points', slice: 1, points, previous: new Uint8Array(16 * 24) });
    // Alone; the mask itself and then the points on it; an empty mask is none.
    expect(dense).toEqual([false, true, true, false]);
  });
});
