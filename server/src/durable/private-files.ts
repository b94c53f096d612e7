import { makeFolders, UserError } from '@medsam2/models';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The system has no room for a write: a full disk, a quota, a limit on file sizes. */
const noRoom = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The system's code of a failed call, e.g. `ENOSPC`. */
export function systemCode(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

export const isNoRoom = (error: unknown): boolean => noRoom.has(systemCode(error) ?? '');

/**
 * Makes a folder that only this user can enter: what lies in it can be about patients.
 *
 * @throws UserError `folder-unusable`
 */
export async function makePrivateFolder(folder: string): Promise<void> {
  try {
    await makeFolders(folder);
    // An existing one may be open to others. Windows has no such modes.
    if (process.platform !== 'win32') await chmod(folder, 0o700);
  } catch (error) {
    throw new UserError(
      'folder-unusable',
      `The folder ${folder} cannot be used (${systemCode(error) ?? 'unknown reason'}).`,
      'Name a folder that exists or can be made, on a disk of this machine, owned by the user of the server.',
      { cause: error },
    );
  }
}

/** Names of files that a write was ended in; they hold nothing that was promised. */
export const isUnfinished = (name: string): boolean => /^\..*\.[0-9a-f]{12}\.part$/.test(name);

/**
 * Writes a file whole or not at all, readable by this user alone; when it returns, the content AND the name are on the
 * disk (fsync of file and folder), so that nothing is lost with the power.
 *
 * @throws the system's error; the target is then as it was
 */
export async function writePrivate(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Removes a file, and its name from the disk. */
export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/** Forces a folder's names to the disk, where the platform can (Windows cannot open folders). */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const sha256 = (content: Uint8Array | string): string => createHash('sha256').update(content).digest('hex');

/** JSON with its own checksum, so that a record that the disk damaged is told from a sound one. */
export function seal(value: unknown): string {
  const text = JSON.stringify(value);
  return `${text}\n${sha256(text)}\n`;
}

/** @returns `undefined` for a text that is not as `seal` made it */
export function unseal(sealed: string): unknown {
  const [text, sum] = sealed.split('\n');
  return sum !== undefined && sum === sha256(text) ? (JSON.parse(text) as unknown) : undefined;
}
