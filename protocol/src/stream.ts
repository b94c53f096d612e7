/**
 * The event stream of a session: `application/vnd.medsam2.events`, a row of frames
 *
 *   uint32 little endian: bytes of the rest of the frame
 *   uint16 little endian: bytes of the header
 *   header: JSON in UTF-8, an `EventHeader`
 *   payload: the rest; for `slice` the mask's runs, otherwise nothing
 *
 * A client asks for `?after=REVISION` and gets every slice that changed since, then what happens: after a broken
 * connection nothing is lost and nothing is sent twice. Own encoding, because masks are most of it: server-sent events
 * would add a third for base64, WebSocket does not carry the Authorization header from browsers.
 */
import type { SaveState } from './saves.js';
import type { RunState, SessionState, SliceScoreState } from './sessions.js';

export const streamType = 'application/vnd.medsam2.events';

export type EventHeader =
  | { readonly type: 'state'; readonly session: SessionState }
  /** the whole mask of one slice of one segment; no runs: the slice is empty now */
  | ({ readonly type: 'slice'; readonly rows: number; readonly columns: number } & SliceScoreState)
  | {
      readonly type: 'absent';
      readonly segment: number;
      readonly slice: number;
      readonly presence: number;
      readonly message: string;
    }
  | { readonly type: 'run'; readonly run: RunState }
  | { readonly type: 'save'; readonly save: SaveState }
  | { readonly type: 'ping' }
  /** the last frame: the session ended */
  | { readonly type: 'closed'; readonly reason: string };

export interface StreamEvent {
  readonly header: EventHeader;
  readonly payload: Uint8Array;
}
