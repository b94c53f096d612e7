import { encodeFrame, type StreamEvent } from '@medsam2/protocol';
import type { Response } from 'express';
import { once } from 'node:events';

export interface StreamOptions {
  readonly pingMs: number;
  /** fires when the server stops */
  readonly stopping: AbortSignal;
  /** a client that takes nothing for so long is cut off */
  readonly stallMs: number;
}

/**
 * Writes events as they come: waits where the client is slow, says `ping` when there is nothing to say, and ends with
 * `closed` when the server stops or something fails.
 *
 * @param response with its headers sent
 */
export async function writeEvents(
  response: Response,
  events: AsyncIterable<StreamEvent>,
  { pingMs, stopping, stallMs }: StreamOptions,
): Promise<void> {
  let last = performance.now();
  let closed = false;
  /** @returns false when the client has gone */
  const send = async (event: StreamEvent): Promise<boolean> => {
    if (response.destroyed || response.writableEnded) return false;
    last = performance.now();
    closed ||= event.header.type === 'closed';
    if (response.write(encodeFrame(event))) return true;
    return drained(response, stallMs);
  };
  const ping = setInterval(
    () => {
      if (performance.now() - last >= pingMs && !response.writableNeedDrain)
        void send({ header: { type: 'ping' }, payload });
    },
    Math.min(pingMs, 1000),
  );
  try {
    for await (const event of events) if (!(await send(event))) return;
  } catch (error) {
    if (stopping.aborted || response.destroyed) return;
    await send({ header: { type: 'closed', reason: 'failed' }, payload });
    throw error;
  } finally {
    clearInterval(ping);
    if (stopping.aborted && !closed) await send({ header: { type: 'closed', reason: 'server-stopping' }, payload });
    response.end();
  }
}

const payload = new Uint8Array(0);

/** @returns false when the client has gone, or took nothing for too long and was cut off */
async function drained(response: Response, stallMs: number): Promise<boolean> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), stallMs);
  try {
    await Promise.race([
      once(response, 'drain', { signal: over.signal }),
      once(response, 'close', { signal: over.signal }),
    ]);
    return !response.destroyed;
  } catch {
    response.destroy();
    return false;
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}
