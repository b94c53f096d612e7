import { promptsOn } from './requests.js';
import { answerAll } from './prompting.js';
import { propagate } from './propagation.js';
import type { SessionRecord } from './history.js';
import { newSegment } from './segments.js';
import type { LiveSession } from './session.js';
import type { Change, SliceMask } from './state.js';

/** What a session takes over from another one: segments, prompts, what was drawn by hand or read; nothing that its model made. */
export function takenOver({ content }: SessionRecord): Change[] {
  const changes: Change[] = [];
  for (const { id, label, colour, terms, algorithm } of content.segments.values()) {
    const body = { label, colour: [...colour] satisfies [number, number, number], terms };
    const value = { ...newSegment(id, body), ...(algorithm === undefined ? {} : { algorithm }) };
    changes.push({ kind: 'segment', id, value });
  }
  for (const { base, ...prompt } of content.prompts.values()) {
    // What points correct was made by the other model, unless a person drew it or it was read.
    const kept = base !== undefined && isGiven(base) ? base : undefined;
    changes.push({ kind: 'prompt', id: prompt.id, value: kept === undefined ? prompt : { ...prompt, base: kept } });
  }
  for (const [segment, slices] of content.masks) {
    for (const [slice, mask] of slices) {
      if (isGiven(mask) && mask.origin !== 'prompt') {
        changes.push({ kind: 'mask', segment, slice, value: mask });
      }
    }
  }
  return changes;
}

/** Not the work of the session's model. */
const isGiven = ({ model, origin }: SliceMask): boolean => model === undefined || origin === 'imported';

/** Asks this session's model what the other one was asked: every prompt, then what was propagated. */
export async function repeat(session: LiveSession, other: SessionRecord): Promise<void> {
  const { content } = session.record;
  const places = new Map([...content.prompts.values()].map((prompt) => [placeOf(prompt), prompt]));
  for (const prompt of places.values()) {
    if (promptsOn(session.record.content, prompt.segment, prompt.slice, prompt.plane).length === 0) continue;
    await answerAll(session, prompt);
  }
  const followed = [...other.content.masks].flatMap(([segment, slices]) =>
    [...slices.values()].some(({ origin }) => origin === 'propagated' || origin === 'blended') ? [segment] : [],
  );
  const segments = followed.filter((segment) => session.record.content.segments.has(segment));
  if (other.lastRequest === undefined || segments.length === 0) return;
  await propagate(session, { ...other.lastRequest, segments });
}

const placeOf = ({ segment, plane, slice }: { segment: number; plane?: string; slice: number }): string =>
  `${segment}/${plane ?? ''}/${slice}`;
