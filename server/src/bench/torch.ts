import { UserError } from '@medsam2/models';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const timing = z.object({ median: z.number(), best: z.number(), runs: z.number() });

const torchReport = z.object({
  torch: z.string(),
  device: z.string(),
  precision: z.string(),
  threads: z.number(),
  graphs: z.record(z.string(), timing),
  propagation: z.object({ slices: z.number(), seconds: z.number() }).nullable(),
});

export type TorchReport = z.infer<typeof torchReport>;

export interface TorchRun {
  readonly python: string;
  readonly architecture: string;
  readonly device: 'cpu' | 'cuda';
  readonly precision: 'float32' | 'bfloat16';
  readonly threads: number;
  readonly runs: number;
  readonly slices: number;
  readonly batches: readonly number[];
}

/**
 * Time the PyTorch reference in a process of its own, with the same thread count.
 * @throws UserError `torch-failed` with the last line the script printed
 */
export async function timeTorch(run: TorchRun): Promise<TorchReport> {
  const script = fileURLToPath(new URL('../../../models/python/bench_reference.py', import.meta.url));
  const args = [
    script,
    run.architecture,
    ...['--device', run.device, '--precision', run.precision],
    ...['--threads', String(run.threads), '--runs', String(run.runs), '--slices', String(run.slices)],
    ...['--batches', ...run.batches.map(String)],
  ];
  const { code, out, err } = await collect(run.python, args);
  if (code !== 0) {
    throw new UserError(
      'torch-failed',
      `The PyTorch reference could not be timed: ${err.trim().split('\n').at(-1) ?? `exit code ${code}`}`,
      'Give --torch a Python with the packages of models/python/requirements.txt, or leave it out.',
    );
  }
  return torchReport.parse(JSON.parse(out.trim().split('\n').at(-1) ?? ''));
}

function collect(command: string, args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err = (err + text).slice(-8192)));
    child.on('error', (error) =>
      reject(new UserError('torch-failed', `${command} does not start: ${error.message}`, 'Give --torch a Python.')),
    );
    child.on('close', (code) => resolve({ code, out, err }));
  });
}
