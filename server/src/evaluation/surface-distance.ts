import { distanceTransform } from './distance-transform.js';
import { cornerBit, surfelAreas } from './surfel-areas.js';

/** Two label maps on one grid, [slice][row][column]. */
export interface LabelPair {
  readonly truth: ArrayLike<number>;
  readonly prediction: ArrayLike<number>;
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
}

/** The surface elements of two bodies: how far each lies from the other body's surface, and its area. */
export interface SurfaceDistances {
  /** mm, one per surface element of the truth; Infinity when the prediction has no surface */
  readonly truthToPrediction: Float64Array;
  /** mm2, same order */
  readonly truthAreas: Float64Array;
  /** mm, one per surface element of the prediction; Infinity when the truth has no surface */
  readonly predictionToTruth: Float64Array;
  /** mm2, same order */
  readonly predictionAreas: Float64Array;
}

/**
 * Surface distances between truth and prediction for one label, as the surface-distance package of DeepMind defines
 * them and the challenges use them (specification section 8.1): surface elements are the 2x2x2 neighbourhoods that are
 * neither empty nor full, within the joint bounding box of the two bodies.
 *
 * @param spacing mm along (column, row, slice), the order of `GridGeometry`
 */
export function surfaceDistances(
  pair: LabelPair,
  label: number,
  spacing: readonly [column: number, row: number, slice: number],
): SurfaceDistances {
  const box = jointBox(pair, label);
  if (!box) {
    const none = new Float64Array(0);
    return { truthToPrediction: none, truthAreas: none, predictionToTruth: none, predictionAreas: none };
  }
  const alongAxes: [number, number, number] = [spacing[2], spacing[1], spacing[0]];
  const areas = surfelAreas(alongAxes);
  const truth = patternCodes(pair.truth, label, pair, box);
  const prediction = patternCodes(pair.prediction, label, pair, box);
  // One distance map at a time: it is the largest array here.
  const measure = (from: PatternCodes, to: PatternCodes): Float64Array => {
    const distances = distanceTransform((index) => isBorder(to.codes[index]), to.shape, alongAxes);
    return collect(from, (index) => distances[index]);
  };
  return {
    truthToPrediction: measure(truth, prediction),
    truthAreas: collect(truth, (index) => areas[truth.codes[index]]),
    predictionToTruth: measure(prediction, truth),
    predictionAreas: collect(prediction, (index) => areas[prediction.codes[index]]),
  };
}

interface JointBox {
  /** inclusive (slice, row, column) */
  readonly first: readonly [number, number, number];
  readonly last: readonly [number, number, number];
}

interface PatternCodes {
  /** neighbourhood pattern per corner point of the cropped voxels; one larger than the crop along each axis */
  readonly codes: Uint8Array;
  readonly shape: [number, number, number];
}

const isBorder = (code: number): boolean => code !== 0 && code !== 255;

function collect({ codes }: PatternCodes, value: (index: number) => number): Float64Array {
  let count = 0;
  for (let index = 0; index < codes.length; index++) if (isBorder(codes[index])) count++;
  const values = new Float64Array(count);
  let next = 0;
  for (let index = 0; index < codes.length; index++) if (isBorder(codes[index])) values[next++] = value(index);
  return values;
}

function jointBox({ truth, prediction, slices, rows, columns }: LabelPair, label: number): JointBox | undefined {
  const first: [number, number, number] = [slices, rows, columns];
  const last: [number, number, number] = [-1, -1, -1];
  for (let slice = 0, index = 0; slice < slices; slice++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, index++) {
        if (truth[index] !== label && prediction[index] !== label) continue;
        if (slice < first[0]) first[0] = slice;
        if (slice > last[0]) last[0] = slice;
        if (row < first[1]) first[1] = row;
        if (row > last[1]) last[1] = row;
        if (column < first[2]) first[2] = column;
        if (column > last[2]) last[2] = column;
      }
    }
  }
  return last[0] < 0 ? undefined : { first, last };
}

function patternCodes(
  labels: ArrayLike<number>,
  label: number,
  grid: LabelPair,
  { first, last }: JointBox,
): PatternCodes {
  const shape: [number, number, number] = [last[0] - first[0] + 2, last[1] - first[1] + 2, last[2] - first[2] + 2];
  const [, rows, columns] = shape;
  const codes = new Uint8Array(shape[0] * rows * columns);
  for (let slice = first[0]; slice <= last[0]; slice++) {
    for (let row = first[1]; row <= last[1]; row++) {
      const source = (slice * grid.rows + row) * grid.columns;
      for (let column = first[2]; column <= last[2]; column++) {
        if (labels[source + column] !== label) continue;
        // A voxel is a corner of eight neighbourhoods; it is the far corner (1,1,1) of the one with its own index.
        for (let corner = 0; corner < 8; corner++) {
          const [ds, dr, dc] = [corner >> 2, (corner >> 1) & 1, corner & 1];
          const at = ((slice - first[0] + ds) * rows + (row - first[1] + dr)) * columns + (column - first[2] + dc);
          codes[at] |= cornerBit(1 - ds, 1 - dr, 1 - dc);
        }
      }
    }
  }
  return { codes, shape };
}
