import { UserError } from '@medsam2/models';
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Writes a file whole or not at all: into a temporary file of the same folder, flushed to disk, then renamed.
 *
 * @param content read once; an error in it leaves the target as it was
 * @throws UserError `output-not-written` (missing folder, no permission, full disk ...)
 */
export async function writeAtomically(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
  try {
    await fill(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    throw new UserError(
      'output-not-written',
      `The file ${path} could not be written (${code}).`,
      ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)
        ? 'Free space on the disk, or raise the limit that applies to it.'
        : 'Check that its folder exists and can be written to.',
      { cause: error },
    );
  }
}

/** No write stream: a failing one can create or close its file after the failure was reported. */
async function fill(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Pieces of at most 1 MiB, so that a large array is never queued or compressed in one go. */
export function* inPieces(...parts: readonly Uint8Array[]): Generator<Uint8Array> {
  const piece = 1 << 20;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += piece) yield part.subarray(at, at + piece);
  }
}
