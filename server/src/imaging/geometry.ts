import type { GridGeometry } from './volume.js';

/**
 * The one module for world <-> index transforms of voxel grids. World is LPS millimetres (x to the patient's left,
 * y to posterior, z to superior); index is (column, row, slice), voxel centres on integers. Pure functions.
 */

export type Vector3 = readonly [number, number, number];
/** 3x3, row-major */
export type Matrix3 = readonly [number, number, number, number, number, number, number, number, number];
/** Index -> world: `world = linear * index + origin`; the columns of `linear` are steps of column, row, slice (mm). */
export interface Affine {
  readonly linear: Matrix3;
  readonly origin: Vector3;
}

export const add = (a: Vector3, b: Vector3): Vector3 => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const subtract = (a: Vector3, b: Vector3): Vector3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const scale = (a: Vector3, factor: number): Vector3 => [a[0] * factor, a[1] * factor, a[2] * factor];
export const dot = (a: Vector3, b: Vector3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const norm = (a: Vector3): number => Math.hypot(a[0], a[1], a[2]);
export const cross = (a: Vector3, b: Vector3): Vector3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

/** Unit vector along `a`; `undefined` when `a` has no direction (length 0 or not finite). */
export function normalise(a: Vector3): Vector3 | undefined {
  const length = norm(a);
  return length > 0 && Number.isFinite(length) ? [a[0] / length, a[1] / length, a[2] / length] : undefined;
}

/** Column `index` (0, 1, 2) of a row-major 3x3 matrix. */
export const column = (m: Matrix3, index: 0 | 1 | 2): Vector3 => [m[index], m[index + 3], m[index + 6]];

/** Row-major matrix whose columns are `a`, `b`, `c`. */
export const fromColumns = (a: Vector3, b: Vector3, c: Vector3): Matrix3 => {
  const row = (axis: 0 | 1 | 2): Vector3 => [a[axis], b[axis], c[axis]];
  return [...row(0), ...row(1), ...row(2)];
};

export const multiply = (m: Matrix3, v: Vector3): Vector3 => [
  m[0] * v[0] + m[1] * v[1] + m[2] * v[2],
  m[3] * v[0] + m[4] * v[1] + m[5] * v[2],
  m[6] * v[0] + m[7] * v[1] + m[8] * v[2],
];

export const determinant = (m: Matrix3): number => dot(column(m, 0), cross(column(m, 1), column(m, 2)));

/** Inverse of a 3x3 matrix; `undefined` when it is singular. */
export function invert(m: Matrix3): Matrix3 | undefined {
  const det = determinant(m);
  if (det === 0 || !Number.isFinite(det)) return undefined;
  const [a, b, c] = [column(m, 0), column(m, 1), column(m, 2)];
  // rows of the inverse are the cross products of the columns over the determinant
  return [...scale(cross(b, c), 1 / det), ...scale(cross(c, a), 1 / det), ...scale(cross(a, b), 1 / det)];
}

/** The 3x3 step matrix and origin of a grid: `world = linear * (column, row, slice) + origin`, LPS mm. */
export function indexToWorldAffine(geometry: GridGeometry): Affine {
  const { direction, spacing, origin } = geometry;
  return {
    linear: fromColumns(
      scale(column(direction, 0), spacing[0]),
      scale(column(direction, 1), spacing[1]),
      scale(column(direction, 2), spacing[2]),
    ),
    origin,
  };
}

/** (column, row, slice), fractions allowed -> LPS mm. */
export function indexToWorld(geometry: GridGeometry, index: Vector3): Vector3 {
  const { linear, origin } = indexToWorldAffine(geometry);
  return add(multiply(linear, index), origin);
}

/**
 * LPS mm -> fractional (column, row, slice); not limited to the grid. Exact for sheared grids too (gantry tilt).
 *
 * @throws RangeError when the grid's directions do not span space, which no reader lets through
 */
export function worldToIndex(geometry: GridGeometry, world: Vector3): Vector3 {
  const { linear, origin } = indexToWorldAffine(geometry);
  const inverse = invert(linear);
  if (!inverse) throw new RangeError('the directions of the grid do not span space');
  return multiply(inverse, subtract(world, origin));
}

/** Whether increasing (column, row, slice) form a right-handed system in the patient. */
export const isRightHanded = (geometry: GridGeometry): boolean => determinant(geometry.direction) > 0;

/** Volume of one voxel in mm3 (exact for sheared grids too). */
export const voxelVolume = (geometry: GridGeometry): number =>
  Math.abs(determinant(indexToWorldAffine(geometry).linear));

/** Number of voxels of the grid. */
export const voxelCount = (geometry: GridGeometry): number => geometry.columns * geometry.rows * geometry.slices;

/**
 * Whether two grids have the same size and place every voxel at the same point to within `toleranceMm`.
 * Compares the eight corners: an affine map differs most at a corner, so this bounds the difference everywhere.
 */
export function isSameGrid(a: GridGeometry, b: GridGeometry, toleranceMm = 1e-3): boolean {
  if (a.columns !== b.columns || a.rows !== b.rows || a.slices !== b.slices) return false;
  return corners(a).every((corner) => {
    const distance = norm(subtract(indexToWorld(a, corner), indexToWorld(b, corner)));
    return distance <= toleranceMm;
  });
}

/** Indices of the eight corner voxels. */
function corners({ columns, rows, slices }: GridGeometry): Vector3[] {
  const ends = (count: number): number[] => [0, count - 1];
  return ends(slices).flatMap((k) => ends(rows).flatMap((j) => ends(columns).map((i): Vector3 => [i, j, k])));
}

/**
 * Splits an index -> world affine into spacing, direction and origin.
 *
 * @returns `undefined` when a step has length 0, is not finite, or the three steps lie in a plane
 */
export function gridFromAffine(
  size: { columns: number; rows: number; slices: number },
  affine: Affine,
): GridGeometry | undefined {
  const steps = [column(affine.linear, 0), column(affine.linear, 1), column(affine.linear, 2)] as const;
  const units = steps.map(normalise);
  const [u, v, w] = units;
  if (!u || !v || !w || !affine.origin.every(Number.isFinite)) return undefined;
  const direction = fromColumns(u, v, w);
  // 1e-6: directions closer than that to a plane are rounding of a degenerate header, no usable grid
  if (Math.abs(determinant(direction)) < 1e-6) return undefined;
  return {
    columns: size.columns,
    rows: size.rows,
    slices: size.slices,
    spacing: [norm(steps[0]), norm(steps[1]), norm(steps[2])],
    origin: affine.origin,
    direction,
  };
}

/** RAS <-> LPS: the first two world axes change sign (its own inverse). */
export function flipLpsRas(affine: Affine): Affine {
  const m = affine.linear;
  const [x, y, z] = affine.origin;
  return {
    linear: [-m[0], -m[1], -m[2], -m[3], -m[4], -m[5], m[6], m[7], m[8]],
    origin: [-x, -y, z],
  };
}

/** The grid of a sequence of images without a place in space: pixels as units, identity directions. */
export function pixelGrid(columns: number, rows: number, slices: number): GridGeometry {
  return {
    columns,
    rows,
    slices,
    spacing: [1, 1, 1],
    origin: [0, 0, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  };
}
