/** The parts of the controller that only reckon. */
import type { PromptState, SegmentState, SessionState, SliceScoreState } from '@medsam2/protocol';
import { confidenceOf, doubtfulBelow, nextDoubtfulSlice, sliceScores } from './confidence.js';
import { isDone } from './history.js';
import { ImageIndex } from './image-index.js';
import { OwnSessions } from './own-sessions.js';
import { fromAnswer, fromStream, withPrompt, withSegment } from './session-data.js';
import { memo, Store } from './store.js';
import { isNotablyOther, wantedWindow } from './windowing.js';

const score = (slice: number, more: Partial<SliceScoreState> = {}): SliceScoreState => ({
  segment: 1,
  slice,
  revision: 1,
  iou: 0.9,
  presence: 5,
  origin: 'propagated',
  pixels: 10,
  ...more,
});

describe('confidence', () => {
  it('is predicted IoU times the probability of presence, and certain where a person drew', () => {
    expect(confidenceOf(score(0, { iou: 0.8, presence: 0 }))).toBeCloseTo(0.4, 12);
    expect(confidenceOf(score(0, { iou: 1.2, presence: 50 }))).toBe(1);
    expect(confidenceOf(score(0, { iou: 0.1, presence: -9, origin: 'edited' }))).toBe(1);
  });

  it('counts a slice without the object only as a hole between others', () => {
    const scores = [
      score(5),
      score(3, { iou: 0.3 }),
      score(2, { pixels: 0 }),
      score(4, { pixels: 0, presence: -3 }),
      score(7, { pixels: 0 }),
    ];
    const shown = sliceScores(scores);
    expect(shown.map(({ slice, doubtful }) => [slice, doubtful])).toEqual([
      [3, true],
      [4, true],
      [5, false],
    ]);
    expect(sliceScores([score(1, { pixels: 0 })])).toEqual([]);
    expect(doubtfulBelow).toBe(0.6);
  });

  it('leads to the next doubtful slice, around the end', () => {
    const scores = sliceScores([2, 3, 4, 8].map((slice) => score(slice, { iou: slice === 3 ? 0.9 : 0.2 })));
    const next = (from: number, step: 1 | -1) => nextDoubtfulSlice(scores, from, step);
    expect([next(2, 1), next(8, 1), next(0, 1)]).toEqual([4, 2, 2]);
    expect([next(4, -1), next(2, -1), next(20, -1)]).toEqual([2, 8, 8]);
    expect(nextDoubtfulSlice(sliceScores([score(1)]), 0, 1)).toBeUndefined();
  });
});

describe('images', () => {
  it('are found by instance and frame, whatever the viewer’s order', () => {
    const ofViewer = [{ sopInstanceUid: '1.3', frame: 1 }, { sopInstanceUid: '1.2' }];
    const index = new ImageIndex(
      [{ sopInstanceUid: '1.2', frame: 1 }, { sopInstanceUid: '1.3' }, { sopInstanceUid: '1.3', frame: 2 }],
      ofViewer,
    );
    expect(ofViewer.map((image) => index.sliceOf(image))).toEqual([1, 0]);
    expect([index.imageOf(0), index.imageOf(1)]).toEqual([ofViewer[1], ofViewer[0]]);
    expect([index.imageOf(2), index.imageOf(3), index.count]).toEqual([
      { sopInstanceUid: '1.3', frame: 2 },
      undefined,
      3,
    ]);
    expect([index.sliceOf(undefined), index.sliceOf({ sopInstanceUid: '9.9' })]).toEqual([undefined, undefined]);
  });
});

describe('a session', () => {
  const prompt = (id: string, x = 0): PromptState => ({
    id,
    segment: 1,
    slice: 2,
    drawing: { kind: 'box', place: { slice: 2 }, box: [x, 0, 9, 9] },
  });
  const segment = { id: 1, label: 'a', colour: [1, 2, 3], locked: false } as unknown as SegmentState;
  const state = (prompts: PromptState[], segments: SegmentState[] = []): SessionState =>
    ({ prompts, segments }) as unknown as SessionState;

  it('keeps what an answer added while the stream is behind', () => {
    const answered = withPrompt(fromAnswer(state([prompt('a')])), prompt('b'));
    const behind = fromStream(answered, state([prompt('a')]));
    expect(behind.prompts.map(({ id }) => id)).toEqual(['a', 'b']);
    const told = fromStream(behind, state([prompt('a'), prompt('b')]));
    expect(told.ahead.prompts.size).toBe(0);
    expect(fromStream(told, state([prompt('a')])).prompts.map(({ id }) => id)).toEqual(['a']);
  });

  it('keeps a move and a new name while the stream is behind', () => {
    const moved = withPrompt(fromAnswer(state([prompt('a', 1)])), prompt('a', 5));
    expect(fromStream(moved, state([prompt('a', 1)])).prompts).toEqual([prompt('a', 5)]);
    const renamed = withSegment(fromAnswer(state([], [segment])), { ...segment, label: 'b' });
    expect(fromStream(renamed, state([], [segment])).segments.map(({ label }) => label)).toEqual(['b']);
  });

  it('is what an answer that names all of it says', () => {
    const ahead = withSegment(withPrompt(fromAnswer(state([])), prompt('b')), segment);
    expect(ahead.segments).toEqual([segment]);
    const undone = fromAnswer(state([]));
    expect([undone.prompts, undone.segments]).toEqual([[], []]);
  });
});

