import { testPython } from '@medsam2/models/testing';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repositoryRoot } from './root.js';

/** `describe`, or `describe.skip` where there is no Python for cross-checks. */
export const describeWithPython = testPython() === undefined ? describe.skip : describe;

/** Run a script of models/python; throws with its last words when it fails. */
export function runScript(script: string, ...args: string[]): void {
  const path = join(repositoryRoot(), 'models', 'python', script);
  const result = spawnSync(testPython() ?? 'python3', [path, ...args], { encoding: 'utf8' });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${script} failed: ${result.stderr.slice(-2000)}`);
}
