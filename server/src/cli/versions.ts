import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const manifest = z.object({ version: z.string() });
const read = (path: string): string => manifest.parse(JSON.parse(readFileSync(path, 'utf8'))).version;

/** The version of this program. */
export const programVersion = (): string => read(createRequire(import.meta.url).resolve('../../package.json'));

/** The version of the installed onnxruntime-node. */
export function runtimeVersion(): string {
  // Resolved from its entry (dist/index.js), since a package may not export its package.json.
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return read(join(dirname(entry), '..', 'package.json'));
}
