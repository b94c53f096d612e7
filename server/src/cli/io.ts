import { exitCodes } from './exit.js';

/** What a command is given of the process it runs in; the only way to the outside for everything below `main`. */
export interface CliIo {
  /** results */
  readonly stdout: NodeJS.WritableStream;
  /** progress, notes, errors */
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** whether a person watches stderr */
  readonly isTTY: boolean;
  /** fires when the user or the system asks the program to stop */
  readonly signal: AbortSignal;
}

/**
 * The io of this process, with its signals; `release` takes the handlers off again.
 *
 * A command that has taken `signal` is trusted to stop by itself and to clean up; one that never did is ended at once.
 * A second signal always means now: what is being written then stays a hidden .part file and is never taken for a result.
 *
 * @param onDefect told of an exception that nobody caught, before the process ends
 */
export function processIo(onDefect: (error: unknown) => void): { readonly io: CliIo; readonly release: () => void } {
  const stop = new AbortController();
  let isObserved = false;
  const interrupt = (): void => {
    if (!isObserved || stop.signal.aborted) process.exit(exitCodes.interrupted);
    stop.abort();
  };
  const defect = (error: unknown): void => {
    onDefect(error);
    process.exit(exitCodes.unexpected);
  };
  // The reader of our output may go away (`| head`); results are files, so the work goes on.
  const closed = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') defect(error);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  process.on('uncaughtException', defect);
  // Writing beyond a limit on file sizes is to be an error of the write (EFBIG), not the end of the process.
  if (process.platform !== 'win32') process.on('SIGXFSZ', leaveToTheWrite);
  process.stdout.on('error', closed);
  process.stderr.on('error', closed);
  return {
    io: {
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      cwd: process.cwd(),
      isTTY: process.stderr.isTTY === true,
      get signal() {
        isObserved = true;
        return stop.signal;
      },
    },
    release: () => {
      for (const signal of signals) process.off(signal, interrupt);
      process.off('uncaughtException', defect);
      process.off('SIGXFSZ', leaveToTheWrite);
    },
  };
}

function leaveToTheWrite(): void {
  // the system call that hit the limit fails
}
