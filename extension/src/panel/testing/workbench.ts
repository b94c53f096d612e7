/**
 * A Workbench without viewer and server: its actions change its state as the real ones do, at once. For tests of the
 * panel and its gallery.
 */
import type { SegmentBody, TermHit } from '@medsam2/protocol';
import type { SegmentView, WorkActions, Workbench, WorkState } from '../../contract/work.js';
import { segment, termHits } from './state.js';

export interface MemoryWorkbench extends Workbench {
  /** each action called, with what it was given */
  readonly calls: readonly (readonly [string, ...unknown[]])[];
  change(part: Partial<WorkState>): void;
}

export function memoryWorkbench(initial: WorkState): MemoryWorkbench {
  let state = initial;
  const listeners = new Set<() => void>();
  const calls: (readonly [string, ...unknown[]])[] = [];

  const change = (part: Partial<WorkState>) => {
    state = { ...state, ...part };
    for (const listener of [...listeners]) listener();
  };
  const changeSegment = (id: number, part: Partial<SegmentView>) =>
    change({ segments: state.segments.map((one) => (one.id === id ? { ...one, ...part } : one)) });

  const actions: WorkActions = {
    ...remoteActions(() => state, change),
    ...localActions(() => state, change),
    addSegment: (body?: SegmentBody) => {
      const id = Math.max(0, ...state.segments.map((one) => one.id)) + 1;
      change({ segments: [...state.segments, segment(id, body)], activeSegment: id });
      return Promise.resolve();
    },
    changeSegment: (id, body) => {
      changeSegment(id, body);
      return Promise.resolve();
    },
    removeSegment: (id) => {
      const segments = state.segments.filter((one) => one.id !== id);
      change({ segments, activeSegment: segments[0]?.id });
      return Promise.resolve();
    },
    selectSegment: (id) => change({ activeSegment: id }),
    showSegment: (id, visible) => changeSegment(id, { visible }),
  };

  return {
    calls,
    change,
    getState: () => state,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    actions: recorded(actions, calls),
    close: () => listeners.clear(),
  };
}

type Change = (part: Partial<WorkState>) => void;

/** What the real ones ask the server for. */
function remoteActions(state: () => WorkState, change: Change) {
  const done = Promise.resolve();
  return {
    reconnect: () => {
      change({ server: { phase: 'online', version: '0.1.0', canSegment: true } });
      return done;
    },
    chooseVolume: (volume: number) => {
      change({ volume });
      return done;
    },
    begin: () => done,
    chooseModel: (modelName: string) => {
      change({ modelName });
      return done;
    },
    chooseWindow: (windowChoice: WorkState['windowChoice']) => {
      change({ windowChoice });
      return done;
    },
    searchTerms: (query: string): Promise<readonly TermHit[]> =>
      Promise.resolve(termHits.filter(({ label }) => label.toLowerCase().includes(query.toLowerCase()))),
    removePrompt: (id: string) => {
      change({ prompts: state().prompts.filter((one) => one.id !== id) });
      return done;
    },
    propagate: () => {
      change({ run: { state: 'running', done: 0, total: 40 } });
      return done;
    },
    stop: () => {
      change({ run: { state: 'cancelled', done: 12, total: 40 } });
      return done;
    },
    undo: () => {
      change({ canUndo: false, canRedo: true });
      return done;
    },
    redo: () => {
      change({ canUndo: true, canRedo: false });
      return done;
    },
    reset: () => {
      change({ scores: new Map(), prompts: [] });
      return done;
    },
    save: () => {
      change({ saving: true });
      return done;
    },
    openSaved: () => done,
    continueFrom: () => done,
    discard: () => {
      change({ session: undefined, segments: [], prompts: [], scores: new Map() });
      return done;
    },
    retry: (notice: string) => {
      change({ notices: state().notices.filter(({ id }) => id !== notice) });
      return done;
    },
  };
}

/** What the real ones do in the viewer or by themselves. */
function localActions(state: () => WorkState, change: Change) {
  return {
    overrule: (code: string) => change({ overruled: [...state().overruled, code] }),
    setTool: (tool: WorkState['tool']) => change({ tool }),
    showPrompts: (promptsVisible: boolean) => change({ promptsVisible }),
    setRange: (range: WorkState['range']) => change({ range }),
    setRangeEnd: (end: 'first' | 'last') => {
      const at = state().position ?? 0;
      const { first, last } = state().range ?? { first: 0, last: (state().session?.sliceCount ?? 1) - 1 };
      change({
        range: end === 'first' ? { first: at, last: Math.max(at, last) } : { first: Math.min(at, first), last: at },
      });
    },
    setDirection: (direction: WorkState['direction']) => change({ direction }),
    jumpTo: (position: number) => change({ position }),
    nextDoubtful: (step: 1 | -1) => {
      const scores = state().scores.get(state().activeSegment ?? 0) ?? [];
      const doubtful = scores.filter((one) => one.doubtful).map(({ slice }) => slice);
      const at = state().position ?? 0;
      const after = step > 0 ? doubtful.find((slice) => slice > at) : doubtful.findLast((slice) => slice < at);
      change({ position: after ?? doubtful.at(step > 0 ? 0 : -1) });
    },
    dismiss: (notice: string) => change({ notices: state().notices.filter(({ id }) => id !== notice) }),
  };
}

function recorded(actions: WorkActions, calls: (readonly [string, ...unknown[]])[]): WorkActions {
  const all = Object.entries(actions as unknown as Record<string, (...values: readonly unknown[]) => unknown>);
  const noted = all.map(([name, action]) => [
    name,
    (...values: readonly unknown[]) => {
      calls.push([name, ...values]);
      return action(...values);
    },
  ]);
  return Object.fromEntries(noted) as WorkActions;
}
