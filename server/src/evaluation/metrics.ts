import { surfaceDistances, type LabelPair, type SurfaceDistances } from './surface-distance.js';

/** Scores of one label in one case. */
export interface LabelScores {
  /** Dice similarity coefficient (volume overlap), 0..1 */
  readonly dice: number;
  /** normalised surface distance (surface Dice) at the stated tolerance, 0..1 */
  readonly nsd: number;
  readonly truthVoxels: number;
  readonly predictionVoxels: number;
}

/**
 * Dice and NSD of one label, as the challenge code defines them (specification section 8.1).
 * Both empty gives 1; one of them empty gives 0.
 *
 * @param spacing mm along (column, row, slice)
 * @param toleranceMm distance up to which surfaces count as agreeing
 */
export function scoreLabel(
  pair: LabelPair,
  label: number,
  spacing: readonly [column: number, row: number, slice: number],
  toleranceMm: number,
): LabelScores {
  const { truthVoxels, predictionVoxels, shared } = countVoxels(pair, label);
  const voxels = { truthVoxels, predictionVoxels };
  if (truthVoxels === 0 && predictionVoxels === 0) return { dice: 1, nsd: 1, ...voxels };
  if (truthVoxels === 0 || predictionVoxels === 0) return { dice: 0, nsd: 0, ...voxels };
  return {
    dice: (2 * shared) / (truthVoxels + predictionVoxels),
    nsd: normalisedSurfaceDistance(surfaceDistances(pair, label, spacing), toleranceMm),
    ...voxels,
  };
}

/** Share of both surfaces' area that lies within the tolerance of the other surface; 1 when there is no surface at all. */
export function normalisedSurfaceDistance(distances: SurfaceDistances, toleranceMm: number): number {
  const truth = areaWithin(distances.truthToPrediction, distances.truthAreas, toleranceMm);
  const prediction = areaWithin(distances.predictionToTruth, distances.predictionAreas, toleranceMm);
  const total = truth.total + prediction.total;
  return total === 0 ? 1 : (truth.within + prediction.within) / total;
}

/** Label values other than 0 that occur in an array, ascending. */
export function labelsOf(values: ArrayLike<number>): number[] {
  const labels = new Set<number>();
  let previous = 0;
  for (let index = 0; index < values.length; index++) {
    // Neighbouring voxels mostly agree; asking the set for each of 80 million would be slow.
    if (values[index] === previous) continue;
    previous = values[index];
    labels.add(previous);
  }
  labels.delete(0);
  return [...labels].sort((a, b) => a - b);
}

/** How many values equal a label. */
export function countLabel(values: ArrayLike<number>, label: number): number {
  let count = 0;
  for (let index = 0; index < values.length; index++) if (values[index] === label) count++;
  return count;
}

function countVoxels({ truth, prediction }: LabelPair, label: number) {
  let truthVoxels = 0;
  let predictionVoxels = 0;
  let shared = 0;
  for (let index = 0; index < truth.length; index++) {
    const inTruth = truth[index] === label;
    const inPrediction = prediction[index] === label;
    if (inTruth) truthVoxels++;
    if (inPrediction) predictionVoxels++;
    if (inTruth && inPrediction) shared++;
  }
  return { truthVoxels, predictionVoxels, shared };
}

function areaWithin(distances: Float64Array, areas: Float64Array, toleranceMm: number) {
  let within = 0;
  let total = 0;
  for (let index = 0; index < areas.length; index++) {
    total += areas[index];
    if (distances[index] <= toleranceMm) within += areas[index];
  }
  return { within, total };
}
