import { UserError } from '@medsam2/models';
import type { Drawing, PromptAnswer, PromptBody, SliceScoreState } from '@medsam2/protocol';
import { decodeRuns, toBase64 } from '@medsam2/protocol/stream';
import type { SliceResult } from '../engine/types.js';
import { decodeMask, enginePrompt, placeDrawing, planeSize, type PlacedDrawing } from './drawings.js';
import { editedMask, isSameMask, scoreOf, sliceMask } from './masks.js';
import { pixelInSlice } from './orthogonal.js';
import { absentMessage, limitReached, sliceNotFound } from './problems.js';
import { promptsOn, slicePrompts } from './requests.js';
import type { LiveSession } from './session.js';
import { promptState } from './views.js';
import {
  applyChanges,
  maskOf,
  type Change,
  type OrthogonalPlane,
  type SessionContent,
  type SliceMask,
  type StoredPrompt,
} from './state.js';
import type { RunMask } from './types.js';

type Absent = PromptAnswer['absent'][number];

/**
 * Makes a prompt, or moves it, and answers the slices that it concerns. One step for undo; nothing has changed when the
 * model, the caller or the disk ends it before.
 */
export function putPrompt(
  session: LiveSession,
  id: string,
  body: PromptBody,
  signal?: AbortSignal,
): Promise<PromptAnswer> {
  return session.requests.run(async () => {
    signal?.throwIfAborted();
    const { content } = session.record;
    const { limits } = session.around;
    session.changeableSegment(body.segment);
    const moved = content.prompts.get(id);
    if (moved !== undefined && moved.segment !== body.segment) session.changeableSegment(moved.segment);
    if (moved === undefined && content.prompts.size >= limits.prompts) throw limitReached('prompts', limits.prompts);
    if (session.contentBytes > limits.contentBytes) {
      throw limitReached('MiB of masks', Math.floor(limits.contentBytes / 2 ** 20));
    }
    const placed = placeDrawing(body.drawing, session.grid);
    // Refused before it costs the model's time.
    enginePrompt(placed, planeSize(session.grid, placed.plane));
    const stored = storedPrompt(content, id, body, placed);
    const changes: Change[] = [{ kind: 'prompt', id, value: stored }];
    const absent: Absent[] = [];
    const draft = applyChanges(content, changes);
    if (moved !== undefined && !isSamePlace(moved, stored)) {
      changes.push(...(await answerPlace(session, draft, moved, body.preview, absent, signal)));
    }
    changes.push(...(await answerPlace(session, draft, stored, body.preview, absent, signal)));
    signal?.throwIfAborted();
    const record = await session.commit(() => ({ type: 'step', what: 'prompt', changes }));
    for (const missing of absent) session.notify({ type: 'absent', ...missing });
    return answerOf(session, record.revision, stored, changes, absent);
  });
}

/** Takes a prompt away; its slice is answered to those that stay, or gets back what was there before. */
export function removePrompt(session: LiveSession, id: string): Promise<void> {
  return session.requests.run(async () => {
    const { content } = session.record;
    const stored = content.prompts.get(id);
    if (stored === undefined) {
      throw new UserError('prompt-not-found', 'There is no such prompt.', 'It may have been removed already.');
    }
    session.changeableSegment(stored.segment);
    const changes: Change[] = [{ kind: 'prompt', id }];
    const draft = applyChanges(content, changes);
    changes.push(...(await answerPlace(session, draft, stored, true, [])));
    await session.commit(() => ({ type: 'step', what: 'prompt', changes }));
  });
}

/** What the model answers to drawings, besides the prompts that are there; changes nothing. */
export async function previewDrawings(
  session: LiveSession,
  segment: number,
  drawings: readonly Drawing[],
  signal?: AbortSignal,
): Promise<PromptAnswer> {
  session.segment(segment);
  const { content } = session.record;
  const stored = drawings.map((drawing, index): StoredPrompt => {
    const placed = placeDrawing(drawing, session.grid);
    return storedPrompt(content, `preview-${index}`, { segment, drawing }, placed);
  });
  const draft = applyChanges(
    content,
    stored.map((value): Change => ({ kind: 'prompt', id: value.id, value })),
  );
  const absent: Absent[] = [];
  const changes: Change[] = [];
  const seen = new Set<string>();
  for (const prompt of stored) {
    const place = `${prompt.plane ?? ''}${prompt.slice}`;
    if (seen.has(place)) continue;
    seen.add(place);
    changes.push(...(await ask(session, draft, prompt, absent, signal)));
  }
  const scores: SliceScoreState[] = [];
  const masks: PromptAnswer['masks'] = [];
  for (const change of changes) {
    if (change.kind !== 'mask') continue;
    const score = scoreOf(segment, change.slice, session.record.revision, change.value);
    scores.push(score);
    const runs = toBase64(change.value?.runs ?? new Uint8Array(0));
    masks.push({ segment, slice: change.slice, ...session.grid.size, runs });
  }
  return { revision: session.record.revision, prompt: promptState(stored[0]), scores, masks, absent };
}

/** Asks the model again about the slice of a prompt, as one step. */
export function answerAll(session: LiveSession, place: StoredPrompt): Promise<void> {
  return session.requests.run(async () => {
    const absent: Absent[] = [];
    const changes = await ask(session, session.record.content, place, absent);
    await session.commit(() => ({ type: 'step', what: 'prompt', changes }));
    for (const missing of absent) session.notify({ type: 'absent', ...missing });
  });
}

