import type { SliceScoreState } from '@medsam2/protocol';
import { encodeRuns } from '@medsam2/protocol/stream';
import { systemClock, type Clock } from '../client/clock.js';
import type { SegmentMark, SeriesTarget } from '../contract/index.js';
import { MemoryViewer } from '../testing/memory-viewer.js';
import { Masks } from './masks.js';

const images = [1, 2, 3].map((at) => ({ sopInstanceUid: `1.${at}` }));
const target: SeriesTarget = {
  displaySetId: 'a',
  study: '1',
  series: '2',
  modality: 'CT',
  description: '',
  kind: 'stack',
  images,
};
const mark = (id: number): SegmentMark => ({
  id,
  label: '',
  colour: [1, 2, 3],
  visible: true,
  locked: false,
  active: true,
});
const size = { rows: 2, columns: 2 };
const masks = {
  a: encodeRuns([1, 0, 0, 0]),
  b: encodeRuns([0, 1, 1, 0]),
};
const score = (slice: number, revision: number, pixels = 1, segment = 1): SliceScoreState => ({
  segment,
  slice,
  revision,
  iou: pixels === 0 ? 0 : 0.9,
  presence: pixels === 0 ? 0 : 3,
  origin: 'propagated',
  pixels,
});

/** A viewer, masks on their way to it, and the next frame of the page. */
function setUp(marks: readonly SegmentMark[] = [mark(1)]) {
  const frames: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock(),
    frame: (work) => {
      frames.push(work);
      return () => frames.splice(frames.indexOf(work), 1);
    },
  };
  const viewer = new MemoryViewer(target);
  const batches: number[] = [];
  const write = viewer.writeSlices.bind(viewer);
  viewer.writeSlices = (to, some) => {
    batches.push(some.length);
    write(to, some);
  };
  const state = { marks, scored: 0 };
  const store = new Masks({
    viewer,
    clock,
    target: () => target,
    marks: () => state.marks,
    imageOf: (slice) => images[slice],
    onScores: () => state.scored++,
    onError: (error) => {
      throw error;
    },
  });
  const frame = async (): Promise<void> => {
    for (const work of frames.splice(0)) work();
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return { viewer, store, state, batches, frame };
}

it('are written once between two frames, the newest of each slice', async () => {
  const { viewer, store, state, batches, frame } = setUp();
  store.put(score(0, 1), { ...size, runs: masks.a });
  store.put(score(0, 3), { ...size, runs: masks.b });
  expect(store.put(score(0, 2), { ...size, runs: masks.a })).toBe(false);
  store.put(score(1, 4), { ...size, runs: masks.a });
  await frame();
  expect([batches, state.scored]).toEqual([[2], 1]);
  expect(viewer.mask(1, images[0])).toEqual(Uint8Array.of(0, 1, 1, 0));
  store.put(score(0, 3), { ...size, runs: masks.b });
  await frame();
  expect(batches).toEqual([2]);
});

it('of a segment that is not told yet wait for it', async () => {
  const { viewer, store, state, frame } = setUp([]);
  store.put(score(0, 1), { ...size, runs: masks.a });
  await frame();
  expect(viewer.filled(1)).toEqual([]);
  state.marks = [mark(1)];
  store.marksChanged();
  await frame();
  expect(viewer.filled(1)).toEqual([0]);
});

it('do not take a person’s stroke away that the server has not seen', async () => {
  const { viewer, store, frame } = setUp();
  store.put(score(0, 1), { ...size, runs: masks.a });
  await frame();
  store.hold(1, 0);
  viewer.paint(1, images[0], size, (mask) => mask.fill(1));
  store.put(score(0, 2), { ...size, runs: masks.b });
  await frame();
  expect(viewer.mask(1, images[0])).toEqual(Uint8Array.of(1, 1, 1, 1));
  store.release(1, 0, true);
  await frame();
  expect(viewer.mask(1, images[0])).toEqual(Uint8Array.of(0, 1, 1, 0));
});

it('are there again when the viewer has lost them, and go with their segment', async () => {
  const { viewer, store, state, frame } = setUp([mark(1), mark(2)]);
  store.put(score(0, 1), { ...size, runs: masks.a });
  store.put(score(2, 2, 1, 2), { ...size, runs: masks.b });
  await frame();
  viewer.clear(target);
  store.activate(true, true);
  await frame();
  expect([viewer.filled(1), viewer.filled(2)]).toEqual([[0], [2]]);
  state.marks = [mark(2)];
  store.keepSegments(new Set([2]));
  await frame();
  expect([viewer.filled(1), viewer.filled(2)]).toEqual([[], [2]]);
});

it('of another life of the server are replaced by whatever it sends', async () => {
  const { viewer, store, frame } = setUp();
  store.put(score(0, 90), { ...size, runs: masks.a });
  await frame();
  store.forgetRevisions();
  expect(store.put(score(0, 2, 0), { ...size, runs: new Uint8Array(0) })).toBe(true);
  await frame();
  expect(viewer.filled(1)).toEqual([]);
});
