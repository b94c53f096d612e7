import { ApiError } from '../client/api-error.js';
import type { SeriesWork } from './series-work.js';

const quietMs = 300;
/** While a run changes them all the time. */
const runningMs = 2000;

/** Figures of the segments, asked for anew some time after they changed. */
export class Statistics {
  private cancel: (() => void) | undefined;
  private asking = false;
  private stale = false;

  constructor(private readonly work: SeriesWork) {
    work.listen({ attached: () => this.changed(), detached: () => this.stop() });
    work.env.signal.addEventListener('abort', () => this.stop(), { once: true });
  }

  changed(running = false): void {
    if (this.work.sessionId === undefined) return;
    this.work.data.set({ statisticsPending: true });
    if (this.asking) this.stale = true;
    else if (running) this.cancel ??= this.later(runningMs);
    else {
      this.cancel?.();
      this.cancel = this.later(quietMs);
    }
  }

  private later(ms: number): () => void {
    return this.work.env.clock.after(ms, () => {
      this.cancel = undefined;
      void this.ask();
    });
  }

  private async ask(): Promise<void> {
    const { data, env, sessionId } = this.work;
    if (sessionId === undefined) return;
    if (data.get().session?.state.phase !== 'ready') {
      this.cancel ??= this.later(runningMs);
      return;
    }
    this.asking = true;
    this.stale = false;
    try {
      const statistics = await env.api.statistics(sessionId);
      if (this.work.sessionId === sessionId) {
        data.set({ statistics: new Map(statistics.map((each) => [each.segment, each])) });
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // Shown as being worked out until they are: asked again when the server is back.
      env.connection.failed(error);
      this.stale = error.passes;
    } finally {
      this.asking = false;
    }
    if (this.stale) this.cancel ??= this.later(runningMs);
    else data.set({ statisticsPending: false });
  }

  private stop(): void {
    this.cancel?.();
    this.cancel = undefined;
    this.work.data.set({ statisticsPending: false });
  }
}