/** A mask drawn by hand: kept to the pixel; it replaces the prompts of its slice. */
export function editSlice(
  session: LiveSession,
  segment: number,
  slice: number,
  mask: RunMask,
): Promise<SliceScoreState> {
  return session.requests.run(async () => {
    session.changeableSegment(segment);
    if (!Number.isInteger(slice) || slice < 0 || slice >= session.grid.slices) {
      throw sliceNotFound(slice, session.grid.slices);
    }
    const edited = editedMask(decodeMask(mask, session.grid.size));
    const changes: Change[] = [
      ...promptsOn(session.record.content, segment, slice).map(({ id }): Change => ({ kind: 'prompt', id })),
      { kind: 'mask', segment, slice, value: edited },
    ];
    await session.commit(() => ({ type: 'step', what: 'edit', changes }));
    return session.score(segment, slice);
  });
}

function storedPrompt(
  content: SessionContent,
  id: string,
  { segment, drawing }: Pick<PromptBody, 'segment' | 'drawing'>,
  { slice, plane }: PlacedDrawing,
): StoredPrompt {
  const others = promptsOn(content, segment, slice, plane).filter((prompt) => prompt.id !== id);
  const own = content.prompts.get(id);
  const stayed = own !== undefined && isSamePlace(own, { segment, slice, plane }) ? own : undefined;
  const known = others[0] ?? stayed;
  // What the first prompt of a slice found there.
  const base = plane !== undefined ? undefined : known === undefined ? maskOf(content, segment, slice) : known.base;
  return {
    id,
    segment,
    drawing,
    slice,
    ...(plane === undefined ? {} : { plane }),
    ...(base === undefined ? {} : { base }),
  };
}

type PromptPlace = Pick<StoredPrompt, 'segment' | 'slice' | 'plane'>;

const isSamePlace = (a: PromptPlace, b: PromptPlace): boolean =>
  a.segment === b.segment && a.slice === b.slice && a.plane === b.plane;

/** What becomes of a slice when its prompts are those of `draft`. */
async function answerPlace(
  session: LiveSession,
  draft: SessionContent,
  place: StoredPrompt,
  preview: boolean,
  absent: Absent[],
  signal?: AbortSignal,
): Promise<Change[]> {
  const { segment, slice, plane } = place;
  if (promptsOn(draft, segment, slice, plane).length > 0) {
    return preview ? ask(session, draft, place, absent, signal) : [];
  }
  // Across the stack, other slices' pixels are mixed with it: undo takes that back, nothing else can.
  if (plane !== undefined) return [];
  const current = maskOf(draft, segment, slice);
  if (current?.origin !== 'prompt') return [];
  return [{ kind: 'mask', segment, slice, value: place.base }];
}

/** The model's answer to the prompts of `draft` on one slice, as changes. */
async function ask(
  session: LiveSession,
  draft: SessionContent,
  { segment, slice, plane }: PromptPlace,
  absent: Absent[],
  signal?: AbortSignal,
): Promise<Change[]> {
  await session.workbench.ready(signal);
  const prompts = slicePrompts(promptsOn(draft, segment, slice, plane), session.grid);
  const { gate, people } = session.around;
  const preview = () =>
    retried(async () => {
      const { target } = await session.workbench.target(plane);
      const options = session.workbench.options(session.record.settings);
      return target.preview({ objects: [{ label: segment, prompts }], options, signal });
    });
  const [result] = await gate.during(() => people.during(preview));
  const drawn = prompts.some(({ kind }) => kind === 'mask');
  if (!drawn && (result.presence <= 0 || !result.mask.includes(1))) {
    absent.push({ segment, slice, presence: result.presence, message: absentMessage(slice) });
  }
  if (plane === undefined) {
    const model = drawn ? undefined : session.workbench.modelKey;
    return [{ kind: 'mask', segment, slice, value: sliceMask(result.mask, result, 'prompt', model) }];
  }
  return acrossChanges(session, draft, { segment, slice, plane }, result);
}

/** A worker that died is replaced at the next call; a click should not have to be repeated for that. */
async function retried<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'worker-crashed') throw error;
    return work();
  }
}

/** The mask of a plane across the stack as lines of pixels on the acquired slices. */
function acrossChanges(
  session: LiveSession,
  draft: SessionContent,
  { segment, slice: index, plane }: PromptPlace & { readonly plane: OrthogonalPlane },
  result: Pick<SliceResult, 'mask' | 'iou' | 'presence'>,
): Change[] {
  const { columns } = session.grid.size;
  const width = planeSize(session.grid, plane).columns;
  const changes: Change[] = [];
  for (let slice = 0; slice < session.grid.slices; slice++) {
    const before = maskOf(draft, segment, slice);
    if (before?.origin === 'edited') continue;
    const line = result.mask.subarray(slice * width, (slice + 1) * width);
    if (before === undefined && !line.includes(1)) continue;
    const mask =
      before === undefined ? new Uint8Array(session.grid.pixels) : decodeRuns(before.runs, session.grid.pixels);
    line.forEach((value, x) => (mask[pixelInSlice(plane, index, x, columns)] = value));
    const after: SliceMask = {
      ...sliceMask(mask, result, before?.origin ?? 'prompt', session.workbench.modelKey),
      ...(before === undefined ? {} : { iou: before.iou, presence: before.presence }),
    };
    if (before === undefined || !isSameMask(before, after))
      changes.push({ kind: 'mask', segment, slice, value: after });
  }
  return changes;
}

function answerOf(
  session: LiveSession,
  revision: number,
  prompt: StoredPrompt,
  changes: readonly Change[],
  absent: Absent[],
): PromptAnswer {
  const touched = changes.filter((change) => change.kind === 'mask');
  return {
    revision,
    prompt: promptState(prompt),
    scores: touched.map(({ segment, slice }) => session.score(segment, slice)),
    masks: touched.map(({ segment, slice }) => session.answerMask(segment, slice)),
    absent,
  };
}
