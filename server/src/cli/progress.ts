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
  const pace = new Pace(unit);
  const hide = (): void => {
    shown?.stop();
    shown = undefined;
  };
  return {
    note(line) {
      hide();
      stream.write(`${line}\n`);
    },
    update(done, total) {
      const payload = { pace: pace.at(done, total) };
      if (shown) {
        shown.setTotal(total);
        shown.update(done, payload);
        return;
      }
      const format = `[{bar}] {value} of {total} ${unit}{pace}`;
      shown = new SingleBar({ stream, format, hideCursor: true, clearOnComplete: true });
      shown.start(total, done, payload);
    },
    stop() {
      hide();
      pace.reset();
    },
  };
}

/** A line for each tenth, so that a log of thousands of slices stays readable. */
function lines(stream: NodeJS.WritableStream, unit: string): Progress {
  const pace = new Pace(unit);
  let tenth = 0;
  return {
    note: (line) => void stream.write(`${line}\n`),
    update(done, total) {
      const text = pace.at(done, total);
      const reached = Math.floor((10 * done) / Math.max(1, total));
      if (done === 0 || reached === tenth) return;
      tenth = reached;
      stream.write(`${done} of ${total} ${unit}${text}\n`);
    },
    stop() {
      pace.reset();
      tenth = 0;
    },
  };
}

/** How fast it goes and how long it will take, from the first update on; notes in between do not disturb it. */
class Pace {
  private began: { readonly time: number; readonly done: number } | undefined;

  constructor(private readonly unit: string) {}

  /** `, 3.1 slices/s, 1 min 20 s left`; empty while nothing is known */
  at(done: number, total: number): string {
    const now = performance.now();
    this.began ??= { time: now, done };
    const seconds = (now - this.began.time) / 1000;
    const finished = done - this.began.done;
    if (finished <= 0 || seconds < 0.05) return '';
    const speed = finished / seconds;
    const rounded = Number(speed.toPrecision(2));
    const left = done >= total ? '' : `, ${duration((total - done) / speed)} left`;
    return `, ${rounded} ${this.unit}/s${left}`;
  }

  reset(): void {
    this.began = undefined;
  }
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
