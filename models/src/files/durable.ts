import { open } from 'node:fs/promises';
import { explain, systemCode } from './errors.js';

/** Writes a new file and forces it to the disk, so that a rename after it never exposes half a file. */
export async function writeDurably(file: string, content: Uint8Array | string): Promise<void> {
  try {
    const handle = await open(file, 'w', 0o644);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw explain(error, file);
  }
}

/** Forces a folder's names to the disk, where the platform can (Windows cannot open folders). */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES'].includes(systemCode(error) ?? '')) throw explain(error, folder);
  }
}
