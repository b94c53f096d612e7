import type { VoxelArray } from './volume.js';

/**
 * Percentiles of the voxels greater than 0, exactly as `numpy.percentile(v[v > 0], q)` in float64 (linear interpolation
 * between order statistics). Infinite values are left out. Nothing is copied or sorted: order statistics are found by
 * counting, 16 bits at a time.
 *
 * @param percents 0..100
 * @returns one value per percent, or undefined when no voxel is greater than 0
 */
export function positivePercentiles(voxels: VoxelArray, percents: readonly number[]): number[] | undefined {
  const digits = new PositiveDigits(voxels);
  const total = digits.total();
  if (total === 0) return undefined;
  const valueAt = new Map<number, number>();
  const orderStatistic = (rank: number): number => {
    const known = valueAt.get(rank) ?? digits.select(rank);
    valueAt.set(rank, known);
    return known;
  };
  return percents.map((percent) => {
    const position = (percent / 100) * (total - 1);
    const below = Math.floor(position);
    const fraction = position - below;
    const low = orderStatistic(below);
    const high = orderStatistic(Math.min(below + 1, total - 1));
    // numpy's _lerp takes the nearer end as base, which decides the last bit
    return fraction >= 0.5 ? high - (high - low) * (1 - fraction) : low + (high - low) * fraction;
  });
}

/**
 * Radix selection among positive values. The bit patterns of positive integers and of positive IEEE numbers sort like the
 * values themselves, so that one method serves all types.
 */
class PositiveDigits {
  /** every voxel as `width` words, least significant first (all supported platforms are little-endian) */
  readonly #words: Uint8Array | Uint16Array;
  readonly #width: number;
  readonly #base: number;
  /** histogram of the most significant words, needed for every selection */
  readonly #top: Float64Array;

  constructor(private readonly voxels: VoxelArray) {
    const { byteOffset, byteLength, BYTES_PER_ELEMENT: bytes } = voxels;
    const buffer = voxels.buffer as ArrayBuffer;
    this.#words =
      bytes === 1
        ? new Uint8Array(buffer, byteOffset, byteLength)
        : new Uint16Array(buffer, byteOffset, byteLength / 2);
    this.#width = bytes === 1 ? 1 : bytes / 2;
    this.#base = bytes === 1 ? 256 : 65536;
    this.#top = this.#histogram([]);
  }

  total(): number {
    return this.#top.reduce((sum, count) => sum + count, 0);
  }

  /** The value with `rank` smaller or equal ones before it. */
  select(rank: number): number {
    const prefix: number[] = [];
    let left = rank;
    while (prefix.length < this.#width) {
      const counts = prefix.length === 0 ? this.#top : this.#histogram(prefix);
      let word = 0;
      while (left >= counts[word]) left -= counts[word++];
      prefix.push(word);
    }
    const bytes = new DataView(new ArrayBuffer(8));
    prefix.forEach((word, at) => {
      const position = this.#width - 1 - at;
      if (this.#base === 256) bytes.setUint8(position, word);
      else bytes.setUint16(position * 2, word, true);
    });
    if (this.voxels instanceof Float32Array) return bytes.getFloat32(0, true);
    if (this.voxels instanceof Float64Array) return bytes.getFloat64(0, true);
    return bytes.getUint32(0, true);
  }

  /** Counts of the word below `prefix` (most significant words first) among positive finite voxels that start with it. */
  #histogram(prefix: readonly number[]): Float64Array {
    const counts = new Float64Array(this.#base);
    const { voxels } = this;
    const words = this.#words;
    const width = this.#width;
    const at = width - 1 - prefix.length;
    const known = prefix.length;
    for (let i = 0, start = 0; i < voxels.length; i++, start += width) {
      if (!(voxels[i] > 0) || voxels[i] === Infinity) continue;
      let matches = true;
      for (let p = 0; p < known; p++) if (words[start + width - 1 - p] !== prefix[p]) matches = false;
      if (matches) counts[words[start + at]]++;
    }
    return counts;
  }
}
