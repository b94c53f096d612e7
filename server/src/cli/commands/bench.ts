import { findArchitecture, importModel, registrySettings, resolveModel, UserError } from '@medsam2/models';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { formatBench, runBench, type BenchPlan } from '../../bench/run-bench.js';
import { writeSyntheticWeights } from '../../bench/synthetic-weights.js';
import { writeAtomically } from '../../imaging/atomic-write.js';
import { parseDevice } from '../../inference/devices.js';
import { findModel } from '../session.js';
import { openModel, type RunnableModel } from '../../inference/open-model.js';

/** What the command is given of the process it runs in. */
export interface BenchIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface BenchFlags {
  readonly model?: string;
  readonly synthetic?: string | true;
  readonly device: string;
  readonly threads?: number;
  readonly runs: number;
  readonly slices: number;
  readonly batches: readonly number[];
  readonly memory?: number | true;
  readonly torch?: string;
  readonly torchPrecision: 'float32' | 'bfloat16';
  readonly json?: string;
}

/** Slices of the memory run when `--memory` has no number. */
const memorySlices = 300;

/** Adds `medsam2 bench`: latencies, throughput and memory of a model on this machine, beside PyTorch's where it is present. */
export function registerBench(program: Command, io: BenchIo): void {
  program
    .command('bench')
    .description('Measure a model on this machine: latency per graph, time to first mask, slices per second, memory')
    .option('--model <name>', 'an installed model; default: the only one, or nano')
    .option('--synthetic [architecture]', 'random weights made on the spot, no model needed (default: medsam2)')
    .option('--device <device>', 'auto, cpu, cuda[:n], webgpu, coreml or dml', 'auto')
    .option('--threads <n>', 'CPU threads of one graph run', positive)
    .option('--runs <n>', 'repetitions of every measurement', positive, 5)
    .option('--slices <n>', 'slices of the propagation', positive, 12)
    .option('--batches <list>', 'batch sizes of the image encoder, comma-separated; must begin with 1', batches, [1])
    .option(
      '--memory [slices]',
      `also run a volume of 512 x 512 slices and report the peak (default: ${memorySlices})`,
      positive,
    )
    .option('--torch <python>', 'a Python with torch and sam2, to time the reference in the same run')
    .addOption(
      new Option('--torch-precision <p>', 'of PyTorch on a GPU').choices(['float32', 'bfloat16']).default('float32'),
    )
    .option('--json <file>', 'also write the report as JSON')
    .addHelpText(
      'after',
      `
Examples:
  medsam2 bench --synthetic
  medsam2 bench --model medsam2-latest --memory
  medsam2 bench --synthetic --torch .venv/bin/python --json bench.json

Everything is measured through the worker, as the engine calls it. Machines differ and are noisy: compare ratios, not times.`,
    )
    .action((flags: BenchFlags) => bench(flags, io));
}

async function bench(flags: BenchFlags, io: BenchIo): Promise<void> {
  const choice = parseDevice(flags.device);
  const folder = await mkdtemp(join(tmpdir(), 'medsam2-bench-'));
  try {
    const { model, architecture } = await chooseModel(flags, io, folder);
    const start = performance.now();
    const log = (line: string) => io.stderr.write(`${line}\n`);
    const opened = await openModel(model, { device: choice, threads: flags.threads, log });
    const loadSeconds = (performance.now() - start) / 1000;
    try {
      const plan: BenchPlan = {
        runs: flags.runs,
        slices: flags.slices,
        batches: flags.batches,
        memorySlices: flags.memory === true ? memorySlices : (flags.memory ?? 0),
        torch:
          flags.torch === undefined
            ? undefined
            : {
                python: flags.torch,
                architecture,
                device: opened.device === 'cpu' ? 'cpu' : 'cuda',
                precision: flags.torchPrecision,
              },
      };
      const report = await runBench(opened, loadSeconds, plan, (line) => io.stderr.write(`${line} …\n`));
      for (const line of formatBench(report)) io.stdout.write(`${line}\n`);
      if (flags.json !== undefined) {
        const text = `${JSON.stringify({ model: flags.model ?? 'synthetic', architecture, ...report }, null, 2)}\n`;
        await writeAtomically(flags.json, Readable.from([text], { objectMode: false }));
      }
    } finally {
      await opened.segmenter.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function chooseModel(
  flags: BenchFlags,
  io: BenchIo,
  folder: string,
): Promise<{ model: RunnableModel; architecture: string }> {
  const settings = registrySettings(io.env);
  if (flags.synthetic === undefined) {
    const model = await findModel(io, flags);
    return { model, architecture: model.architecture.name };
  }
  if (flags.model !== undefined) {
    throw new UserError('bench-model', '--model and --synthetic contradict each other.', 'Leave one of them out.');
  }
  const wanted = flags.synthetic === true ? 'medsam2' : flags.synthetic;
  const { architecture } = await findArchitecture(settings.graphFolders, wanted);
  const weights = join(folder, 'synthetic.safetensors');
  await writeSyntheticWeights(architecture, weights);
  const temporary = { ...settings, directory: join(folder, 'models') };
  await importModel(temporary, weights, { config: architecture.name, name: 'synthetic', demonstration: true });
  return { model: await resolveModel(temporary, 'synthetic'), architecture: architecture.name };
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number from 1.');
  return value;
}

function batches(text: string): number[] {
  const list = text.split(',').map(positive);
  if (list[0] !== 1) throw new InvalidArgumentError('It must begin with 1.');
  return list;
}
