import type { EventHeader, SaveState, StreamEvent } from '@medsam2/protocol';
import { setTimeout as delay } from 'node:timers/promises';

/** What a feed is asked for when it has something to say; looked up at that moment, never kept per subscriber. */
export interface FeedSource {
  state(revision: number): Extract<EventHeader, { type: 'state' }>;
  run(): Extract<EventHeader, { type: 'run' }> | undefined;
  /** slices changed after a revision, by ascending revision */
  changedSlices(after: number): readonly SliceKey[];
  /** the slice as it is now; undefined when its segment is gone */
  slice(key: SliceKey): StreamEvent | undefined;
  revision(): number;
  closed(): string | undefined;
}

export interface SliceKey {
  readonly segment: number;
  readonly slice: number;
  readonly revision: number;
}

type Absent = Extract<EventHeader, { type: 'absent' }>;

const nothing = new Uint8Array(0);
/** Messages that a client who does not read misses at most. */
const mostAbsent = 100;

/**
 * One client's view of a session. Holds a revision and a few marks, nothing per slice: a client that reads slowly gets
 * the newest mask of every slice once, and whoever makes masks never waits for it.
 */
export class Subscription {
  private stateDue = true;
  private runDue = true;
  private readonly absent: Absent[] = [];
  private readonly saves = new Map<string, SaveState>();
  private wake: (() => void) | undefined;

  constructor(
    private readonly source: FeedSource,
    private sent: number,
  ) {}

  /** Something happened. */
  notify(what: 'state' | 'run' | 'slices' | Absent | SaveState): void {
    if (what === 'state') this.stateDue = true;
    else if (what === 'run') this.runDue = true;
    else if (what !== 'slices' && 'type' in what) {
      if (this.absent.length < mostAbsent) this.absent.push(what);
    } else if (what !== 'slices') this.saves.set(what.id, what);
    this.wake?.();
  }

  /** Everything that is new now. */
  *pending(): Generator<StreamEvent> {
    if (this.stateDue) {
      this.stateDue = false;
      yield { header: this.source.state(this.sent), payload: nothing };
    }
    const upTo = this.source.revision();
    for (const key of this.source.changedSlices(this.sent)) {
      // Changed again since: its turn comes with the newer revision.
      if (key.revision > upTo) break;
      const event = this.source.slice(key);
      if (event !== undefined && 'revision' in event.header && event.header.revision === key.revision) yield event;
      this.sent = key.revision;
    }
    this.sent = Math.max(this.sent, upTo);
    while (this.absent.length > 0) {
      const header = this.absent.shift();
      if (header !== undefined) yield { header, payload: nothing };
    }
    for (const [id, save] of this.saves) {
      this.saves.delete(id);
      yield { header: { type: 'save', save }, payload: nothing };
    }
    if (this.runDue) {
      this.runDue = false;
      const header = this.source.run();
      if (header !== undefined) yield { header, payload: nothing };
    }
  }

  /**
   * Everything that happens until the session ends or `signal` fires.
   * @param pingMs a `ping` after so long without another event, so that proxies keep the connection
   */
  async *events(signal: AbortSignal, pingMs: number): AsyncGenerator<StreamEvent> {
    while (!signal.aborted) {
      let any = false;
      for (const event of this.pending()) {
        any = true;
        yield event;
        if (signal.aborted) return;
      }
      const reason = this.source.closed();
      if (reason !== undefined) {
        yield { header: { type: 'closed', reason }, payload: nothing };
        return;
      }
      if (any) continue;
      if (await this.isQuiet(signal, pingMs)) yield { header: { type: 'ping' }, payload: nothing };
    }
  }

  /** @returns true when nothing happened for so long */
  private async isQuiet(signal: AbortSignal, ms: number): Promise<boolean> {
    const stop = new AbortController();
    const woken = new Promise<boolean>((resolve) => (this.wake = () => resolve(false)));
    const abort = () => this.wake?.();
    signal.addEventListener('abort', abort, { once: true });
    const timeout = delay(ms, true, { signal: stop.signal }).catch(() => false);
    try {
      return await Promise.race([woken, timeout]);
    } finally {
      stop.abort();
      signal.removeEventListener('abort', abort);
      this.wake = undefined;
    }
  }
}
