import { UserError } from '@medsam2/models';

/** What the program's exit code means; docs/cli.md has the table. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  /** the model ran and found nothing */
  empty: 3,
  /** a batch finished, and not every case has a result */
  someFailed: 4,
  /** the segmentation was made, and the PACS has not confirmed it */
  notStored: 5,
  /** a defect of the program (EX_SOFTWARE of sysexits.h) */
  unexpected: 70,
  /** 128 + SIGINT, as shells have it */
  interrupted: 130,
} as const;

/** An error that ends the program with a code of its own. */
export class ExitError extends UserError {
  constructor(
    readonly exitCode: number,
    code: string,
    message: string,
    remedy: string,
    options?: { cause?: unknown },
  ) {
    super(code, message, remedy, options);
  }
}

/** The command line itself is wrong. */
export class UsageError extends ExitError {
  constructor(message: string, remedy: string, options?: { cause?: unknown }) {
    super(exitCodes.usage, 'usage', message, remedy, options);
  }
}
