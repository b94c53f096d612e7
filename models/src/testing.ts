/** Where tests find what lies outside the repository: the shared test data, and a Python with the reference packages. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package.json named `medsam2-ohif`. */
export function repositoryRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) {
      const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string };
      if (name === 'medsam2-ohif') return folder;
    }
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no package.json named medsam2-ohif above this file');
    folder = parent;
  }
}

/** The shared test data beside the repository, or undefined where it is not there (a clone on its own). */
export function sharedData(): string | undefined {
  const folder = join(repositoryRoot(), '..', 'shared', 'data');
  return existsSync(folder) ? folder : undefined;
}

/**
 * The Python interpreter that cross-check tests use (env `MEDSAM2_PYTHON`), or undefined when none is set: the test then
 * skips and says so. In CI (`CI=true`) a missing interpreter is an error, so that no cross-check is skipped unseen.
 */
export function testPython(): string | undefined {
  const python = process.env.MEDSAM2_PYTHON;
  if (python) return python;
  if (process.env.CI === 'true')
    throw new Error('MEDSAM2_PYTHON is not set; in CI the cross-checks with Python must run');
  process.stderr.write(
    'skipped: cross-checks with Python (set MEDSAM2_PYTHON to an interpreter with the test packages)\n',
  );
  return undefined;
}

/**
 * Runs a Python script text and returns what it printed.
 *
 * @param input given to the script's standard input
 * @throws Error with the script's standard error when it fails
 */
export function runPython(python: string, script: string, input: string | Uint8Array = ''): string {
  const result = spawnSync(python, ['-c', script], { input, maxBuffer: 1 << 30, encoding: 'utf8' });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`Python failed (${result.status}): ${result.stderr}`);
  return result.stdout;
}
