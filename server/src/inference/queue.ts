import { isMoreUrgent, type Call } from '../engine/graph-runner.js';

interface Waiting {
  readonly call: Call;
  readonly start: () => void;
  readonly cancel: () => void;
}

/**
 * One device, one call at a time: the most urgent call first, first come first served among equals.
 *
 * Calls are single graph runs, so a click waits for at most the run that is under way. A call's priority is read when
 * the device becomes free, so that it may rise while it waits.
 */
export class DeviceQueue {
  private readonly waiting: Waiting[] = [];
  private busy = false;

  /** Calls that wait now. */
  get length(): number {
    return this.waiting.length;
  }

  /**
   * Run `task` when its turn comes.
   * @throws the signal's reason when `call.signal` fires before the task has started; a started task runs to its end
   */
  run<T>(call: Call, task: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { signal } = call;
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const waiting: Waiting = {
        call,
        start: () => {
          signal?.removeEventListener('abort', waiting.cancel);
          task()
            .then(resolve, reject)
            .finally(() => this.next());
        },
        cancel: () => {
          this.waiting.splice(this.waiting.indexOf(waiting), 1);
          reject(signal?.reason as Error);
        },
      };
      signal?.addEventListener('abort', waiting.cancel, { once: true });
      this.waiting.push(waiting);
      // Deferred, so that calls made in the same turn are ordered by urgency and not by luck.
      if (!this.busy) {
        this.busy = true;
        queueMicrotask(() => this.next());
      }
    });
  }

  private next(): void {
    let best: Waiting | undefined;
    for (const candidate of this.waiting) {
      if (best === undefined || isMoreUrgent(candidate.call.priority, best.call.priority)) best = candidate;
    }
    this.busy = best !== undefined;
    if (best === undefined) return;
    this.waiting.splice(this.waiting.indexOf(best), 1);
    best.start();
  }
}
