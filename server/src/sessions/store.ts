import { makeFolders, UserError } from '@medsam2/models';
import { createReadStream } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { emptyRecord, reduce, type SessionRecord } from './history.js';
import { JournalFile, type JournalFileOptions } from './journal-file.js';
import { headerOf, recordOf, toLine } from './record-codec.js';
import type { JournalHeader } from './records.js';

export interface StoredSession {
  readonly header: JournalHeader;
  readonly record: SessionRecord;
  /** bytes of the journal's whole lines */
  readonly bytes: number;
}

/** Journals below one folder: `<id>/journal.jsonl`. */
export class SessionStore {
  constructor(
    private readonly folder: string,
    private readonly options: JournalFileOptions,
  ) {}

  /** Makes the folder where there is none, and clears away what removals left unfinished. */
  async prepare(): Promise<void> {
    await makeFolders(this.folder);
    for (const name of await readdir(this.folder)) {
      if (name.startsWith(removedPrefix)) await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }

  /** Headers of all sessions; a folder whose journal cannot be read is left out and told to `onDamaged`. */
  async list(onDamaged: (id: string, error: unknown) => void): Promise<JournalHeader[]> {
    const headers: JournalHeader[] = [];
    for (const name of await readdir(this.folder)) {
      if (!isId(name)) continue;
      try {
        headers.push(await this.header(name));
      } catch (error) {
        onDamaged(name, error);
      }
    }
    return headers;
  }

  /** @throws UserError `journal-failed` */
  async create(header: JournalHeader): Promise<JournalFile> {
    try {
      await makeFolders(join(this.folder, header.id));
    } catch (cause) {
      throw new UserError(
        'journal-failed',
        'The session was not made, because its folder cannot be made.',
        'See to the data folder of the server and its rights.',
        { cause },
      );
    }
    const file = await JournalFile.open(this.path(header.id), 0, this.options);
    try {
      await file.append(toLine(header), true);
      await syncFolder(join(this.folder, header.id));
      await syncFolder(this.folder);
      return file;
    } catch (error) {
      await file.close();
      await this.remove(header.id);
      throw error;
    }
  }

  /**
   * Everything that a journal says.
   * @throws UserError `journal-damaged`: a line other than a torn last one cannot be read
   */
  async read(id: string): Promise<StoredSession> {
    let header: JournalHeader | undefined;
    let record: SessionRecord | undefined;
    let bytes = 0;
    let number = 0;
    for await (const { line, length } of wholeLines(this.path(id))) {
      number++;
      try {
        if (header === undefined) {
          header = headerOf(line);
          record = emptyRecord(header.settings);
        } else if (record !== undefined) {
          record = reduce(record, recordOf(line), header.historyBytes);
        }
      } catch (cause) {
        throw damaged(id, number, cause);
      }
      bytes += length;
    }
    if (header === undefined || record === undefined || header.id !== id) throw damaged(id, 1);
    return { header, record, bytes };
  }

  append(id: string, bytes: number): Promise<JournalFile> {
    return JournalFile.open(this.path(id), bytes, this.options);
  }

  /** Its text, whole lines only. */
  async text(id: string): Promise<string> {
    const lines: string[] = [];
    for await (const { line } of wholeLines(this.path(id))) lines.push(`${line}\n`);
    return lines.join('');
  }

  async remove(id: string): Promise<void> {
    // Renamed first: half of a journal must never be found again as a session.
    const removed = join(this.folder, `${removedPrefix}${id}`);
    try {
      await rename(join(this.folder, id), removed);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await rm(removed, { recursive: true, force: true });
  }

  async has(id: string): Promise<boolean> {
    if (!isId(id)) return false;
    return stat(this.path(id)).then(
      (info) => info.isFile(),
      () => false,
    );
  }

  /** @throws UserError `journal-damaged` */
  async header(id: string): Promise<JournalHeader> {
    for await (const { line } of wholeLines(this.path(id))) {
      try {
        return headerOf(line);
      } catch (cause) {
        throw damaged(id, 1, cause);
      }
    }
    throw damaged(id, 1);
  }

  private path(id: string): string {
    // Names of folders are never taken from outside unchecked.
    if (!isId(id)) throw new RangeError('not the identifier of a session');
    return join(this.folder, id, 'journal.jsonl');
  }
}

const removedPrefix = '.removed-';
export const isId = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

/** Lines that end in a line feed; a torn last one is left out. */
async function* wholeLines(path: string): AsyncGenerator<{ readonly line: string; readonly length: number }> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, at)) {
      yield { line: bytes.toString('utf8', at, end), length: end + 1 - at };
      at = end + 1;
    }
    rest = bytes.subarray(at);
  }
}

/** A new entry of a folder outlives a power failure only when the folder itself was synced. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function damaged(id: string, line: number, cause?: unknown): UserError {
  return new UserError(
    'journal-damaged',
    `The journal of session ${id} is damaged in line ${line}.`,
    'Restore the file from a backup, or remove the session; its saved segmentations are not touched.',
    { cause },
  );
}
