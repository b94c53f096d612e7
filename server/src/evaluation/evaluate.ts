import { describeError, UserError } from '@medsam2/models';
import { isSameGrid } from '../imaging/geometry.js';
import type { GridGeometry, LabelMap } from '../imaging/volume.js';
import { countLabel, labelsOf, scoreLabel, type LabelScores } from './metrics.js';
import type { CasePair, Pairing } from './pairs.js';

/** A label map as read from a file, and how much the file says about its grid. */
export interface LabelFile extends LabelMap {
  /** whether the file states a voxel spacing */
  readonly hasSpacing: boolean;
  /** whether the file states where the grid lies; npz results often hold the spacing alone */
  readonly hasPosition: boolean;
}

/** Reads a label file; truths and predictions of npz files have different arrays (`gts`, `segs`). */
export type LabelReader = (path: string, role: 'truth' | 'prediction') => Promise<LabelFile>;

export interface EvaluationOptions {
  /** mm; the CVPR 2025 interactive challenge uses 2 */
  readonly toleranceMm: number;
  /** `file`: spacing of the truth file; else mm along (column, row, slice) for all cases */
  readonly spacing: 'file' | readonly [number, number, number];
  /** labels to score; default: those present in each truth, as the challenges do */
  readonly labels?: readonly number[];
  readonly signal?: AbortSignal;
}

export interface LabelResult extends LabelScores {
  readonly label: number;
  /** why a score is 0 without anything having been compared */
  readonly missing?: 'prediction-file' | 'label';
}

export interface CaseResult {
  readonly name: string;
  /** mm along (column, row, slice), as used */
  readonly spacing: readonly [number, number, number];
  readonly labels: readonly LabelResult[];
  /** labels of the prediction that the truth does not have; they lower no score */
  readonly extraLabels: readonly number[];
  readonly notes: readonly string[];
}

export interface CaseFailure {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

export interface Evaluation {
  readonly options: Omit<EvaluationOptions, 'signal'>;
  readonly cases: readonly CaseResult[];
  /** cases that could not be compared; they are in no mean */
  readonly failures: readonly CaseFailure[];
  /** predictions for which there is no truth; they are in no mean */
  readonly unmatchedPredictions: readonly string[];
}

/**
 * Scores predictions against truths, one case in memory at a time. A missing prediction scores 0 for every label of its
 * truth; a case that cannot be compared (another grid, an unreadable file) is a failure and does not stop the others.
 *
 * @param onCase called after each case, for progress
 */
export async function evaluateCases(
  { pairs, unmatched }: Pairing,
  options: EvaluationOptions,
  readLabels: LabelReader,
  onCase: (done: number, total: number) => void = () => undefined,
): Promise<Evaluation> {
  const cases: CaseResult[] = [];
  const failures: CaseFailure[] = [];
  for (const pair of pairs) {
    options.signal?.throwIfAborted();
    try {
      cases.push(await evaluateCase(pair, options, readLabels));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failures.push({ name: pair.name, code: error.code, message: describeError(error) });
    }
    onCase(cases.length + failures.length, pairs.length);
  }
  const { toleranceMm, spacing, labels } = options;
  return { options: { toleranceMm, spacing, labels }, cases, failures, unmatchedPredictions: unmatched };
}

async function evaluateCase(
  { name, truth: truthPath, prediction: predictionPath }: CasePair,
  options: EvaluationOptions,
  readLabels: LabelReader,
): Promise<CaseResult> {
  const truth = await readLabels(truthPath, 'truth');
  const { slices, rows, columns } = truth.geometry;
  const spacing = options.spacing === 'file' ? truth.geometry.spacing : options.spacing;
  const notes: string[] = [];
  if (options.spacing === 'file' && !truth.hasSpacing)
    notes.push('the truth states no spacing; voxels of 1 mm are assumed');
  const present = labelsOf(truth.labels);

  if (predictionPath === undefined) {
    const wanted = (options.labels ?? present).filter((label) => present.includes(label));
    const labels = wanted.map((label) => ({
      label,
      dice: 0,
      nsd: 0,
      truthVoxels: countLabel(truth.labels, label),
      predictionVoxels: 0,
      missing: 'prediction-file' as const,
    }));
    return { name, spacing, labels, extraLabels: [], notes: [...notes, 'no prediction file: counted as 0'] };
  }

  const prediction = await readLabels(predictionPath, 'prediction');
  requireSameGrid(truth, prediction);
  const predicted = labelsOf(prediction.labels);
  // Asked-for labels that are in neither file say nothing about the prediction and would raise the mean with their 1.
  const wanted = options.labels?.filter((label) => present.includes(label) || predicted.includes(label)) ?? present;
  const pair = { truth: truth.labels, prediction: prediction.labels, slices, rows, columns };
  const labels = wanted.map((label): LabelResult => {
    const scores = scoreLabel(pair, label, spacing, options.toleranceMm);
    return { label, ...scores, ...(scores.predictionVoxels === 0 ? { missing: 'label' as const } : {}) };
  });
  if (present.length === 0) notes.push('the truth has no labels');
  const extraLabels = predicted.filter((label) => !present.includes(label) && !wanted.includes(label));
  return { name, spacing, labels, extraLabels, notes };
}

/** Compares as much of the two grids as both files state. */
function requireSameGrid(truth: LabelFile, prediction: LabelFile): void {
  const [a, b] = [truth.geometry, prediction.geometry];
  const sameSize = a.columns === b.columns && a.rows === b.rows && a.slices === b.slices;
  const bothSpaced = truth.hasSpacing && prediction.hasSpacing;
  const sameSpacing = !bothSpaced || a.spacing.every((mm, axis) => Math.abs(mm - b.spacing[axis]) <= 1e-3);
  const samePlace = !(truth.hasPosition && prediction.hasPosition) || isSameGrid(a, b, 1e-2);
  if (sameSize && sameSpacing && samePlace) return;
  throw new UserError(
    'evaluate-grid-mismatch',
    `The prediction's grid (${describeGrid(b)}) is not the truth's (${describeGrid(a)}${sameSize && sameSpacing ? ', elsewhere in space' : ''}).`,
    "Compare label maps on the image's own grid; nothing is resampled here.",
  );
}

function describeGrid({ columns, rows, slices, spacing }: GridGeometry): string {
  return `${columns}x${rows}x${slices} voxels of ${spacing.map((mm) => Number(mm.toPrecision(5))).join('x')} mm`;
}
