import { UserError } from '@medsam2/models';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateFolder, syncFolder, systemCode } from '../../durable/private-files.js';
import type { AuditRecord } from './record.js';

export interface AuditOptions {
  /** of this server; kept for ever: what may be deleted is the operator's to decide */
  readonly directory: string;
  /** a new file is begun when one is larger */
  readonly fileBytes: number;
  readonly now?: () => Date;
}

/** Where accesses are written down. */
export interface AuditTrail {
  /**
   * Resolves once the line is written; with `flush` once it is on the disk.
   * @throws UserError `audit-failed`: then the access must not happen
   */
  write(record: AuditRecord, flush?: boolean): Promise<void>;
  close(): Promise<void>;
}

interface Waiting {
  readonly line: string;
  readonly flush: boolean;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Opens the audit: JSON lines in files of one day (UTC) each, `audit-20240131-0001.jsonl`. A file is only ever appended to,
 * and a new one is begun with every start and after every failure, so that a torn last line stays the last of its file.
 *
 * @throws UserError `folder-unusable`
 */
export async function openAuditTrail(options: AuditOptions): Promise<AuditTrail> {
  await makePrivateFolder(options.directory);
  return new FileTrail(options);
}

class FileTrail implements AuditTrail {
  private file: { readonly handle: FileHandle; readonly day: string; bytes: number } | undefined;
  private waiting: Waiting[] = [];
  private writing: Promise<void> = Promise.resolve();
  private isWriting = false;

  constructor(private readonly options: AuditOptions) {}

  write(record: AuditRecord, flush = false): Promise<void> {
    return new Promise((done, failed) => {
      this.waiting.push({ line: `${JSON.stringify(record)}\n`, flush, done, failed });
      // the flag falls in the same step in which nothing is left: a line that comes then begins the work anew
      if (!this.isWriting) this.writing = this.drain();
    });
  }

  async close(): Promise<void> {
    await this.writing;
    await this.file?.handle.close();
    this.file = undefined;
  }

  /** Lines that came while the last ones were being written go to the disk together: one flush serves many. */
  private async drain(): Promise<void> {
    this.isWriting = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        const text = batch.map(({ line }) => line).join('');
        const file = await this.current();
        await file.handle.appendFile(text);
        file.bytes += Buffer.byteLength(text);
        if (batch.some(({ flush }) => flush)) await file.handle.datasync();
        for (const { done } of batch) done();
      } catch (error) {
        await this.abandon();
        const refusal = new UserError(
          'audit-failed',
          `The audit cannot be written (${systemCode(error) ?? 'unknown reason'}), and nothing is done unseen.`,
          'Ask the operator: the disk of the audit may be full.',
          { cause: error },
        );
        for (const { failed } of batch) failed(refusal);
      }
    }
    this.isWriting = false;
  }

  private async current(): Promise<{ readonly handle: FileHandle; bytes: number }> {
    const day = (this.options.now?.() ?? new Date()).toISOString().slice(0, 10).replaceAll('-', '');
    if (this.file !== undefined && this.file.day === day && this.file.bytes < this.options.fileBytes) return this.file;
    await this.abandon();
    for (let number = 1; ; number++) {
      const name = `audit-${day}-${`${number}`.padStart(4, '0')}.jsonl`;
      try {
        const handle = await open(join(this.options.directory, name), 'ax', 0o600);
        this.file = { handle, day, bytes: 0 };
        await syncFolder(this.options.directory);
        return this.file;
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error;
      }
    }
  }

  private async abandon(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    // what failed to be written has been told; a failing close says nothing more
    await file?.handle.close().catch(() => undefined);
  }
}
