import type { PacsConfig } from './config.js';
import { timeout, unreachable } from './errors.js';

/** What is waited for. */
type Phase = 'connect' | 'firstByte' | 'idle';

interface Destroyable {
  destroy(error?: Error): unknown;
}

/** The time limits and the caller's signal of one request, told apart when one of them ends it. */
export class Limits {
  /** ends the request: the caller's signal, or the time for everything */
  readonly signal: AbortSignal | undefined;
  private readonly whole: AbortSignal | undefined;
  private timer: NodeJS.Timeout | undefined;
  private exceeded: Error | undefined;

  /** @throws the signal's reason when it is aborted already */
  constructor(
    private readonly config: Pick<PacsConfig, 'name' | 'timeouts'>,
    private readonly request: { readonly signal?: AbortSignal; readonly withinMs?: number },
  ) {
    const { signal, withinMs } = request;
    signal?.throwIfAborted();
    this.whole = withinMs === undefined ? undefined : AbortSignal.timeout(withinMs);
    this.signal = signal && this.whole ? AbortSignal.any([signal, this.whole]) : (signal ?? this.whole);
  }

  /** Starts the clock of a phase; when it runs out, the stream is destroyed. */
  expect(phase: Phase, stream: Destroyable): void {
    this.met();
    // a request that sends something large is bounded as a whole instead
    if (phase === 'firstByte' && this.whole) return;
    this.timer = setTimeout(() => {
      this.exceeded = this.errorOf(phase);
      stream.destroy(this.exceeded);
    }, this.config.timeouts[phase]);
  }

  /** What was waited for is there. */
  met(): void {
    clearTimeout(this.timer);
  }

  /** The limit that ended the request; undefined when something else did. */
  reached(cause: unknown): unknown {
    const { signal, withinMs } = this.request;
    if (signal?.aborted) return signal.reason;
    if (this.whole?.aborted)
      return timeout(this.config.name, `no whole answer within ${seconds(withinMs ?? 0)}`, cause);
    return this.exceeded;
  }

  private errorOf(phase: Phase): Error {
    const { name, timeouts } = this.config;
    switch (phase) {
      case 'connect':
        return unreachable(name, `no connection within ${seconds(timeouts.connect)}`);
      case 'firstByte':
        return timeout(name, `no answer within ${seconds(timeouts.firstByte)}`);
      case 'idle':
        return timeout(name, `its answer stopped for ${seconds(timeouts.idle)}`);
    }
  }
}

const seconds = (milliseconds: number): string => `${milliseconds / 1000} s`;
