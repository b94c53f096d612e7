import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root; this file is compiled to demo/dist. */
export function repositoryRoot(): string {
  return join(dirname(fileURLToPath(import.meta.url)), '..', '..');
}
