/** Runs the plug-in's client in Python against a bridge of this process. */
import { testPython } from '@medsam2/models/testing';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '../support/root.js';

export interface FlowJob {
  readonly base: string;
  readonly folder: string;
  readonly generation: 'A' | 'B1' | 'B2' | 'C1' | 'C2' | 'D1' | 'D2';
  readonly checkpoint: string;
  /** of numpy, e.g. `<i2` */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly boxes: readonly (readonly number[])[];
  /** start, end, annotated slice */
  readonly z_range: readonly [number, number, number];
  /** x0, y0, x1, y1 (exclusive) and the label painted there on the annotated slice */
  readonly edit: readonly [number, number, number, number, number];
  readonly additions?: readonly (readonly number[])[];
  readonly subtractions?: readonly (readonly number[])[];
}

export interface FlowResult {
  readonly names: readonly string[];
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly c_order: boolean;
  readonly labels: readonly number[];
  readonly message: string | null;
}

export interface FlowReport {
  readonly middle: FlowResult;
  readonly full: FlowResult;
  readonly improved?: FlowResult;
  readonly statuses: readonly (readonly [string, number])[];
}

export const runFlow = (job: FlowJob, volume: Uint8Array): Promise<FlowReport> =>
  runClient<FlowReport>('medsam_client.py', { additions: [], subtractions: [], ...job }, volume);

/** Runs a client with its job on standard input. Not `spawnSync`: the server that it talks to runs here. */
export async function runClient<Report>(
  name: string,
  job: { readonly folder: string; readonly [name: string]: unknown },
  volume: Uint8Array,
): Promise<Report> {
  const script = join(repositoryRoot(), 'tests', 'src', 'slicer-bridge', name);
  await writeFile(join(job.folder, 'volume.raw'), volume);
  const child = spawn(testPython() ?? 'python3', [script], { env: { ...process.env, NO_PROXY: '*' } });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.end(JSON.stringify(job));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`the client failed: ${err}`);
  return JSON.parse(out) as Report;
}

/** What the client kept of a download: uint8, behind a header of 128 bytes. */
export async function savedLabels(folder: string, name: string): Promise<Uint8Array> {
  const bytes = await readFile(join(folder, `${name}.npy`));
  return new Uint8Array(bytes.subarray(128));
}
