/** Work in small portions between the frames of the page. */
export interface FrameClock {
  now(): number;
  /** calls back before the next frame is drawn; also on pages that are hidden, which draw none */
  next(callback: () => void): void;
}

export const pageClock: FrameClock = {
  now: () => performance.now(),
  next(callback) {
    let isDone = false;
    const once = () => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      callback();
    };
    const timer = setTimeout(once, 100);
    requestAnimationFrame(once);
  },
};

/** Milliseconds of one portion: a frame at 60 Hz has 16, most of which drawing needs. */
const portion = 6;

/**
 * Runs a generator in portions; it yields after each small step.
 * @param isWanted asked before each portion; false: the rest is left undone
 */
export function inPortions(clock: FrameClock, steps: Iterator<unknown>, isWanted: () => boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const run = () => {
      try {
        if (!isWanted()) return resolve(false);
        const until = clock.now() + portion;
        do {
          if (steps.next().done === true) return resolve(true);
        } while (clock.now() < until);
        clock.next(run);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    clock.next(run);
  });
}
