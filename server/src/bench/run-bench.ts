import type { OpenModel } from '../inference/open-model.js';
import { createImageSource, resolveWindow } from '../imaging/window.js';
import { peakMemory, type Timing } from './measure.js';
import {
  timeGraphs,
  timeInteraction,
  timePropagation,
  type InteractionTimes,
  type PropagationTimes,
} from './scenarios.js';
import { benchmarkVolume } from './scenes.js';
import { timeTorch, type TorchReport, type TorchRun } from './torch.js';

export interface BenchPlan {
  readonly runs: number;
  readonly slices: number;
  readonly batches: readonly number[];
  /** slices of 512 x 512 for the memory run; 0 leaves it out */
  readonly memorySlices: number;
  readonly torch?: Pick<TorchRun, 'python' | 'device' | 'precision'> & { readonly architecture: string };
}

export interface BenchReport {
  readonly device: string;
  readonly threads: number;
  readonly loadSeconds: number;
  readonly graphs: Readonly<Record<string, Timing>>;
  readonly interaction: InteractionTimes;
  readonly propagation: PropagationTimes;
  readonly memory?: { readonly slices: number; readonly peakBytes: number; readonly seconds: number };
  readonly torch?: TorchReport;
  /** of this process over everything above, in bytes */
  readonly peakBytes: number;
}

/** Measure a loaded model. PyTorch is timed between two rounds of our own, so that a busy machine slows both. */
export async function runBench(
  { segmenter, device, threads }: OpenModel,
  loadSeconds: number,
  plan: BenchPlan,
  progress: (line: string) => void,
): Promise<BenchReport> {
  const source = (slices: number) => {
    const volume = benchmarkVolume(slices);
    return createImageSource(volume, resolveWindow(volume, { kind: 'preset', name: 'abdomen' }));
  };
  progress('graphs, first round');
  const before = await timeGraphs(segmenter.graphs, plan.runs, plan.batches);
  progress('propagation');
  const propagation = await timePropagation(segmenter, source(plan.slices));
  let torch: TorchReport | undefined;
  if (plan.torch !== undefined) {
    progress('PyTorch');
    torch = await timeTorch({ ...plan.torch, threads, runs: plan.runs, slices: plan.slices, batches: plan.batches });
  }
  progress('graphs, second round');
  const after = await timeGraphs(segmenter.graphs, plan.runs, plan.batches);
  const graphs: Record<string, Timing> = {};
  for (const [name, timing] of Object.entries(before)) {
    const other = after[name];
    graphs[name] = {
      median: (timing.median + other.median) / 2,
      best: Math.min(timing.best, other.best),
      runs: timing.runs + other.runs,
    };
  }
  progress('propagation, second round');
  const again = await timePropagation(segmenter, source(plan.slices));
  progress('interaction');
  const interaction = await timeInteraction(segmenter, source(plan.runs), plan.runs);
  let memory: BenchReport['memory'];
  if (plan.memorySlices > 0) {
    const { seconds } = await timePropagation(segmenter, source(plan.memorySlices), (done) => {
      if (done % 25 === 0) progress(`memory: slice ${done} of ${plan.memorySlices}`);
    });
    memory = { slices: plan.memorySlices, peakBytes: peakMemory(), seconds };
  }
  return {
    device,
    threads,
    loadSeconds,
    graphs,
    interaction,
    propagation: { slices: propagation.slices, seconds: (propagation.seconds + again.seconds) / 2 },
    memory,
    torch,
    peakBytes: peakMemory(),
  };
}

/** The report as lines of text for a person. */
export function formatBench(report: BenchReport): string[] {
  const { torch } = report;
  const row = (name: string, own: string, other = '', ratio = '') =>
    `${name.padEnd(46)}${own.padStart(12)}${other.padStart(12)}${ratio.padStart(8)}`.trimEnd();
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const lines = [
    `device ${report.device}, ${report.threads} threads, model loaded in ${report.loadSeconds.toFixed(2)} s`,
    torch === undefined
      ? 'PyTorch was not measured (give --torch PYTHON)'
      : `PyTorch ${torch.torch} on ${torch.device}, ${torch.precision}, ${torch.threads} threads, in the same run`,
    '',
    row('median of one call', 'here', torch && 'PyTorch', torch && 'ratio'),
  ];
  for (const [name, timing] of Object.entries(report.graphs)) {
    const other = torch?.graphs[name];
    lines.push(
      other === undefined
        ? row(name, ms(timing.median))
        : row(name, ms(timing.median), ms(other.median), `${(other.median / timing.median).toFixed(2)}x`),
    );
  }
  const { slices, seconds } = report.propagation;
  const other = torch?.propagation;
  lines.push(
    row(
      `whole propagation, ${slices} slices, both ways`,
      `${seconds.toFixed(2)} s`,
      other ? `${other.seconds.toFixed(2)} s` : '',
      other ? `${(other.seconds / seconds).toFixed(2)}x` : '',
    ),
    row('slices per second', (slices / seconds).toFixed(2), other ? (other.slices / other.seconds).toFixed(2) : ''),
    row('time to first mask, slice never seen', ms(report.interaction.firstMask.median)),
    row('another prompt on the same slice', ms(report.interaction.warmPrompt.median)),
  );
  if (report.memory === undefined) {
    lines.push(row('peak memory of this run', `${(report.peakBytes / 2 ** 20).toFixed(0)} MiB`));
  } else {
    const { slices: count, peakBytes, seconds: took } = report.memory;
    lines.push(
      row(`peak memory, ${count} slices of 512 x 512`, `${(peakBytes / 2 ** 20).toFixed(0)} MiB`),
      row(`the same ${count} slices`, `${took.toFixed(1)} s`),
    );
  }
  return lines;
}
