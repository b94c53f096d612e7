/** Runs the real command line as a child process, with the small random-weight model, and makes images for it. */
import { importModel } from '@medsam2/models';
import type { GridGeometry } from '@medsam2/server';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixtures, fixtureWeights, temporaryRegistry, type TemporaryRegistry } from '../support/models.js';
import { repositoryRoot } from '../support/root.js';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Cli {
  /** the command line in a folder of its own */
  run(args: readonly string[], options?: RunOptions): Promise<CliResult>;
  /** the child process itself, for signals */
  start(args: readonly string[], options?: RunOptions): ChildProcess;
  readonly folder: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** bash in front of the program, e.g. `ulimit -f 1` */
  readonly prelude?: string;
}

const script = join(repositoryRoot(), 'server', 'bin', 'medsam2.js');

/** Sets the command line up for one test file: a folder, and the model `fixture`, marked as a demonstration. */
export function setUpCli(options: { readonly install?: boolean } = {}): Cli {
  const folder = mkdtempSync(join(tmpdir(), 'medsam2-cli-'));
  let registry: TemporaryRegistry;
  beforeAll(async () => {
    registry = await temporaryRegistry();
    if (options.install === false) return;
    await importModel(registry.settings, fixtureWeights, { config: 'fixture', name: 'fixture', demonstration: true });
  });
  afterAll(async () => {
    await registry.dispose();
    rmSync(folder, { recursive: true, force: true });
  });
  const start: Cli['start'] = (args, { env, prelude } = {}) => {
    const settings = { MEDSAM2_MODELS_DIR: registry.directory, MEDSAM2_GRAPHS_DIR: join(fixtures, 'graphs') };
    const [command, ...rest] =
      prelude === undefined
        ? [process.execPath, script, ...args]
        : ['bash', '-c', `${prelude}; exec "$@"`, 'bash', process.execPath, script, ...args];
    return spawn(command, rest, { cwd: folder, env: { ...process.env, ...settings, ...env } });
  };
  const run: Cli['run'] = async (args, runOptions) => finished(start(args, runOptions));
  return { run, start, folder };
}

/** What a child process said, when it has ended. */
export function finished(child: ChildProcess): Promise<CliResult> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** A sentence and a remedy, no trace: how every failure must look. The sentence is given back. */
export function requireCleanError({ stderr }: CliResult): string {
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stderr).not.toMatch(/undefined|NaN\b.*\bNaN|\[object|node:internal/);
  const lines = stderr.trimEnd().split('\n');
  const at = lines.findIndex((line) => line.startsWith('error: '));
  expect(at).toBeGreaterThanOrEqual(0);
  // the sentence, then the remedy, then nothing
  expect(lines.length).toBe(at + 2);
  expect(lines[at]).toMatch(/[.)]$/);
  expect(lines[at + 1]).toMatch(/^\S.*\S$/);
  return lines[at];
}

/** Everything below a folder, hidden files included. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

export const geometryOf = (columns: number, rows: number, slices: number): GridGeometry => ({
  columns,
  rows,
  slices,
  spacing: [0.8, 0.9, 3],
  origin: [-120.5, -80.25, 300.75],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
});
