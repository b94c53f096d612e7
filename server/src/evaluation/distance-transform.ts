/**
 * Exact Euclidean distance transform with anisotropic spacing, separable by lower envelopes of parabolas
 * (Felzenszwalb & Huttenlocher 2012).
 */

/**
 * Distance (mm) from every voxel of a [slice][row][column] grid to the nearest site.
 *
 * @param isSite whether the voxel at a flat index is a site; sites get 0
 * @param shape voxels along (slice, row, column)
 * @param spacing mm along (slice, row, column)
 * @returns distances; all Infinity when there is no site
 */
export function distanceTransform(
  isSite: (index: number) => boolean,
  shape: readonly [slices: number, rows: number, columns: number],
  spacing: readonly [slice: number, row: number, column: number],
): Float64Array {
  const [slices, rows, columns] = shape;
  const squared = new Float64Array(slices * rows * columns);
  for (let index = 0; index < squared.length; index++) squared[index] = isSite(index) ? 0 : Infinity;

  // Slices first, then rows, then columns: squares are then added in the order scipy adds them, so that a distance
  // that equals a tolerance is rounded alike.
  const envelope = new Envelope(Math.max(slices, rows, columns));
  for (let start = 0; start < rows * columns; start++)
    envelope.apply(squared, start, rows * columns, slices, spacing[0]);
  for (let slice = 0; slice < slices; slice++) {
    for (let column = 0; column < columns; column++) {
      envelope.apply(squared, slice * rows * columns + column, columns, rows, spacing[1]);
    }
  }
  for (let row = 0; row < slices * rows; row++) envelope.apply(squared, row * columns, 1, columns, spacing[2]);

  for (let index = 0; index < squared.length; index++) squared[index] = Math.sqrt(squared[index]);
  return squared;
}

/** Lower envelope of the parabolas along one line, with its working memory. */
class Envelope {
  readonly #values: Float64Array;
  readonly #vertices: Int32Array;
  readonly #boundaries: Float64Array;

  constructor(longestLine: number) {
    this.#values = new Float64Array(longestLine);
    this.#vertices = new Int32Array(longestLine);
    this.#boundaries = new Float64Array(longestLine + 1);
  }

  /** Replaces `squared` along a line by `min over q of squared[q] + ((p - q) * spacing)^2`. */
  apply(squared: Float64Array, start: number, stride: number, length: number, spacing: number): void {
    if (length === 1) return;
    const values = this.#values;
    const vertices = this.#vertices;
    const boundaries = this.#boundaries;
    const weight = spacing * spacing;

    let last = -1;
    for (let q = 0; q < length; q++) {
      const value = squared[start + q * stride];
      values[q] = value;
      if (value === Infinity) continue;
      let boundary = -Infinity;
      while (last >= 0) {
        const v = vertices[last];
        boundary = (value - values[v] + weight * (q * q - v * v)) / (2 * weight * (q - v));
        if (boundary > boundaries[last]) break;
        boundary = -Infinity;
        last--;
      }
      last++;
      vertices[last] = q;
      boundaries[last] = boundary;
    }
    if (last < 0) return;

    let k = 0;
    for (let p = 0; p < length; p++) {
      while (k < last && boundaries[k + 1] < p) k++;
      const offset = (p - vertices[k]) * spacing;
      squared[start + p * stride] = values[vertices[k]] + offset * offset;
    }
  }
}
