import { sha256OfFile } from '@medsam2/models';
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * sha256 of a file; of a folder, the sha256 of its files' sorted sha256 values, so that neither names nor their order
 * matter.
 *
 * @throws UserError when a file cannot be read; the signal's reason when aborted
 */
export async function hashInput(path: string, signal: AbortSignal): Promise<string> {
  const info = await stat(path);
  if (!info.isDirectory()) return sha256OfFile(path, signal);
  const hashes: string[] = [];
  for (const file of await filesBelow(path)) {
    signal.throwIfAborted();
    hashes.push(await sha256OfFile(file, signal));
  }
  return createHash('sha256').update(hashes.sort().join('\n')).digest('hex');
}

/** What changes, in all likelihood, when an input does; without reading it. */
export async function stampInput(path: string): Promise<string> {
  const info = await stat(path);
  const files = info.isDirectory() ? await filesBelow(path) : [path];
  const hash = createHash('sha256');
  for (const file of files) {
    const { size, mtimeMs } = await stat(file);
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files: string[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() || (entry.isSymbolicLink() && (await stat(path).catch(() => undefined))?.isFile())) {
      files.push(path);
    }
  }
  return files.sort();
}
