import { SingleBar } from 'cli-progress';
import type { CliIo } from './io.js';

/** Tells a person how far a run is; on a terminal as a bar, elsewhere as plain lines. */
export interface Progress {
  /** a line that stays, for example what is being read */
  note(line: string): void;
  /** @param done of `total`; the first call, and any with another total, begins a new bar */
  update(done: number, total: number): void;
  /** takes the bar off the screen; may be called more than once */
  stop(): void;
}

/**
 * @param unit what is counted, e.g. `slices`
 * @param quiet show nothing
 */
export function createProgress(io: Pick<CliIo, 'stderr' | 'isTTY'>, unit: string, quiet = false): Progress {
  if (quiet) return { note: () => undefined, update: () => undefined, stop: () => undefined };
  return io.isTTY ? bar(io.stderr, unit) : lines(io.stderr, unit);
}

function bar(stream: NodeJS.WritableStream, unit: string): Progress {
  let shown: SingleBar | undefined;
  let started = 0;
  const stop = (): void => {
    shown?.stop();
    shown = undefined;
  };
  return {
    note(line) {
      stop();
      stream.write(`${line}\n`);
    },
    update(done, total) {
      if (!shown) {
        started = performance.now();
        shown = new SingleBar({
          stream,
          format: `[{bar}] {value} of {total} ${unit}, {speed} ${unit}/s, {eta_formatted} left`,
          hideCursor: true,
          clearOnComplete: true,
          etaBuffer: 50,
        });
        shown.start(total, done, { speed: '-' });
      }
      shown.setTotal(total);
      shown.update(done, { speed: speed(done, started) });
    },
    stop,
  };
}

/** A line for each tenth, so that a log of thousands of slices stays readable. */
function lines(stream: NodeJS.WritableStream, unit: string): Progress {
  let started: number | undefined;
  let tenth = 0;
  return {
    note: (line) => void stream.write(`${line}\n`),
    update(done, total) {
      started ??= performance.now();
      const reached = Math.floor((10 * done) / Math.max(1, total));
      if (done === 0 || reached === tenth) return;
      tenth = reached;
      stream.write(`${done} of ${total} ${unit}, ${speed(done, started)} ${unit}/s\n`);
    },
    stop: () => {
      started = undefined;
      tenth = 0;
    },
  };
}

function speed(done: number, started: number): string {
  const seconds = (performance.now() - started) / 1000;
  return seconds < 0.05 ? '-' : (done / seconds).toPrecision(2);
}
