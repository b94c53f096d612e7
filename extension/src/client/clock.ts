/** Time as the client and the controller use it; handed in, so that tests can say what time it is. */
export interface Clock {
  /** milliseconds since 1970 */
  now(): number;
  /** @returns takes it back */
  after(ms: number, work: () => void): () => void;
  /** before the page is drawn next; soon where it is not drawn. @returns takes it back */
  frame(work: () => void): () => void;
}

/** Longest wait for a frame: browsers draw nothing of a page in the background. */
const frameMs = 100;

export function systemClock(): Clock {
  const after: Clock['after'] = (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  };
  return {
    now: () => Date.now(),
    after,
    frame: (work) => {
      if (typeof requestAnimationFrame !== 'function') return after(16, work);
      const cancel = (): void => {
        cancelTimer();
        cancelAnimationFrame(frame);
      };
      const once = (): void => {
        cancel();
        work();
      };
      const cancelTimer = after(frameMs, once);
      const frame = requestAnimationFrame(once);
      return cancel;
    },
  };
}

/** Resolves after a time, or at once when `signal` fires. */
export const pause = (clock: Clock, ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal?.addEventListener('abort', end, { once: true });
  });
