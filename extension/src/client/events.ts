import { StreamDecoder, type StreamEvent } from '@medsam2/protocol/stream';
import { ApiError, unreachable } from './api-error.js';
import { pause, type Clock } from './clock.js';

export interface EventsOptions {
  readonly clock: Clock;
  /** opens the stream anew, from the revision that is known then. @throws ApiError */
  readonly open: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
  readonly onEvents: (events: readonly StreamEvent[]) => void;
  /**
   * The stream could not be opened or broke; it is tried again when this resolves and says so.
   * @returns false to end
   */
  readonly onBroken: (error: ApiError) => Promise<boolean>;
  /** the server ended it. @returns false to end */
  readonly onClosed: (reason: string) => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** The server says at least `ping` every 15 s: after so long without a word the connection is dead. */
const silenceMs = 40_000;
const delaysMs = [250, 1000, 2000, 5000, 10_000] as const;

/** Reads a session's events until `signal` fires; what breaks is connected again, with growing delays. */
export async function followEvents(options: EventsOptions): Promise<void> {
  const { clock, signal, onBroken, onClosed } = options;
  let failures = 0;
  while (!signal.aborted) {
    let goOn: boolean;
    try {
      const reason = await readOnce(options, () => (failures = 0));
      if (signal.aborted) return;
      goOn = await onClosed(reason);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      goOn = await onBroken(error);
    }
    if (!goOn) return;
    await pause(clock, delaysMs[Math.min(failures++, delaysMs.length - 1)], signal);
  }
}

/** @returns why the server closed it. @throws ApiError */
async function readOnce({ clock, open, onEvents, signal }: EventsOptions, onAlive: () => void): Promise<string> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const reader = (await open(controller.signal)).getReader();
    const decoder = new StreamDecoder();
    for (;;) {
      const cancelSilence = clock.after(silenceMs, abort);
      const events = await nextEvents(reader, decoder).finally(cancelSilence);
      if (events.length === 0) continue;
      onAlive();
      onEvents(events);
      const closed = events.at(-1)?.header;
      if (closed?.type === 'closed') return closed.reason;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    controller.abort();
  }
}

/** @throws ApiError when the stream ends, breaks off, falls silent, or holds something else */
async function nextEvents(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  decoder: StreamDecoder,
): Promise<readonly StreamEvent[]> {
  let chunk: Awaited<ReturnType<typeof reader.read>>;
  try {
    chunk = await reader.read();
    if (chunk.value !== undefined) return decoder.push(chunk.value);
  } catch (error) {
    throw unreachable(error);
  }
  throw unreachable();
}
