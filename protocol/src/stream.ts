/**
 * The event stream of a session: `application/vnd.medsam2.events`, a row of frames
 *
 *   uint32 little endian: bytes of the rest of the frame
 *   uint32 little endian: bytes of the header
 *   header: JSON in UTF-8, an `EventHeader`
 *   payload: the rest; for `slice` the mask's runs, otherwise nothing
 *
 * A client asks for `?after=REVISION` and gets every slice that changed since, then what happens: after a broken
 * connection nothing is lost and nothing is sent twice. Own encoding, because masks are most of it: server-sent events
 * would add a third for base64, WebSocket does not carry the Authorization header from browsers.
 */
import { ProtocolError } from './protocol-error.js';
import type { SaveState } from './saves.js';
import type { RunState, SessionState, SliceScoreState } from './sessions.js';

export * from './base64.js';
export * from './masks.js';
export * from './protocol-error.js';

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

const prefix = 8;
/** Frames above this are taken for garbage, so that a client never waits for them. */
export const maxFrameBytes = 64 * 2 ** 20;

/** One event as it goes over the wire. @throws RangeError above `maxFrameBytes` */
export function encodeFrame({ header, payload }: StreamEvent): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const rest = 4 + text.length + payload.length;
  if (rest > maxFrameBytes) throw new RangeError(`a frame of ${rest} bytes is too large`);
  const frame = new Uint8Array(4 + rest);
  const view = new DataView(frame.buffer);
  view.setUint32(0, rest, true);
  view.setUint32(4, text.length, true);
  frame.set(text, prefix);
  frame.set(payload, prefix + text.length);
  return frame;
}

/** Puts frames together from chunks as they arrive, of any size. */
export class StreamDecoder {
  private kept = new Uint8Array(0);
  /** bytes of `kept` that are filled */
  private filled = 0;

  /** @param limit largest frame accepted */
  constructor(private readonly limit = maxFrameBytes) {}

  /**
   * @returns the events that are complete now, in order; those of a type that this version does not know are left out
   * @throws ProtocolError `stream-corrupt`; the decoder cannot be used any more: connect again
   */
  push(chunk: Uint8Array): StreamEvent[] {
    this.append(chunk);
    const events: StreamEvent[] = [];
    let at = 0;
    const view = new DataView(this.kept.buffer, this.kept.byteOffset, this.filled);
    while (this.filled - at >= 4) {
      const rest = view.getUint32(at, true);
      if (rest < 4 || rest > this.limit) throw corrupt(`a frame claims ${rest} bytes`);
      if (this.filled - at < 4 + rest) break;
      const event = readFrame(this.kept.subarray(at + 4, at + 4 + rest), view.getUint32(at + 4, true));
      if (event !== undefined) events.push(event);
      at += 4 + rest;
    }
    if (at > 0) {
      this.kept.copyWithin(0, at, this.filled);
      this.filled -= at;
    }
    return events;
  }

  /** The connection ended. @throws ProtocolError `stream-truncated` when it ended within a frame */
  end(): void {
    if (this.filled > 0) throw new ProtocolError('stream-truncated', 'The event stream ended within a frame.');
  }

  private append(chunk: Uint8Array): void {
    const needed = this.filled + chunk.length;
    if (needed > this.kept.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.kept.length));
      larger.set(this.kept.subarray(0, this.filled));
      this.kept = larger;
    }
    this.kept.set(chunk, this.filled);
    this.filled = needed;
  }
}

function readFrame(rest: Uint8Array, headerBytes: number): StreamEvent | undefined {
  if (headerBytes > rest.length - 4) throw corrupt('a header is longer than its frame');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(rest.subarray(4, 4 + headerBytes)));
  } catch (cause) {
    throw corrupt('a header is not JSON', cause);
  }
  if (!isRecord(header) || typeof header.type !== 'string') throw corrupt('a header has no type');
  const fields = Object.hasOwn(eventFields, header.type) ? eventFields[header.type as EventHeader['type']] : undefined;
  // A later server may say more.
  if (fields === undefined) return undefined;
  for (const [name, type] of Object.entries(fields)) {
    if (typeof header[name] !== type || header[name] === null) {
      throw corrupt(`an event ${header.type} has no ${name}`);
    }
  }
  // A copy: the buffer it lies in is used again.
  return { header: header as unknown as EventHeader, payload: rest.slice(4 + headerBytes) };
}

/** What a client relies on; checked without a schema library, which would be most of a browser's bundle. */
const eventFields: Readonly<Record<EventHeader['type'], Readonly<Record<string, 'string' | 'number' | 'object'>>>> = {
  state: { session: 'object' },
  slice: {
    segment: 'number',
    slice: 'number',
    revision: 'number',
    rows: 'number',
    columns: 'number',
    iou: 'number',
    presence: 'number',
    pixels: 'number',
    origin: 'string',
  },
  absent: { segment: 'number', slice: 'number', presence: 'number', message: 'string' },
  run: { run: 'object' },
  save: { save: 'object' },
  ping: {},
  closed: { reason: 'string' },
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function corrupt(why: string, cause?: unknown): ProtocolError {
  return new ProtocolError('stream-corrupt', `The event stream cannot be read: ${why}.`, { cause });
}
