import fc from 'fast-check';
import { emptyRecord, reduce, type SessionRecord } from './history.js';
import { recordOf, toLine } from './record-codec.js';
import type { JournalRecord } from './records.js';
import { newSegment } from './segments.js';
import type { Change, SliceMask, StoredPrompt } from './state.js';

const identity = { sha256: 'abc', demonstration: true, architecture: 'toy' };
const settings = { model: 'toy', identity, window: 'auto' as const };
const empty = emptyRecord(settings);
const uuid = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const segments = [1, 2, 3].map((id) => newSegment(id, {}));

const mask: fc.Arbitrary<SliceMask> = fc.record({
  runs: fc.uint8Array({ minLength: 1, maxLength: 6 }).map((bytes) => bytes.map((byte) => (byte % 127) + 1)),
  pixels: fc.nat(100),
  iou: fc.constantFrom(0.5, 0.9),
  presence: fc.constant(4),
  origin: fc.constantFrom('prompt', 'propagated', 'edited'),
});

const prompt = (id: string, segment: number, slice: number): StoredPrompt => ({
  id,
  segment,
  slice,
  drawing: { kind: 'box', place: { slice }, box: [1, 2, 3, 4] },
});

const change: fc.Arbitrary<Change> = fc.oneof(
  fc
    .record({ segment: fc.integer({ min: 1, max: 3 }), slice: fc.nat(5), value: fc.option(mask, { nil: undefined }) })
    .map((fields): Change => ({ kind: 'mask', ...fields })),
  fc
    .record({ number: fc.nat(4), segment: fc.integer({ min: 1, max: 3 }), slice: fc.nat(5), gone: fc.boolean() })
    .map(({ number, segment, slice, gone }): Change => {
      const id = uuid(number);
      return { kind: 'prompt', id, value: gone ? undefined : prompt(id, segment, slice) };
    }),
  fc
    .record({ index: fc.nat(2), gone: fc.boolean() })
    .map(({ index, gone }): Change => ({ kind: 'segment', id: index + 1, value: gone ? undefined : segments[index] })),
);

const changes = fc.array(change, { maxLength: 6 });

/** Requests as a session lets them through: while a run is on, nothing is undone. */
const records: fc.Arbitrary<JournalRecord[]> = fc
  .array(
    fc.oneof(
      changes.map((list): JournalRecord[] => [{ type: 'step', what: 'edit', changes: list }]),
      fc.array(changes, { maxLength: 4 }).map((results): JournalRecord[] => [
        {
          type: 'run',
          run: uuid(99),
          segments: [1],
          total: 4,
          request: { direction: 'both', stop: { absentSlices: 2 } },
        },
        ...results.map((list): JournalRecord => ({ type: 'results', run: uuid(99), changes: list })),
        { type: 'run-end', run: uuid(99), state: 'done', segments: [1], done: 4, total: 4 },
      ]),
      fc.constantFrom<JournalRecord[]>([{ type: 'undo' }], [{ type: 'redo' }]),
      fc.constant<JournalRecord[]>([{ type: 'settings', settings: { ...settings, view: 'roi' } }]),
    ),
    { maxLength: 12 },
  )
  .map((lists) => lists.flat());

const after = (list: readonly JournalRecord[], from = empty, limit?: number): SessionRecord =>
  list.reduce((state, record) => reduce(state, record, limit), from);

