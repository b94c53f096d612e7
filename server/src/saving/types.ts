import type { SaveState } from '@medsam2/protocol';
import type { Principal } from '../identity.js';
import type { SegObject } from '../segmentation/types.js';

export interface SaveRequest {
  readonly pacs: string;
  readonly object: SegObject;
  readonly description: string;
  /** the session or job that it comes from */
  readonly origin: string;
  /** another server may have sent it already: ask the PACS before sending */
  readonly mayBeStored?: boolean;
}

/** What waits for a PACS or for a person. */
export interface Backlog {
  readonly waiting: number;
  readonly refused: number;
  /** when the oldest of those that wait was taken */
  readonly oldest?: Date;
  /** records that the disk damaged: moved aside, not sent, not deleted */
  readonly damaged: number;
}

/**
 * Sends objects to a PACS so that none is lost: to disk first (fsync), then STOW, then read back and compared; a PACS
 * that is down delays, it does not lose.
 */
export interface SaveService {
  /**
   * Resolves once the object is safe on this server's disk AND the first attempt ended (or `waitMs` passed). An object
   * that was taken before (same SOP Instance UID, same bytes) is not taken twice: its save is answered.
   * @throws UserError `seg-invalid`, `pacs-read-only`, `spool-full`, `spool-failed`, `save-uid-reused`: then nothing is
   *   promised
   */
  save(principal: Principal, request: SaveRequest, waitMs?: number): Promise<SaveState>;
  /** Own saves, newest first; all of them for an admin. */
  list(principal: Principal): Promise<SaveState[]>;
  /** @throws UserError `save-not-found`, also for other people's */
  get(principal: Principal, id: string): Promise<SaveState>;
  /**
   * Try again now, with the caller's authorization.
   * @throws UserError `save-not-found`, `save-finished`
   */
  retry(principal: Principal, id: string): Promise<SaveState>;
  /**
   * Only objects that no PACS confirmed; the file is removed.
   * @throws UserError `save-not-found`, `save-finished`, `save-busy` while it is being sent
   */
  discard(principal: Principal, id: string): Promise<SaveState>;
  /**
   * The object itself, for downloading what a PACS refuses.
   * @throws UserError `save-not-found`, `save-object-gone` (verified or discarded), `save-damaged`
   */
  object(principal: Principal, id: string): Promise<Uint8Array>;
  /** told of every change of a save */
  subscribe(listener: (save: SaveState, origin: string, owner: string) => void): () => void;
  /** for readiness: how many wait, since when the oldest, how many were refused */
  backlog(): Backlog;
  /** Finish what is being sent, keep the rest on disk. */
  close(): Promise<void>;
}
