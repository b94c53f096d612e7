import type { SaveState } from '@medsam2/protocol';
import type { Principal } from '../identity.js';
import type { SegObject } from '../segmentation/types.js';

export interface SaveRequest {
  readonly pacs: string;
  readonly object: SegObject;
  readonly description: string;
  /** the session or job that it comes from */
  readonly origin: string;
}

/**
 * Sends objects to a PACS so that none is lost: to disk first (fsync), then STOW, then read back and compared; a PACS
 * that is down delays, it does not lose.
 */
export interface SaveService {
  /**
   * Resolves once the object is safe on this server's disk AND the first attempt ended (or `waitMs` passed).
   * @throws UserError `spool-full` and what disk errors become: then nothing is promised
   */
  save(principal: Principal, request: SaveRequest, waitMs?: number): Promise<SaveState>;
  list(principal: Principal): Promise<SaveState[]>;
  get(principal: Principal, id: string): Promise<SaveState>;
  /** Try again now. */
  retry(principal: Principal, id: string): Promise<SaveState>;
  /** Only objects that no PACS confirmed; the file is removed. */
  discard(principal: Principal, id: string): Promise<SaveState>;
  /** The object itself, for downloading what a PACS refuses. */
  object(principal: Principal, id: string): Promise<Uint8Array>;
  /** told of every change of a save */
  subscribe(listener: (save: SaveState, origin: string, owner: string) => void): () => void;
  /** for readiness: how many wait, since when the oldest, how many were refused */
  backlog(): { readonly waiting: number; readonly refused: number; readonly oldest?: Date };
  /** Finish what is being sent, keep the rest on disk. */
  close(): Promise<void>;
}
