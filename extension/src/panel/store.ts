import type { WorkState } from '../contract/work.js';

/** What the panel needs of a Workbench to follow it. */
export interface StateSource {
  getState(): WorkState;
  subscribe(listener: () => void): () => void;
}

/** The state as the panel draws it: the first change is seen at once, those that follow are seen once per frame. */
export interface FrameStore {
  readonly getState: () => WorkState;
  readonly subscribe: (listener: () => void) => () => void;
  readonly close: () => void;
}

/**
 * While slices stream in, the state changes many times between two frames; drawing each of them would only cost time.
 *
 * @param nextFrame calls back before the next frame is drawn
 */
export function frameStore(source: StateSource, nextFrame: (callback: () => void) => void): FrameStore {
  const listeners = new Set<() => void>();
  let seen = source.getState();
  let waiting = false;
  let open = true;

  const publish = () => {
    const latest = source.getState();
    if (latest === seen) return false;
    seen = latest;
    for (const listener of [...listeners]) listener();
    return true;
  };
  const onFrame = () => {
    waiting = false;
    if (open && publish()) wait();
  };
  const wait = () => {
    waiting = true;
    nextFrame(onFrame);
  };
  const stop = source.subscribe(() => {
    if (!waiting && publish()) wait();
  });

  return {
    getState: () => seen,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: () => {
      open = false;
      stop();
      listeners.clear();
    },
  };
}
