import { UserError } from '@medsam2/models';
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Writes a file whole or not at all: into a temporary file of the same folder, flushed to disk, then renamed.
 *
 * @param content read once; an error in it leaves the target as it was
 * @param through compressors between content and file
 * @throws UserError `output-not-written` (missing folder, no permission, full disk ...)
 */
export async function writeAtomically(
  path: string,
  content: Readable,
  through: readonly Transform[] = [],
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
  try {
    await pipeline([content, ...through, createWriteStream(temporary, { flags: 'wx', flush: true })]);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    throw new UserError(
      'output-not-written',
      `The file ${path} could not be written (${code}).`,
      code === 'ENOSPC' ? 'Free space on the disk.' : 'Check that its folder exists and can be written to.',
      { cause: error },
    );
  }
}

/** Pieces of at most 1 MiB, so that a large array is never queued or compressed in one go. */
export function* inPieces(...parts: readonly Uint8Array[]): Generator<Uint8Array> {
  const piece = 1 << 20;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += piece) yield part.subarray(at, at + piece);
  }
}
