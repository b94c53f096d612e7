import { UserError } from '@medsam2/models';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  isNoRoom,
  isUnfinished,
  makePrivateFolder,
  removeDurably,
  seal,
  sha256,
  syncFolder,
  systemCode,
  unseal,
  writePrivate,
} from '../durable/private-files.js';
import { recordSchema, type SaveRecord } from './record.js';

const objectName = (id: string): string => `${id}.dcm`;
const recordName = (id: string): string => `${id}.json`;

/** What lies in a spool when it is opened. */
export interface SpoolContents {
  readonly records: SaveRecord[];
  /** records that cannot be read; they were moved to `damaged/` with their objects, and are kept there */
  readonly damaged: number;
}

/**
 * Objects on disk, each as `ID.dcm` with its record `ID.json`. An object counts from the moment its record is there:
 * the object is written first, so a record never stands alone. Every write is whole and flushed before it returns.
 */
export class Spool {
  constructor(
    readonly folder: string,
    /** told after each step; tests end the process there */
    private readonly trace: (step: 'object-written' | 'record-written') => void = () => undefined,
  ) {}

  /** Reads what is there, removes what was never promised, and sets aside what the disk damaged. */
  async open(): Promise<SpoolContents> {
    await makePrivateFolder(this.folder);
    const names = new Set(await readdir(this.folder));
    for (const name of names) if (isUnfinished(name)) await rm(this.path(name), { force: true });
    const records: SaveRecord[] = [];
    for (const name of names) {
      const id = /^([0-9a-f-]{36})\.json$/.exec(name)?.[1];
      if (id === undefined) continue;
      const record = await this.read(id);
      if (record === undefined) await this.setAside(id);
      else records.push(record);
    }
    // An object without a record: the process ended before it was promised, or after it was done.
    for (const name of names) {
      const id = /^([0-9a-f-]{36})\.dcm$/.exec(name)?.[1];
      if (id !== undefined && !names.has(recordName(id))) await rm(this.path(name), { force: true });
    }
    await syncFolder(this.folder);
    return { records, damaged: await this.countDamaged() };
  }

  /** @throws UserError `spool-full` when the disk has no room, `spool-failed`; then nothing of it is there */
  async add(record: SaveRecord, object: Uint8Array): Promise<void> {
    try {
      await writePrivate(this.path(objectName(record.id)), object);
      this.trace('object-written');
      await this.put(record);
      this.trace('record-written');
    } catch (error) {
      await rm(this.path(recordName(record.id)), { force: true }).catch(() => undefined);
      await rm(this.path(objectName(record.id)), { force: true }).catch(() => undefined);
      throw explain(error);
    }
  }

  /** Replaces the record. @throws the system's error */
  async put(record: SaveRecord): Promise<void> {
    await writePrivate(this.path(recordName(record.id)), seal(record));
  }

  /**
   * Keeps the record and removes the object, which is safe elsewhere or not wanted. Where the full disk does not take the
   * new record, the object makes room first; if the process ends in between, the save is forgotten, not sent again.
   */
  async finish(record: SaveRecord): Promise<void> {
    try {
      await this.put(record);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      await removeDurably(this.path(recordName(record.id)));
      await removeDurably(this.path(objectName(record.id)));
      await this.put(record);
    }
    await removeDurably(this.path(objectName(record.id)));
  }

  /** @throws UserError `save-damaged` when the bytes are not those that were written */
  async object({ id, bytes, sha256: sum }: SaveRecord): Promise<Uint8Array> {
    const path = this.path(objectName(id));
    try {
      // The size first: a file that grew must not be read whole.
      const { size } = await stat(path);
      const object = size === bytes ? await readFile(path) : undefined;
      if (object !== undefined && sha256(object) === sum) return object;
    } catch (error) {
      throw damaged(systemCode(error) ?? 'it cannot be read', error);
    }
    throw damaged('its checksum is wrong');
  }

  async forget(id: string): Promise<void> {
    await removeDurably(this.path(recordName(id)));
    await removeDurably(this.path(objectName(id)));
  }

  private async read(id: string): Promise<SaveRecord | undefined> {
    const result = recordSchema.safeParse(unsealed(await readFile(this.path(recordName(id)), 'utf8')));
    return result.success && result.data.id === id ? result.data : undefined;
  }

  private async setAside(id: string): Promise<void> {
    const folder = this.path('damaged');
    await mkdir(folder, { mode: 0o700, recursive: true });
    for (const name of [objectName(id), recordName(id)]) {
      await rename(this.path(name), join(folder, name)).catch((error: unknown) => {
        if (systemCode(error) !== 'ENOENT') throw error;
      });
    }
  }

  private async countDamaged(): Promise<number> {
    const names = await readdir(this.path('damaged')).catch(() => []);
    return new Set(names.map((name) => name.slice(0, 36))).size;
  }

  private path(name: string): string {
    return join(this.folder, name);
  }
}

function unsealed(text: string): unknown {
  try {
    return unseal(text);
  } catch {
    return undefined;
  }
}

function explain(error: unknown): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  if (isNoRoom(error)) {
    return new UserError(
      'spool-full',
      `The server's disk has no room for the object (${code}); it was not taken.`,
      'Nothing is lost in the session: ask the operator for room on the disk, then save again.',
      { cause: error },
    );
  }
  return new UserError(
    'spool-failed',
    `The server's disk does not take the object (${code}); it was not taken.`,
    'Nothing is lost in the session: tell the operator, then save again.',
    { cause: error },
  );
}

const damaged = (why: string, cause?: unknown): UserError =>
  new UserError(
    'save-damaged',
    `The object on the server's disk is damaged (${why}), and is not sent.`,
    'Save again from the session or run the job again, then discard this one; the operator should check the disk.',
    { cause },
  );
