import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { explain } from './errors.js';

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** sha256 of a file, streamed. Lower-case hexadecimal. */
export async function sha256OfFile(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20, signal }))
      hash.update(chunk as Uint8Array);
  } catch (error) {
    throw explain(error, file);
  }
  return hash.digest('hex');
}
