import type { EngineOptions } from '../../engine/types.js';
import type { Segmenter } from '../../engine/segmenter.js';
import { ellipseBaseline, thresholdBaseline } from './baselines.js';
import { cropAround, type Crop } from './crops.js';
import type { LabelledCase } from './load-case.js';
import { scoreStructure, type StructureScores } from './scores.js';
import { findStructures, type Structure } from './structures.js';
import { traitsOf, type Traits } from './traits.js';

/** Ways to answer a prompt: the model under test, and what needs none. */
export const methods = ['model', 'ellipse', 'threshold'] as const;
export type Method = (typeof methods)[number];

export interface StructureResult {
  readonly case: string;
  readonly label: number;
  readonly name: string;
  readonly voxels: number;
  /** longer side of the box in pixels */
  readonly boxSide: number;
  /** slices with the structure */
  readonly extent: number;
  readonly key: number;
  readonly connected: boolean;
  readonly traits: Traits;
  /** propagation by the model over all slices of the volume */
  readonly seconds: number;
  readonly slices: number;
  readonly scores: Readonly<Record<Method, StructureScores>>;
}

export interface CaseResult {
  readonly name: string;
  readonly modality: string;
  readonly window: string;
  readonly unit: 'mm' | 'px';
  readonly size: readonly [columns: number, rows: number, slices: number];
  readonly spacing: readonly [number, number, number];
  readonly structures: readonly StructureResult[];
}

/** A structure's pictures: the prompted slice, and the one on which the model is most wrong. */
export interface StructurePictures {
  readonly result: StructureResult;
  readonly key: Crop;
  readonly worst: Crop;
}

export interface ModelEvaluationOptions {
  readonly engine: EngineOptions;
  /** in the case's unit */
  readonly tolerance: number;
  /** at most so many structures per case, evenly spread over the labels; for a quick look */
  readonly limit?: number;
  /** what an earlier evaluation made of a label, which is then not segmented again */
  readonly finished?: (label: number) => StructurePictures | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Prompts a model with the tight box on every structure's largest slice, and nothing else; propagates both ways over
 * all slices of the volume; scores the model and the baselines.
 *
 * @param onStructure told of each result, with pictures
 */
export async function evaluateModelOnCase(
  segmenter: Segmenter,
  labelled: LabelledCase,
  options: ModelEvaluationOptions,
  onStructure: (pictures: StructurePictures) => void = () => undefined,
): Promise<CaseResult> {
  const { source, labels, names, spacing } = labelled;
  const results: StructureResult[] = [];
  for (const structure of evenly(findStructures(labels, names, source), options.limit)) {
    const finished = options.finished?.(structure.label);
    if (finished !== undefined) {
      results.push(finished.result);
      onStructure(finished);
      continue;
    }
    const started = performance.now();
    const mask = await segmentFromBox(segmenter, labelled, structure, options);
    const seconds = (performance.now() - started) / 1000;
    const score = (prediction: Uint8Array): StructureScores =>
      scoreStructure(structure, prediction, source, spacing, options.tolerance);
    const { label, name, voxels, key, connected, box } = structure;
    const result: StructureResult = {
      case: labelled.name,
      label,
      name,
      voxels,
      boxSide: Math.max(box[2] - box[0], box[3] - box[1]) + 1,
      extent: structure.slices.length,
      key,
      connected,
      traits: traitsOf(source, structure),
      seconds,
      slices: source.slices,
      scores: {
        model: score(mask),
        ellipse: score(ellipseBaseline(source, structure)),
        threshold: score(thresholdBaseline(source, structure)),
      },
    };
    results.push(result);
    onStructure({
      result,
      key: cropAround(source, structure, mask, key),
      worst: cropAround(source, structure, mask, mostWrongSlice(structure, mask, source.rows * source.columns)),
    });
  }
  return {
    name: labelled.name,
    modality: labelled.modality,
    window: labelled.window,
    unit: labelled.unit,
    size: [source.columns, source.rows, source.slices],
    spacing,
    structures: results,
  };
}

async function segmentFromBox(
  segmenter: Segmenter,
  { source }: LabelledCase,
  { key, box }: Structure,
  { engine, signal }: ModelEvaluationOptions,
): Promise<Uint8Array> {
  const mask = new Uint8Array(source.slices * source.rows * source.columns);
  const target = segmenter.open(source);
  try {
    const objects = [{ label: 1, prompts: [{ kind: 'box' as const, slice: key, box }] }];
    for await (const event of target.segment({ objects, direction: 'both', options: engine, signal })) {
      if (event.type === 'slice') mask.set(event.mask, event.slice * source.rows * source.columns);
    }
  } finally {
    target.close();
  }
  return mask;
}

/** The slice with most pixels in exactly one of truth and prediction. */
function mostWrongSlice({ truth }: Structure, mask: Uint8Array, sliceSize: number): number {
  let [worst, most] = [0, -1];
  for (let slice = 0; slice * sliceSize < mask.length; slice++) {
    let wrong = 0;
    for (let at = slice * sliceSize; at < (slice + 1) * sliceSize; at++) wrong += truth[at] ^ mask[at];
    if (wrong > most) [worst, most] = [slice, wrong];
  }
  return worst;
}

/** At most `limit` items, evenly spread. */
function evenly<T>(items: readonly T[], limit = items.length): T[] {
  if (items.length <= limit) return [...items];
  return Array.from({ length: limit }, (_, at) => items[Math.floor(((at + 0.5) * items.length) / limit)]);
}
