/** Where the pixels of one image lie in space, and which plane a viewport shows. */
import type { Point2, Point3 } from './types/cornerstone.js';
import { add, cross, dot, scale, subtract, vectorOf, type Vector } from './vector.js';

/** Pixels are (x = column, y = row) with centres on whole numbers; world is LPS mm. */
export interface ImagePlane {
  /** centre of the first pixel */
  readonly origin: Point3;
  /** direction of increasing column, and of increasing row */
  readonly row: Point3;
  readonly column: Point3;
  readonly normal: Point3;
  /** mm between columns, and between rows */
  readonly columnSpacing: number;
  readonly rowSpacing: number;
  readonly rows: number;
  readonly columns: number;
}

/**
 * @param module the host's `imagePlaneModule`; what it lacks is taken as Cornerstone takes it when it draws the image:
 *   at the origin, upright, 1 mm
 */
export function planeOf(module: unknown): ImagePlane {
  const given = (module ?? {}) as Partial<Record<string, unknown>>;
  const row = vectorIn(given.rowCosines) ?? [1, 0, 0];
  const column = vectorIn(given.columnCosines) ?? [0, 1, 0];
  return {
    origin: vectorIn(given.imagePositionPatient) ?? [0, 0, 0],
    row,
    column,
    normal: cross(row, column),
    columnSpacing: positiveIn(given.columnPixelSpacing),
    rowSpacing: positiveIn(given.rowPixelSpacing),
    rows: countIn(given.rows),
    columns: countIn(given.columns),
  };
}

const vectorIn = (value: unknown): Point3 | undefined => {
  const list = value as ArrayLike<unknown> | null | undefined;
  if (typeof list !== 'object' || list === null || list.length !== 3) return undefined;
  const point = vectorOf(Array.from(list, Number));
  return point.every(Number.isFinite) ? point : undefined;
};
const positiveIn = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 1);
const countIn = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 0);

export function pixelOf(plane: ImagePlane, world: Vector): Point2 {
  const from = subtract(world, plane.origin);
  return [dot(from, plane.row) / plane.columnSpacing, dot(from, plane.column) / plane.rowSpacing];
}

export const worldOf = (plane: ImagePlane, [x, y]: readonly [number, number]): Point3 =>
  add(plane.origin, add(scale(plane.row, x * plane.columnSpacing), scale(plane.column, y * plane.rowSpacing)));

/** Signed mm from the image's plane, along its normal. */
export const distanceTo = (plane: ImagePlane, world: Vector): number =>
  dot(subtract(world, plane.origin), plane.normal);

/** Cosine above which two directions are one: half a degree, less than the server's half pixel over a drawing. */
const parallel = Math.cos((0.5 * Math.PI) / 180);
const isParallel = (a: Vector, b: Vector): boolean => Math.abs(dot(a, b)) >= parallel;

/** How a viewport's plane lies in the series: along its slices, across them along rows or columns, or neither. */
export function orientationOf(plane: ImagePlane, viewPlaneNormal: Vector): 'acquired' | 'across' | 'oblique' {
  if (isParallel(plane.normal, viewPlaneNormal)) return 'acquired';
  return isParallel(plane.row, viewPlaneNormal) || isParallel(plane.column, viewPlaneNormal) ? 'across' : 'oblique';
}

/** The plane nearest to a point along the slices' normal, and how far it is in mm; undefined: no planes. */
export function nearestPlane(
  planes: readonly ImagePlane[],
  world: Vector,
): { readonly index: number; readonly distance: number } | undefined {
  let nearest: { index: number; distance: number } | undefined;
  planes.forEach((plane, index) => {
    const distance = Math.abs(distanceTo(plane, world));
    if (nearest === undefined || distance < nearest.distance) nearest = { index, distance };
  });
  return nearest;
}

/** Least distance between neighbours in mm; 0: all at one place, or fewer than two. */
export function sliceSpacing(planes: readonly ImagePlane[]): number {
  if (planes.length < 2) return 0;
  const depths = planes.map(({ origin }) => dot(origin, planes[0].normal)).sort((a, b) => a - b);
  const steps = depths.slice(1).map((depth, index) => depth - depths[index]);
  return Math.min(...steps);
}
