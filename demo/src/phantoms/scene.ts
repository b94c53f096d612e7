/** Paints smooth bodies into a grid of voxels, and says which voxel belongs to which structure. */
import { seededRandom } from '@medsam2/server/testing';

// looked up once: the loops below run millions of times
const { atan2, sin } = Math;

/** Three numbers along columns (towards the patient's left), rows (towards the back) and slices (towards the head). */
export type Triple = readonly [number, number, number];

/** Regular grid whose middle is the origin of the shapes' coordinates. */
export interface Grid {
  readonly columns: number;
  readonly rows: number;
  readonly slices: number;
  /** mm between neighbours along columns, rows, slices; of a clip: pixels, pixels, frames */
  readonly spacing: Triple;
}

/** An ellipsoid, turned about the axis of the slices and slightly uneven. */
export interface Shape {
  /** mm from the middle of the grid */
  readonly centre: Triple;
  /** half axes in mm */
  readonly radii: Triple;
  /** degrees from the column axis towards the row axis */
  readonly turn?: number;
  /** intensity in the units of the image */
  readonly value: number;
  /** structure whose truth it is; none: anything else that it covers is background again */
  readonly label?: number;
  /** how far the surface departs from the ellipsoid, as a share of the radius */
  readonly uneven?: number;
}

export interface PaintOptions {
  /** intensity where no shape is */
  readonly background: number;
  /** standard deviation of the noise in intensity units, about normal */
  readonly noise: number;
  readonly seed: number;
  /** smallest and largest intensity that can be stored */
  readonly limits: readonly [number, number];
}

/** Intensities and labels, [slice][row][column]; a label is 0 where no structure is. */
export interface Scene {
  readonly voxels: Int16Array;
  readonly labels: Uint8Array;
}

/**
 * Shapes over one another, later ones over earlier ones; edges softened over a voxel as a scanner does, then noise.
 * The same seed gives the same numbers on any machine.
 *
 * @param shapesAt the shapes of a slice, for scenes that move with it
 */
export function paint(grid: Grid, shapesAt: (slice: number) => readonly Shape[], options: PaintOptions): Scene {
  const { columns, rows, slices } = grid;
  const area = columns * rows;
  const scene: Scene = { voxels: new Int16Array(area * slices), labels: new Uint8Array(area * slices) };
  const random = seededRandom(options.seed);
  const noise = noiseTable(random, options.noise);
  const [low, high] = options.limits;
  const sharp = new Float32Array(area);
  for (let slice = 0; slice < slices; slice++) {
    sharp.fill(options.background);
    const labels = scene.labels.subarray(slice * area, (slice + 1) * area);
    for (const shape of shapesAt(slice)) fill(grid, shape, slice, sharp, labels);
    const voxels = scene.voxels.subarray(slice * area, (slice + 1) * area);
    const soft = soften(sharp, columns, rows);
    let next = Math.floor(random() * noise.length);
    for (let at = 0; at < area; at++) {
      const value = soft[at] + noise[next];
      voxels[at] = value < low ? low : value > high ? high : value + (value < 0 ? -0.5 : 0.5);
      next = next + 1 < noise.length ? next + 1 : 0;
    }
  }
  return scene;
}

/** About normal; each slice starts somewhere else in it, so that slices do not repeat one another. */
function noiseTable(random: () => number, deviation: number): Float32Array {
  // three uniform numbers are close to a bell curve; their sum has a standard deviation of 1/2
  return Float32Array.from({ length: 65_521 }, () => 2 * deviation * (random() + random() + random() - 1.5));
}

function fill(grid: Grid, shape: Shape, slice: number, values: Float32Array, labels: Uint8Array): void {
  const { columns, rows, slices, spacing } = grid;
  const { centre, radii, turn = 0, value, label = 0, uneven = 0 } = shape;
  const z = ((slice - (slices - 1) / 2) * spacing[2] - centre[2]) / radii[2];
  if (Math.abs(z) > 1 + uneven) return;
  const [cosine, sine] = [Math.cos((turn * Math.PI) / 180), sin((turn * Math.PI) / 180)];
  const reach = Math.max(radii[0], radii[1]) * (1 + uneven);
  const [firstRow, lastRow] = span(centre[1], reach, spacing[1], rows);
  const [firstColumn, lastColumn] = span(centre[0], reach, spacing[0], columns);
  for (let row = firstRow; row <= lastRow; row++) {
    const dy = (row - (rows - 1) / 2) * spacing[1] - centre[1];
    for (let column = firstColumn; column <= lastColumn; column++) {
      const dx = (column - (columns - 1) / 2) * spacing[0] - centre[0];
      const x = (dx * cosine + dy * sine) / radii[0];
      const y = (dy * cosine - dx * sine) / radii[1];
      const edge = uneven === 0 ? 1 : 1 + uneven * sin(3 * atan2(y, x) + 2 * z);
      if (x * x + y * y + z * z > edge * edge) continue;
      values[row * columns + column] = value;
      labels[row * columns + column] = label;
    }
  }
}

function span(centre: number, reach: number, spacing: number, count: number): readonly [number, number] {
  const middle = (count - 1) / 2;
  return [
    Math.max(0, Math.floor((centre - reach) / spacing + middle)),
    Math.min(count - 1, Math.ceil((centre + reach) / spacing + middle)),
  ];
}

/** A binomial filter over 3 x 3 pixels; the border repeats. */
function soften(values: Float32Array, columns: number, rows: number): Float32Array {
  const across = new Float32Array(values.length);
  const soft = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0, at = row * columns; column < columns; column++, at++) {
      const [before, after] = [column > 0 ? at - 1 : at, column < columns - 1 ? at + 1 : at];
      across[at] = (values[before] + 2 * values[at] + values[after]) / 4;
    }
  }
  for (let row = 0; row < rows; row++) {
    const [above, below] = [row > 0 ? -columns : 0, row < rows - 1 ? columns : 0];
    for (let column = 0, at = row * columns; column < columns; column++, at++)
      soft[at] = (across[at + above] + 2 * across[at] + across[at + below]) / 4;
  }
  return soft;
}
