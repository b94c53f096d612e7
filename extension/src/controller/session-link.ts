import type { EventHeader, StreamEvent } from '@medsam2/protocol/stream';
import { followEvents } from '../client/events.js';
import type { ApiError } from '../client/api-error.js';
import type { SeriesWork } from './series-work.js';

type Of<Type extends EventHeader['type']> = Extract<EventHeader, { type: Type }>;

export interface LinkListener {
  onSlice(slice: Of<'slice'>): void;
  onAbsent(absent: Of<'absent'>): void;
  onRun(run: Of<'run'>['run']): void;
  onSave(save: Of<'save'>['save']): void;
  /** the session is not on the server any more */
  onGone(): void;
}

/** Why a session was put to disk: it stays there until somebody asks for something. */
const atRest: ReadonlySet<string> = new Set(['idle', 'memory is needed']);

/** Follows the events of a work's session, through broken connections and restarts of the server. */
export class SessionLink {
  private readonly ended = new AbortController();
  /** the stream has told everything up to this revision */
  private cursor = 0;
  private wakeUp: (() => void) | undefined;
  /** how often the stream was opened */
  private openings = 0;

  constructor(
    private readonly work: SeriesWork,
    private readonly session: string,
    private readonly listener: LinkListener,
  ) {}

  start(): void {
    const { env } = this.work;
    const end = (): void => this.close();
    env.signal.addEventListener('abort', end, { once: true });
    followEvents({
      clock: env.clock,
      signal: this.ended.signal,
      open: (signal) => this.open(signal),
      onEvents: (events) => this.take(events),
      onBroken: (error) => this.broken(error),
      onClosed: (reason) => this.closed(reason),
    })
      .catch((error: unknown) => env.notices.failure('session', error))
      .finally(() => env.signal.removeEventListener('abort', end));
  }

  close(): void {
    this.ended.abort();
    this.wake();
  }

  /** Somebody works with the session: it is followed again when it was at rest. */
  wake(): void {
    this.wakeUp?.();
    this.wakeUp = undefined;
  }

  private async open(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const { api } = this.work.env;
    if (this.openings++ > 0) {
      // Opens it again where it lies on disk, and tells whether it is what it was.
      const state = await api.session(this.session);
      if (state.revision < this.cursor) {
        this.cursor = 0;
        this.work.masks.forgetRevisions();
      }
      this.work.adopt(state);
    }
    return api.events(this.session, this.cursor, signal);
  }

  private take(events: readonly StreamEvent[]): void {
    for (const { header, payload } of events) {
      switch (header.type) {
        case 'state':
          this.cursor = Math.max(this.cursor, header.session.revision);
          this.work.told(header.session);
          break;
        case 'slice':
          this.cursor = Math.max(this.cursor, header.revision);
          if (this.work.masks.put(header, { rows: header.rows, columns: header.columns, runs: payload })) {
            this.listener.onSlice(header);
          }
          break;
        case 'absent':
          this.listener.onAbsent(header);
          break;
        case 'run':
          this.listener.onRun(header.run);
          break;
        case 'save':
          this.listener.onSave(header.save);
          break;
        case 'ping':
        case 'closed':
          break;
      }
    }
  }

  private async broken(error: ApiError): Promise<boolean> {
    const { connection } = this.work.env;
    if (error.code === 'session-not-found') {
      this.listener.onGone();
      return false;
    }
    if (error.isConnection) {
      connection.failed(error);
      await connection.online(this.ended.signal);
    }
    return !this.ended.signal.aborted;
  }

  private async closed(reason: string): Promise<boolean> {
    if (reason === 'removed') {
      this.listener.onGone();
      return false;
    }
    if (atRest.has(reason)) {
      await new Promise<void>((resolve) => {
        this.wakeUp = resolve;
        if (this.ended.signal.aborted) resolve();
      });
    }
    return !this.ended.signal.aborted;
  }
}