describe('undo and redo', () => {
  it('give back every state on the way, whatever was done', () => {
    fc.assert(
      fc.property(records, (list) => {
        let state = after(list);
        const done = state.undo.length;
        const ways = [state.content];
        for (let i = 0; i < done; i++) {
          state = reduce(state, { type: 'undo' });
          ways.push(state.content);
        }
        expect(state.content).toEqual(empty.content);
        expect(state.undo).toEqual([]);
        for (let i = done - 1; i >= 0; i--) {
          state = reduce(state, { type: 'redo' });
          expect(state.content).toEqual(ways[i]);
        }
      }),
    );
  });

  it('leave nothing to do again after something new', () => {
    const first: JournalRecord = {
      type: 'step',
      what: 'segment',
      changes: [{ kind: 'segment', id: 1, value: segments[0] }],
    };
    const state = after([first, { type: 'undo' }, first]);
    expect(state.redo).toEqual([]);
    expect(reduce(state, { type: 'redo' })).toBe(state);
  });

  it('take back a propagation as one step, with what it replaced', () => {
    const old = { runs: Uint8Array.of(1, 1), pixels: 1, iou: 1, presence: 1, origin: 'propagated' as const };
    const fresh = { ...old, runs: Uint8Array.of(2, 2) };
    const at = (slice: number, value: SliceMask): Change => ({ kind: 'mask', segment: 1, slice, value });
    const request = { direction: 'both' as const, stop: { absentSlices: 2 } };
    const state = after([
      { type: 'step', what: 'edit', changes: [at(0, old), at(1, old)] },
      { type: 'run', run: 'r', segments: [1], total: 3, request },
      { type: 'results', run: 'r', changes: [at(1, fresh)] },
      { type: 'results', run: 'r', changes: [at(2, fresh)] },
      { type: 'run-end', run: 'r', state: 'cancelled', segments: [1], done: 2, total: 3 },
      { type: 'undo' },
    ]);
    expect([...(state.content.masks.get(1) ?? [])]).toEqual([
      [0, old],
      [1, old],
    ]);
  });

  it('forget a run that changed nothing', () => {
    const request = { direction: 'both' as const, stop: { absentSlices: 2 } };
    const state = after([
      { type: 'run', run: 'r', segments: [1], total: 3, request },
      { type: 'run-end', run: 'r', state: 'failed', segments: [1], done: 0, total: 3 },
    ]);
    expect(state.undo).toEqual([]);
  });

  it('forget the oldest steps when they hold too many bytes, never the newest', () => {
    const big = (slice: number): JournalRecord => ({
      type: 'step',
      what: 'edit',
      changes: [
        {
          kind: 'mask',
          segment: 1,
          slice,
          value: { runs: new Uint8Array(1000).fill(1), pixels: 1, iou: 1, presence: 1, origin: 'edited' },
        },
      ],
    });
    const state = after([0, 1, 2, 3, 4].map(big), empty, 2500);
    expect(state.undo.map(({ number }) => number)).toEqual([4, 5]);
    expect(after([big(0)], empty, 10).undo).toHaveLength(1);
    expect(state.content.masks.get(1)?.size).toBe(5);
  });
});

describe('revisions', () => {
  it('grow, and tell every slice that changed by a number of its own', () => {
    fc.assert(
      fc.property(records, (list) => {
        let state = empty;
        for (const record of list) {
          const before = state;
          state = reduce(state, record);
          expect(state.revision).toBeGreaterThanOrEqual(before.revision);
          const fresh = [...state.changed].flatMap(([segment, slices]) =>
            [...slices].flatMap(([slice, revision]) =>
              revision > before.revision ? [{ segment, slice, revision }] : [],
            ),
          );
          expect(new Set(fresh.map(({ revision }) => revision)).size).toBe(fresh.length);
          // What is not told as changed is as it was.
          for (const segment of [1, 2, 3]) {
            for (let slice = 0; slice <= 5; slice++) {
              if (fresh.some((key) => key.segment === segment && key.slice === slice)) continue;
              expect(state.content.masks.get(segment)?.get(slice)).toBe(before.content.masks.get(segment)?.get(slice));
            }
          }
        }
      }),
    );
  });

  it('never give the number of a segment twice', () => {
    const add: JournalRecord = {
      type: 'step',
      what: 'segment',
      changes: [{ kind: 'segment', id: 3, value: segments[2] }],
    };
    const remove: JournalRecord = { type: 'step', what: 'segment', changes: [{ kind: 'segment', id: 3 }] };
    expect(after([add, remove]).nextSegment).toBe(4);
    expect(after([add, { type: 'undo' }]).nextSegment).toBe(4);
  });
});

describe('the journal', () => {
  it('says exactly what happened: the state read back from its lines is the same', () => {
    fc.assert(
      fc.property(records, (list) => {
        const read = list.map((record) => recordOf(toLine({ ...record, at: '2026-01-02T03:04:05.000Z' })));
        expect(after(read)).toEqual(after(list));
      }),
    );
  });
});
