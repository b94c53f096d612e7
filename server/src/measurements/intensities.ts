import type { VoxelArray } from '../imaging/volume.js';

/** Figures of the intensities under a mask. */
export interface IntensityFigures {
  /** finite values counted */
  readonly count: number;
  /** NaN and infinite values, which are left out */
  readonly nonFinite: number;
  readonly mean: number;
  /** population standard deviation: the voxels are all there are, not a sample (as IBSI defines variance) */
  readonly sd: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Mean, deviation and range over many slices, one at a time. Each slice is summed around its own mean and merged
 * (Chan, Golub, LeVeque 1983): sums of squares would lose digits where the mean is large against the deviation.
 */
export class IntensityAccumulator {
  private count = 0;
  private nonFinite = 0;
  private mean = 0;
  private squares = 0;
  private min = Infinity;
  private max = -Infinity;

  /**
   * @param values [row][column] of one slice
   * @param mask [row][column], zero or not
   */
  add(values: VoxelArray, mask: Uint8Array): void {
    let [count, sum] = [0, 0];
    for (let pixel = 0; pixel < mask.length; pixel++) {
      if (mask[pixel] === 0) continue;
      const value = values[pixel];
      if (!Number.isFinite(value)) {
        this.nonFinite++;
        continue;
      }
      count++;
      sum += value;
      if (value < this.min) this.min = value;
      if (value > this.max) this.max = value;
    }
    if (count === 0) return;
    const mean = sum / count;
    let squares = 0;
    for (let pixel = 0; pixel < mask.length; pixel++) {
      if (mask[pixel] !== 0 && Number.isFinite(values[pixel])) squares += (values[pixel] - mean) ** 2;
    }
    const total = this.count + count;
    const difference = mean - this.mean;
    this.squares += squares + (difference * difference * this.count * count) / total;
    this.mean += (difference * count) / total;
    this.count = total;
  }

  /** `undefined` when no finite value was seen. */
  figures(): IntensityFigures | undefined {
    const { count, nonFinite, mean, squares, min, max } = this;
    return count === 0 ? undefined : { count, nonFinite, mean, sd: Math.sqrt(squares / count), min, max };
  }
}
