import type { ResolvedModel } from '@medsam2/models';
import type { RunState, SegmentState, SessionState } from '@medsam2/protocol';
import type { SessionRecord } from './history.js';
import type { JournalHeader, RunEnd } from './records.js';
import { filledSlices, type Segment, type StoredPrompt } from './state.js';

/** What of a session's state comes from its journal alone. */
export function recordedState(
  header: JournalHeader,
  record: SessionRecord,
): Omit<SessionState, 'phase' | 'loading' | 'encoded' | 'model' | 'window' | 'view' | 'idleAt'> {
  const { content } = record;
  const run = record.lastRun === undefined ? undefined : endedRun(record.lastRun);
  return {
    id: header.id,
    revision: record.revision,
    source: header.source,
    segments: [...content.segments.values()].map((segment) => segmentState(segment, filledSlices(content, segment.id))),
    prompts: [...content.prompts.values()].map(promptState),
    ...(run === undefined ? {} : { run }),
    canUndo: record.undo.length > 0 && record.run === undefined,
    canRedo: record.redo.length > 0 && record.run === undefined,
    unsaved: record.contentRevision > record.savedRevision && content.masks.size > 0,
    created: header.created,
  };
}

/** A session that lies on disk only. @param model where it is still installed */
export function storedSessionState(
  header: JournalHeader,
  record: SessionRecord,
  model: ResolvedModel | undefined,
): SessionState {
  const { settings } = record;
  return {
    ...recordedState(header, record),
    phase: 'closed',
    loading: { done: 0, total: header.grid.slices },
    encoded: 0,
    model: {
      name: settings.model,
      sha256: settings.identity.sha256,
      demonstration: settings.identity.demonstration,
      device: '',
    },
    window: { choice: settings.window, text: '' },
    view: settings.view ?? model?.view ?? 'full',
    idleAt: header.created,
  };
}

function endedRun({ run, segments, done, total, state, message }: RunEnd): RunState {
  const kind = 'propagate' as const;
  return { id: run, kind, segments: [...segments], done, total, state, ...(message === undefined ? {} : { message }) };
}

export function segmentState(segment: Segment, slices: number[]): SegmentState {
  const { id, label, colour, terms, locked, trackingUid } = segment;
  return { id, label, colour: [...colour], terms, locked, trackingUid, slices };
}

export const promptState = ({ id, segment, drawing, slice }: StoredPrompt): SessionState['prompts'][number] => ({
  id,
  segment,
  drawing,
  slice,
});
