import type { Call, GraphRunner, PointerMemory, SpatialMemory } from '../engine/graph-runner.js';
import { parityPresets } from '../engine/options.js';
import type { Segmenter } from '../engine/segmenter.js';
import type { ImageSource, SegmentRequest } from '../engine/types.js';
import { benchmarkBox, benchmarkMask } from './scenes.js';
import { summarise, time, type Timing } from './measure.js';

const call: Call = { priority: 'interactive' };
/** Memories and pointers of the first, an early and every later tracked slice. */
export const memoryBanks = [
  [1, 1],
  [4, 8],
  [7, 16],
] as const;

/** Latency of every graph as the engine calls it (through the worker), in milliseconds. */
export async function timeGraphs(
  graphs: GraphRunner,
  runs: number,
  batches: readonly number[],
): Promise<Record<string, Timing>> {
  const { imageSize: size, maskSize, memoryDim, hiddenDim, stride } = graphs.architecture;
  const image = new Uint8Array(size * size).map((_, i) => (i * 31) % 251);
  const timings: Record<string, Timing> = {};
  for (const batch of batches) {
    const images = Array.from({ length: batch }, () => image);
    timings[batch === 1 ? 'image encoder' : `image encoder, batch of ${batch}`] = await time(runs, async () => {
      for (const features of await graphs.encode(images, 1, call)) graphs.release(features);
    });
  }
  const [features] = await graphs.encode([image], 1, call);
  const noise = (length: number, scale: number) => new Float32Array(length).map((_, i) => scale * Math.sin(i * 1.37));
  const side = size / stride;
  for (const [memories, pointers] of memoryBanks) {
    const spatial = Array.from({ length: memories }, (_, ageRow): SpatialMemory => ({
      memory: noise(memoryDim * side * side, 1),
      ageRow: Math.min(ageRow, graphs.architecture.memorySlots - 1),
    }));
    const listed = Array.from({ length: pointers }, (): PointerMemory => ({
      pointer: noise(hiddenDim, 1),
      position: noise(memoryDim, 0.5),
    }));
    timings[`memory attention, ${memories} memories and ${pointers} pointers`] = await time(runs, async () => {
      graphs.release(await graphs.attend(features, spatial, listed, call));
    });
  }
  const prompt = { coords: Float32Array.of(0.3, 0.3, 0.6, 0.6).map((c) => c * size), labels: Float32Array.of(2, 3) };
  timings['mask decoder'] = await time(runs, () => graphs.decode({ features, base: 'initial', ...prompt }, call));
  const logits = noise(maskSize * maskSize, 8);
  timings['memory encoder'] = await time(runs, () => graphs.encodeMemory(features, logits, 'soft', 3, call));
  graphs.release(features);
  return timings;
}

export interface InteractionTimes {
  /** box on a slice that was never seen, in milliseconds */
  readonly firstMask: Timing;
  /** another box on a slice whose features are there */
  readonly warmPrompt: Timing;
}

/** What a person waits for: the first mask, and every later one on the same slice. */
export async function timeInteraction(
  segmenter: Segmenter,
  source: ImageSource,
  runs: number,
): Promise<InteractionTimes> {
  const target = segmenter.open(source);
  const [x0, y0, x1, y1] = benchmarkBox(source.rows, source.columns);
  const preview = async (slice: number, shift: number) => {
    const start = performance.now();
    await target.preview({
      objects: [{ label: 1, prompts: [{ kind: 'box', slice, box: [x0 + shift, y0, x1, y1 + shift] }] }],
      options: parityPresets.cpu,
    });
    return performance.now() - start;
  };
  const first: number[] = [];
  for (let slice = 0; slice < Math.min(runs, source.slices); slice++) first.push(await preview(slice, 0));
  const warm: number[] = [];
  await preview(0, 1);
  for (let run = 0; run < 3 * runs; run++) warm.push(await preview(0, run % 5));
  target.close();
  return { firstMask: summarise(first), warmPrompt: summarise(warm) };
}

export interface PropagationTimes {
  readonly slices: number;
  readonly seconds: number;
}

/**
 * The whole of a case, as the RECIST script runs it: a box on the middle slice, then a mask carried in both directions.
 * The mask is the ellipse itself, so that weights which find nothing are timed all the same.
 */
export async function timePropagation(
  segmenter: Segmenter,
  source: ImageSource,
  onSlice?: (done: number) => void,
): Promise<PropagationTimes> {
  const target = segmenter.open(source);
  const { rows, columns } = source;
  const slice = source.slices >> 1;
  const options = parityPresets.cpu;
  const prompt = (prompts: SegmentRequest['objects'][number]['prompts']) => ({
    objects: [{ label: 1, prompts }],
    options,
  });
  const start = performance.now();
  await target.preview(prompt([{ kind: 'box', slice, box: benchmarkBox(rows, columns) }]));
  const mask = benchmarkMask(rows, columns);
  const request: SegmentRequest = { ...prompt([{ kind: 'mask', slice, mask }]), direction: 'both' };
  let slices = 0;
  for await (const event of target.segment(request)) {
    if (event.type !== 'slice') continue;
    slices++;
    onSlice?.(slices);
  }
  const seconds = (performance.now() - start) / 1000;
  target.close();
  return { slices, seconds };
}