it('an undo or redo whose answer was lost is known by what can be redone, or by an exact revision', () => {
  const now = (canRedo: boolean, revision: number) => ({ canRedo, revision });
  expect(isDone('undo', now(false, 5), now(true, 6))).toBe(true);
  expect(isDone('undo', now(false, 5), now(false, 9))).toBe(false);
  expect(isDone('undo', now(true, 5), now(true, 5))).toBe(false);
  expect(isDone('undo', now(true, 5), now(true, 7))).toBe(true);
  expect(isDone('redo', now(true, 5), now(false, 7))).toBe(true);
  expect(isDone('redo', now(true, 5), now(true, 5))).toBe(false);
});

describe('the window', () => {
  const shows = (centre: number, width: number) => ({ window: () => ({ centre, width }) });

  it('is what the viewer shows, unless another was chosen or there is none', () => {
    expect(wantedWindow('viewer', shows(40, 400))).toEqual({ centre: 40, width: 400 });
    expect(wantedWindow('viewer', { window: () => undefined })).toBe('auto');
    expect(wantedWindow('viewer', shows(0, 0))).toBe('auto');
    expect(wantedWindow('preset:lung', shows(40, 400))).toEqual({ preset: 'lung' });
    expect(wantedWindow('auto', shows(40, 400))).toBe('auto');
  });

  it('is changed on the server when it differs by more than a tenth of its width', () => {
    const used = { centre: 40, width: 400 };
    expect(isNotablyOther(used, { centre: 75, width: 430 })).toBe(false);
    expect(isNotablyOther(used, { centre: 90, width: 400 })).toBe(true);
    expect(isNotablyOther(used, { centre: 40, width: 300 })).toBe(true);
    expect(isNotablyOther('auto', used)).toBe(true);
    expect(isNotablyOther({ preset: 'lung' }, { preset: 'lung' })).toBe(false);
  });
});

describe('an administrator', () => {
  const service = (auth: string, role: string) => ({ auth, user: { id: 'x', roles: [role] } }) as never;

  it('is not given others’ sessions as own ones', () => {
    const values = new Map([['medsam2.sessions', '["mine"]']]);
    const storage = {
      getItem: (key: string) => values.get(key) ?? null,
      setItem: (key: string, text: string) => void values.set(key, text),
    };
    const own = new OwnSessions(storage);
    const admin = service('oidc', 'admin');
    expect([own.isOwn({ id: 'mine' }, admin), own.isOwn({ id: 'theirs' }, admin)]).toEqual([true, false]);
    own.add('new');
    expect(new OwnSessions(storage).isOwn({ id: 'new' }, admin)).toBe(true);
    expect(own.isOwn({ id: 'any' }, service('oidc', 'annotator'))).toBe(true);
    expect(own.isOwn({ id: 'any' }, service('none', 'admin'))).toBe(true);
  });

  it('loses nothing when the storage holds something else, or is forbidden', () => {
    const forbidden = {
      getItem: () => {
        throw new DOMException('no', 'SecurityError');
      },
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError');
      },
    };
    const own = new OwnSessions(forbidden);
    own.add('a');
    expect(own.isOwn({ id: 'a' }, service('oidc', 'admin'))).toBe(true);
    expect(
      new OwnSessions({ getItem: () => '{"a":1}', setItem: () => undefined }).isOwn(
        { id: 'a' },
        service('oidc', 'admin'),
      ),
    ).toBe(false);
  });
});

it('a store tells of changes only, and a selector gives the same result for the same arguments', () => {
  const store = new Store({ a: 1, b: [2] });
  let told = 0;
  const stop = store.subscribe(() => told++);
  const { b } = store.get();
  store.set({ a: 1 });
  store.set({ a: 2 });
  expect([told, store.get().a]).toEqual([1, 2]);
  expect(store.get().b).toBe(b);
  stop();
  store.set({ a: 3 });
  expect(told).toBe(1);
  const sum = memo((x: number, list: readonly number[]) => [x, ...list]);
  expect(sum(1, b)).toBe(sum(1, b));
  expect(sum(2, b)).toEqual([2, 2]);
});
