import type {
  ChangeSession,
  CreateSession,
  Drawing,
  Propagate,
  PromptAnswer,
  PromptBody,
  RunState,
  SaveBody,
  SaveState,
  SegmentBody,
  SegmentState,
  SegmentStatistics,
  SessionState,
  SliceScoreState,
  StreamEvent,
  VolumeInfo,
} from '@medsam2/protocol';
import type { Principal } from '../identity.js';

/** A mask in the way of the stream: runs of one slice (see `@medsam2/protocol/stream`). */
export interface RunMask {
  readonly rows: number;
  readonly columns: number;
  readonly runs: Uint8Array;
}

/**
 * Interactive sessions. A session belongs to its creator: for anybody else but an admin it does not exist
 * (`session-not-found`, 404), whatever its identifier. Codes thrown besides those of engine, imaging and PACS:
 * `session-not-found`, `session-not-ready`, `session-busy` (a run is active), `too-many-sessions`, `memory-exhausted`,
 * `segment-not-found`, `segment-locked`, `prompt-not-found`, `slice-not-found`, `image-not-found` (a place outside the
 * volume), `plane-oblique`, `nothing-to-undo`, `nothing-to-redo`, `nothing-to-propagate`, `nothing-to-save`,
 * `mask-invalid`, `journal-failed` (the disk does not take it: the change did not happen).
 */
export interface SessionService {
  /** The volumes of a series and what is odd about them, without loading pixels. */
  volumes(principal: Principal, source: { pacs?: string; study: string; series: string }): Promise<VolumeInfo[]>;
  /** Answers as soon as the series is planned; pixels are fetched and slices encoded in the background. */
  create(principal: Principal, request: CreateSession): Promise<SessionState>;
  /** Own sessions; all of them for an admin. Includes those that lie on disk only. */
  list(principal: Principal): Promise<SessionState[]>;
  /** Opens it again from its journal when it is not in memory. */
  get(principal: Principal, id: string): Promise<SessionState>;
  change(principal: Principal, id: string, change: ChangeSession): Promise<SessionState>;
  /** Ends the session and removes its journal. */
  remove(principal: Principal, id: string): Promise<void>;
  images(principal: Principal, id: string): Promise<readonly { sopInstanceUid: string; frame?: number }[]>;

  addSegment(principal: Principal, id: string, body: SegmentBody): Promise<SegmentState>;
  changeSegment(principal: Principal, id: string, segment: number, body: SegmentBody): Promise<SegmentState>;
  removeSegment(principal: Principal, id: string, segment: number): Promise<SessionState>;

  putPrompt(
    principal: Principal,
    id: string,
    prompt: string,
    body: PromptBody,
    signal?: AbortSignal,
  ): Promise<PromptAnswer>;
  removePrompt(principal: Principal, id: string, prompt: string): Promise<SessionState>;
  /** The model's answer without a change of the session. */
  preview(
    principal: Principal,
    id: string,
    segment: number,
    drawings: readonly Drawing[],
    signal?: AbortSignal,
  ): Promise<PromptAnswer>;
  /** A mask edited by hand: kept to the pixel, used as a correction. */
  editSlice(principal: Principal, id: string, segment: number, slice: number, mask: RunMask): Promise<SliceScoreState>;
  propagate(principal: Principal, id: string, request: Propagate): Promise<RunState>;
  cancel(principal: Principal, id: string): Promise<SessionState>;
  undo(principal: Principal, id: string): Promise<SessionState>;
  redo(principal: Principal, id: string): Promise<SessionState>;
  /** Removes prompts and masks (of one segment, or all); can be undone. */
  reset(principal: Principal, id: string, segment?: number): Promise<SessionState>;

  /** Everything newer than `after`, then what happens, until `signal` or the session's end. See `protocol/src/stream.ts`. */
  events(principal: Principal, id: string, after: number, signal: AbortSignal): AsyncIterable<StreamEvent>;
  /** The same without waiting: what changed after a revision. */
  changes(principal: Principal, id: string, after: number): Promise<StreamEvent[]>;

  statistics(principal: Principal, id: string): Promise<SegmentStatistics[]>;
  /** The label map as a file. */
  exportLabelMap(
    principal: Principal,
    id: string,
    format: 'nii.gz' | 'nrrd' | 'npz' | 'dcm',
  ): Promise<{ readonly bytes: Uint8Array; readonly fileName: string; readonly contentType: string }>;
  /** The journal: what was asked, in order; JSON lines without patient data. */
  journal(principal: Principal, id: string): Promise<string>;
  /** A new session on the same series with the same prompts, on another model. */
  replay(principal: Principal, id: string, model: string): Promise<SessionState>;
  save(principal: Principal, id: string, body: SaveBody): Promise<SaveState>;

  /** bytes of voxels, features and masks held, and the budget */
  memory(): { readonly used: number; readonly budget: number; readonly sessions: number };
  /** Stops runs, puts everything to disk. */
  close(): Promise<void>;
}
