import type { PromptState, RunState, SegmentState, SessionState } from '@medsam2/protocol';

/**
 * A session as known here. Answers to requests come by another way than the stream and may be ahead of it, so what they
 * added is kept aside until the stream tells it, too.
 */
export interface SessionData {
  readonly state: SessionState;
  readonly prompts: readonly PromptState[];
  readonly segments: readonly SegmentState[];
  readonly ahead: {
    readonly prompts: ReadonlyMap<string, PromptState>;
    readonly segments: ReadonlyMap<number, SegmentState>;
  };
}

const nothingAhead: SessionData['ahead'] = { prompts: new Map(), segments: new Map() };

/** @param state the answer to a request that names the whole session: nothing is newer */
export const fromAnswer = (state: SessionState): SessionData => merged(state, nothingAhead);

/** @param state of the event stream */
export function fromStream(data: SessionData, state: SessionState): SessionData {
  const told = new Map(state.prompts.map((prompt) => [prompt.id, prompt]));
  const prompts = [...data.ahead.prompts].filter(([id, prompt]) => !isSame(told.get(id)?.drawing, prompt.drawing));
  const known = new Map(state.segments.map((segment) => [segment.id, segment]));
  const segments = [...data.ahead.segments].filter(([id, segment]) => !isSameSegment(known.get(id), segment));
  return merged(state, { prompts: new Map(prompts), segments: new Map(segments) });
}

export const withPrompt = (data: SessionData, prompt: PromptState): SessionData =>
  merged(data.state, { ...data.ahead, prompts: new Map([...data.ahead.prompts, [prompt.id, prompt]]) });

export const withSegment = (data: SessionData, segment: SegmentState): SessionData =>
  merged(data.state, { ...data.ahead, segments: new Map([...data.ahead.segments, [segment.id, segment]]) });

export const withRun = (data: SessionData, run: RunState): SessionData => ({ ...data, state: { ...data.state, run } });

function merged(state: SessionState, ahead: SessionData['ahead']): SessionData {
  return {
    state,
    ahead,
    prompts: replaced(state.prompts, ahead.prompts),
    segments: replaced(state.segments, ahead.segments),
  };
}

/** The list with what is in the map in its place, or at the end. */
function replaced<Key, Item extends { readonly id: Key }>(list: readonly Item[], by: ReadonlyMap<Key, Item>): Item[] {
  const rest = new Map(by);
  const items = list.map((item) => {
    const newer = rest.get(item.id);
    rest.delete(item.id);
    return newer ?? item;
  });
  return [...items, ...rest.values()];
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function isSameSegment(a: SegmentState | undefined, b: SegmentState): boolean {
  return (
    a !== undefined && a.label === b.label && a.locked === b.locked && isSame([a.colour, a.terms], [b.colour, b.terms])
  );
}
