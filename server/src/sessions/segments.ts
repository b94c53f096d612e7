import type { SegmentBody, SegmentState } from '@medsam2/protocol';
import { freeColour, paletteColour } from '../segmentation/terms/palette.js';
import { defaultTerms } from '../segmentation/terms/catalogue.js';
import { newUid } from '../segmentation/uid.js';
import { limitReached, segmentLocked } from './problems.js';
import type { LiveSession } from './session.js';
import { segmentState } from './views.js';
import { filledSlices, type Change, type Segment } from './state.js';

export function addSegment(session: LiveSession, body: SegmentBody): Promise<SegmentState> {
  return session.requests.run(async () => {
    const { segments } = session.around.limits;
    if (session.record.content.segments.size >= segments) throw limitReached('segments', segments);
    const id = session.record.nextSegment;
    const taken = [...session.record.content.segments.values()].map(({ colour }) => colour);
    const value = newSegment(id, { ...body, colour: body.colour ?? freeColour(id - 1, taken) });
    await session.commit(() => ({
      type: 'step',
      what: 'segment',
      changes: [{ kind: 'segment', id: value.id, value }],
    }));
    return segmentState(value, []);
  });
}

export function newSegment(id: number, body: SegmentBody): Segment {
  return {
    id,
    label: body.label ?? `Segment ${id}`,
    colour: body.colour ?? paletteColour(id - 1),
    terms: body.terms ?? defaultTerms(),
    locked: body.locked ?? false,
    trackingUid: newUid(),
  };
}

/** Name, colour, terms and lock can be changed at any time but during the segment's own propagation. */
export function changeSegment(session: LiveSession, id: number, body: SegmentBody): Promise<SegmentState> {
  return session.requests.run(async () => {
    const before = session.segment(id);
    session.refuseWhileRunning(id);
    const value: Segment = {
      ...before,
      ...(body.label === undefined ? {} : { label: body.label }),
      ...(body.colour === undefined ? {} : { colour: body.colour }),
      ...(body.terms === undefined ? {} : { terms: body.terms }),
      ...(body.locked === undefined ? {} : { locked: body.locked }),
    };
    await session.commit(() => ({ type: 'step', what: 'segment', changes: [{ kind: 'segment', id, value }] }));
    return segmentState(value, filledSlices(session.record.content, id));
  });
}

export function removeSegment(session: LiveSession, id: number): Promise<void> {
  return session.requests.run(async () => {
    session.changeableSegment(id);
    const changes: Change[] = [...emptied(session, id), { kind: 'segment', id }];
    await session.commit(() => ({ type: 'step', what: 'segment', changes }));
  });
}

/** Takes prompts and masks of one segment, or of all that are not locked. */
export function resetSegments(session: LiveSession, id?: number): Promise<void> {
  return session.requests.run(async () => {
    session.refuseWhileRunning(id);
    if (id !== undefined && session.segment(id).locked) throw segmentLocked(id);
    const { segments } = session.record.content;
    const ids = id === undefined ? [...segments.values()].filter(({ locked }) => !locked).map((each) => each.id) : [id];
    const changes = ids.flatMap((each) => emptied(session, each));
    if (changes.length > 0) await session.commit(() => ({ type: 'step', what: 'reset', changes }));
  });
}

function emptied(session: LiveSession, segment: number): Change[] {
  const { prompts, masks } = session.record.content;
  const changes: Change[] = [];
  for (const prompt of prompts.values())
    if (prompt.segment === segment) changes.push({ kind: 'prompt', id: prompt.id });
  for (const slice of masks.get(segment)?.keys() ?? []) changes.push({ kind: 'mask', segment, slice });
  return changes;
}
