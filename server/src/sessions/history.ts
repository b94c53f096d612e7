import type { Propagate } from '@medsam2/protocol';
import type { JournalRecord, RunEnd } from './records.js';
import {
  applyChanges,
  bytesOf,
  emptyContent,
  inversesOf,
  modelKey,
  type Change,
  type ModelIdentity,
  type SessionContent,
  type Settings,
} from './state.js';

/** One thing that undo takes back: what a request changed, or a whole propagation. */
export interface Step {
  readonly number: number;
  readonly what: string;
  readonly before: readonly Change[];
  readonly after: readonly Change[];
  readonly bytes: number;
}

export interface ActiveRun {
  readonly id: string;
  readonly step: number;
  readonly segments: readonly number[];
}

/** A session as its journal tells it; made by `reduce` alone, so that a restart finds what was there before. */
export interface SessionRecord {
  readonly content: SessionContent;
  readonly settings: Settings;
  /** every model that was in use, by `modelKey` */
  readonly models: ReadonlyMap<string, UsedModel>;
  /** grows with every record that changes something */
  readonly revision: number;
  /** revision at which a slice last changed, by segment and slice; also of slices that have no mask any more */
  readonly changed: ReadonlyMap<number, ReadonlyMap<number, number>>;
  readonly undo: readonly Step[];
  readonly redo: readonly Step[];
  /** of both */
  readonly historyBytes: number;
  readonly nextStep: number;
  /** number that the next segment gets; numbers are never used again */
  readonly nextSegment: number;
  readonly run?: ActiveRun;
  readonly lastRun?: RunEnd & { readonly at?: undefined };
  /** what was asked for last, to repeat it on another model */
  readonly lastRequest?: Propagate;
  /** revision that the PACS confirmed */
  readonly savedRevision: number;
  /** revision of the last change of masks or segments */
  readonly contentRevision: number;
}

export interface UsedModel extends ModelIdentity {
  readonly name: string;
}

const withModel = (
  models: ReadonlyMap<string, UsedModel>,
  { model: name, identity }: Settings,
): ReadonlyMap<string, UsedModel> => new Map([...models, [modelKey(name, identity), { name, ...identity }]]);

/** Bytes that steps may hold; the oldest are forgotten first. */
export const defaultHistoryBytes = 64 * 2 ** 20;

export function emptyRecord(settings: Settings): SessionRecord {
  return {
    content: emptyContent,
    settings,
    models: withModel(new Map(), settings),
    revision: 1,
    changed: new Map(),
    undo: [],
    redo: [],
    historyBytes: 0,
    nextStep: 1,
    nextSegment: 1,
    savedRevision: 0,
    contentRevision: 0,
  };
}

/**
 * The session after a record; pure.
 * @param limit bytes of steps that are kept
 */
export function reduce(state: SessionRecord, record: JournalRecord, limit = defaultHistoryBytes): SessionRecord {
  switch (record.type) {
    case 'step': {
      const opened = openStep(state, record.what);
      return trim(extendStep(opened, state.nextStep, record.changes), limit);
    }
    case 'run': {
      const opened = openStep(state, 'propagate');
      const run = { id: record.run, step: state.nextStep, segments: record.segments };
      return { ...opened, run, lastRun: undefined, lastRequest: record.request, revision: state.revision + 1 };
    }
    case 'results':
      if (state.run?.id !== record.run) return state;
      return trim(extendStep(state, state.run.step, record.changes), limit);
    case 'run-end': {
      if (state.run?.id !== record.run) return state;
      const { step } = state.run;
      // A run that changed nothing is nothing to take back.
      const undo = state.undo.filter(({ number, after }) => number !== step || after.length > 0);
      return { ...state, undo, run: undefined, lastRun: { ...record, at: undefined }, revision: state.revision + 1 };
    }
    case 'undo':
      return state.undo.length === 0 ? state : move(state, 'undo');
    case 'redo':
      return state.redo.length === 0 ? state : move(state, 'redo');
    case 'settings':
      return {
        ...state,
        settings: record.settings,
        models: withModel(state.models, record.settings),
        revision: state.revision + 1,
      };
    case 'saved':
      return { ...state, savedRevision: Math.max(state.savedRevision, record.revision), revision: state.revision + 1 };
  }
}

function openStep(state: SessionRecord, what: string): SessionRecord {
  const step: Step = { number: state.nextStep, what, before: [], after: [], bytes: 0 };
  const historyBytes = bytesIn(state.undo);
  return { ...state, undo: [...state.undo, step], redo: [], nextStep: state.nextStep + 1, historyBytes };
}

function extendStep(state: SessionRecord, number: number, changes: readonly Change[]): SessionRecord {
  const applied = apply(state, changes);
  const at = state.undo.findIndex((step) => step.number === number);
  // Forgotten already: its changes stand, they cannot be taken back.
  if (at < 0) return applied;
  const before = inversesOf(state.content, changes);
  const step = state.undo[at];
  const bytes = [...before, ...changes].reduce((sum, change) => sum + bytesOf(change), 0);
  const longer: Step = {
    ...step,
    // What came last is taken back first.
    before: [...before, ...step.before],
    after: [...step.after, ...changes],
    bytes: step.bytes + bytes,
  };
  return { ...applied, undo: state.undo.with(at, longer), historyBytes: state.historyBytes + bytes };
}

function move(state: SessionRecord, direction: 'undo' | 'redo'): SessionRecord {
  const from = state[direction];
  const step = from[from.length - 1];
  const applied = apply(state, direction === 'undo' ? step.before : step.after);
  const other = direction === 'undo' ? 'redo' : 'undo';
  return { ...applied, [direction]: from.slice(0, -1), [other]: [...state[other], step] };
}

/**
 * The changes with new revisions on everything that they touch: one for each slice, so that a client that got some of
 * the slices of an undo asks for the rest by the revision that it saw last.
 */
function apply(state: SessionRecord, changes: readonly Change[]): SessionRecord {
  let revision = state.revision + 1;
  const changed = new Map(state.changed);
  const copied = new Map<number, Map<number, number>>();
  let { nextSegment } = state;
  for (const change of changes) {
    if (change.kind === 'segment') nextSegment = Math.max(nextSegment, change.id + 1);
    if (change.kind !== 'mask') continue;
    const slices = copied.get(change.segment) ?? new Map(changed.get(change.segment));
    copied.set(change.segment, slices);
    slices.set(change.slice, revision++);
    changed.set(change.segment, slices);
  }
  const touches = changes.some(({ kind }) => kind !== 'prompt');
  return {
    ...state,
    content: applyChanges(state.content, changes),
    changed,
    revision,
    nextSegment,
    contentRevision: touches ? revision : state.contentRevision,
  };
}

function trim(state: SessionRecord, limit: number): SessionRecord {
  if (state.historyBytes <= limit) return state;
  let { historyBytes } = state;
  let first = 0;
  // The newest step stays whatever its size: it can always be taken back.
  while (historyBytes > limit && first < state.undo.length - 1) historyBytes -= state.undo[first++].bytes;
  return { ...state, undo: state.undo.slice(first), historyBytes };
}

const bytesIn = (steps: readonly Step[]): number => steps.reduce((sum, { bytes }) => sum + bytes, 0);
