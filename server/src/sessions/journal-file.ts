import { UserError } from '@medsam2/models';
import { open, type FileHandle } from 'node:fs/promises';

/** What a journal needs of a file; handed in, so that tests can fill the disk. */
export type JournalHandle = Pick<FileHandle, 'write' | 'datasync' | 'truncate' | 'close' | 'stat'>;

export interface JournalFileOptions {
  /** bytes that a journal may reach */
  readonly limit: number;
  readonly openFile?: (path: string) => Promise<JournalHandle>;
}

/**
 * Lines appended to a file, one after the other. What `append` has promised is on the disk; when it fails, the file is
 * as it was before, so that a change that was refused does not come back after a restart.
 */
export class JournalFile {
  private turn: Promise<unknown> = Promise.resolve();
  private broken: unknown;
  private syncing: Promise<void> | undefined;

  private constructor(
    private readonly handle: JournalHandle,
    private length: number,
    private readonly limit: number,
  ) {}

  /**
   * @param length bytes of whole lines; what follows them (a line torn by a crash) is cut off
   * @throws UserError `journal-failed`
   */
  static async open(path: string, length: number, options: JournalFileOptions): Promise<JournalFile> {
    try {
      const handle = await (options.openFile ?? openForAppend)(path);
      try {
        if ((await handle.stat()).size > length) await handle.truncate(length);
      } catch (error) {
        await handle.close();
        throw error;
      }
      return new JournalFile(handle, length, options.limit);
    } catch (error) {
      throw failed(error);
    }
  }

  get bytes(): number {
    return this.length;
  }

  /**
   * @param sync wait until the disk has it; otherwise it is there with the next synced line at the latest
   * @throws UserError `journal-failed`: nothing was written
   */
  append(line: string, sync: boolean): Promise<void> {
    return this.inTurn(() => this.write(Buffer.from(`${line}\n`), sync));
  }

  /** Begins to put what was appended onto the disk, beside further lines; when that fails, nothing more is appended. */
  syncSoon(): void {
    this.syncing ??= this.handle
      .datasync()
      .catch((error: unknown) => void (this.broken ??= error))
      .finally(() => (this.syncing = undefined));
  }

  close(): Promise<void> {
    return this.inTurn(async () => {
      await this.syncing;
      await this.handle.close();
    });
  }

  private async write(bytes: Buffer, sync: boolean): Promise<void> {
    if (this.broken !== undefined) throw failed(this.broken);
    if (this.length + bytes.length > this.limit) {
      throw new UserError(
        'journal-failed',
        `The session's journal would exceed ${Math.ceil(this.limit / 2 ** 20)} MiB.`,
        'Save the segmentation and go on in a new session.',
      );
    }
    try {
      for (let at = 0; at < bytes.length;) {
        const { bytesWritten } = await this.handle.write(bytes, at, bytes.length - at, this.length + at);
        at += bytesWritten;
      }
      if (sync) await this.handle.datasync();
    } catch (error) {
      await this.handle.truncate(this.length).catch((cause: unknown) => (this.broken = cause));
      throw failed(error);
    }
    this.length += bytes.length;
  }

  private inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.turn.then(task);
    this.turn = result.catch(() => undefined);
    return result;
  }
}

/** Not `a`: appending files ignore positions, and a torn line could not be cut off and written again. */
async function openForAppend(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return open(path, 'wx+', 0o600);
  }
}

function failed(cause: unknown): UserError {
  if (cause instanceof UserError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  return new UserError(
    'journal-failed',
    `The change was not made, because the server's disk does not take it (${code}).`,
    ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)
      ? 'Free space on the disk of the server, then repeat it.'
      : 'See to the disk of the server, then repeat it.',
    { cause },
  );
}
