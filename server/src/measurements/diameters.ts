import { polygonHull } from 'd3-polygon';
import { connectedComponents } from '../engine/components.js';
import { edgesOf, extremeCorners, regionsOf, type Corner, type Edge, type Region } from './outline.js';

/** Diameters of a mask on one slice, in the unit of the spacing. */
export interface Diameters {
  readonly long: number;
  readonly short: number;
}

/** Millimetres (or 1 for pixels) between neighbouring columns and rows. */
export interface PixelSize {
  readonly x: number;
  readonly y: number;
}

/** Lengths that differ by less, relatively, are the same: they differ by rounding alone. */
const SAME = 1e-9;

/** The long axis of a mask on one slice, and what its short axis is found from. */
export interface LongAxis {
  readonly length: number;
  readonly region: Region;
  /** ends of all axes of this length */
  readonly axes: readonly (readonly [Corner, Corner])[];
}

/**
 * Long and short axis of a mask as RECIST 1.1 has them (docs/measurements.md): the longest distance between two points
 * of the outline of one connected region, and the longest extent of that region along a line at right angles to it.
 * The outline runs around the pixels, not through their centres. Exact up to rounding.
 *
 * @param mask [row][column], zero or not
 * @returns `undefined` for an empty mask
 */
export function diametersOf(mask: Uint8Array, rows: number, columns: number, size: PixelSize): Diameters | undefined {
  const axis = longAxisOf(mask, rows, columns, size);
  return axis && { long: axis.length, short: shortAxisOf(axis, size) };
}

/**
 * The longest distance between two points of the outline of one connected region (8 neighbours) of a mask.
 *
 * @param mask [row][column], zero or not
 * @param atLeast only a long axis above this is of interest: spares work over many slices
 * @returns `undefined` when no region has a long axis above `atLeast`
 */
export function longAxisOf(
  mask: Uint8Array,
  rows: number,
  columns: number,
  size: PixelSize,
  atLeast = 0,
): LongAxis | undefined {
  const box = boundingBox(mask, rows, columns);
  if (!box) return undefined;
  const [width, height] = [box.x1 - box.x0, box.y1 - box.y0];
  if (Math.hypot(width * size.x, height * size.y) <= atLeast) return undefined;
  // most of a slice is background: components of the part that has any pixels
  const components = connectedComponents(
    (index) => mask[(box.y0 + Math.floor(index / width)) * columns + box.x0 + (index % width)] !== 0,
    { slices: 1, rows: height, columns: width },
  );
  let longest: LongAxis | undefined;
  let bar = atLeast;
  for (const region of regionsOf(components, width)) {
    const [x0, y0, x1, y1] = region.box;
    if (Math.hypot((x1 - x0) * size.x, (y1 - y0) * size.y) <= bar) continue;
    const found = longestChords(region, size);
    if (found.length <= bar * (1 + SAME)) continue;
    longest = { region, ...found };
    bar = found.length;
  }
  return longest;
}

/** Of equally long axes, that with the longest short axis counts: figures must not depend on the order of points. */
export function shortAxisOf({ region, axes }: LongAxis, size: PixelSize): number {
  return Math.max(...shortAxes(region, axes, size));
}

/** Columns x0 to x1 and rows y0 to y1 (ends excluded) that hold all pixels of a mask. */
function boundingBox(
  mask: Uint8Array,
  rows: number,
  columns: number,
): { x0: number; y0: number; x1: number; y1: number } | undefined {
  let [x0, y0, x1, y1] = [columns, rows, 0, 0];
  for (let y = 0, index = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, index++) {
      if (mask[index] === 0) continue;
      if (x < x0) x0 = x;
      if (x >= x1) x1 = x + 1;
      if (y < y0) y0 = y;
      y1 = y + 1;
    }
  }
  return x1 > x0 ? { x0, y0, x1, y1 } : undefined;
}

/** The longest distance between two corners of a region, and all pairs that have it. */
function longestChords(region: Region, size: PixelSize): { length: number; axes: [Corner, Corner][] } {
  // hull on integers: it stays exact, and scaling does not change which corners it has
  const hull = polygonHull(extremeCorners(region)) ?? [];
  let axes: [Corner, Corner][] = [];
  let length = 0;
  for (let a = 0; a < hull.length; a++) {
    for (let b = a + 1; b < hull.length; b++) {
      const distance = Math.hypot((hull[b][0] - hull[a][0]) * size.x, (hull[b][1] - hull[a][1]) * size.y);
      if (distance < length * (1 - SAME)) continue;
      if (distance > length * (1 + SAME)) axes = [];
      axes.push([hull[a], hull[b]]);
      length = Math.max(length, distance);
    }
  }
  return { length, axes };
}

/** For each axis the longest extent of the region along a line at right angles to it. */
function shortAxes(region: Region, axes: LongAxis['axes'], size: PixelSize): number[] {
  const edges = edgesOf(region);
  return axes.map(([from, to]) => {
    const step: Corner = [(to[0] - from[0]) * size.x, (to[1] - from[1]) * size.y];
    const length = Math.hypot(...step);
    return extentAcross(edges, [step[0] / length, step[1] / length], size);
  });
}

/** A piece of outline seen along the axis: from `t0` to `t1` along it, at `v0` and `v1` towards the side it faces. */
interface Piece {
  readonly t0: number;
  readonly t1: number;
  readonly v0: number;
  readonly v1: number;
  readonly top: number;
}

/**
 * The largest distance between the outermost points of an outline on one line at right angles to `axis` (unit vector).
 *
 * As a function of the place along the axis, each side is the envelope of straight pieces; the outline being made of
 * convex pixels, the distance of both sides is largest where a piece ends.
 */
function extentAcross(edges: readonly Edge[], axis: Corner, size: PixelSize): number {
  const across: Corner = [-axis[1], axis[0]];
  const against: Corner = [axis[1], -axis[0]];
  const far: Piece[] = [];
  const near: Piece[] = [];
  for (const edge of edges) {
    const facing = edge.outside[0] * across[0] + edge.outside[1] * across[1];
    // pieces along the line itself are met at the ends of their neighbours
    if (facing > 0) addPieces(far, edge, axis, across, size);
    else if (facing < 0) addPieces(near, edge, axis, against, size);
  }
  const tolerance = SAME * Math.max(size.x, size.y);
  const places = placesOf(far, near, tolerance);
  const high = envelope(far, places, tolerance);
  const low = envelope(near, places, tolerance);
  let extent = 0;
  for (let index = 0; index < places.length; index++) extent = Math.max(extent, high[index] + low[index]);
  return extent;
}

/** An edge as pieces of one pixel side each: short pieces keep the envelope fast. */
function addPieces(pieces: Piece[], { from, to }: Edge, axis: Corner, side: Corner, size: PixelSize): void {
  const along = (x: number, y: number, direction: Corner): number =>
    x * size.x * direction[0] + y * size.y * direction[1];
  const sides = to[0] - from[0] + to[1] - from[1];
  const [stepX, stepY] = [(to[0] - from[0]) / sides, (to[1] - from[1]) / sides];
  for (let index = 0; index < sides; index++) {
    const [x, y] = [from[0] + index * stepX, from[1] + index * stepY];
    const [t0, t1] = [along(x, y, axis), along(x + stepX, y + stepY, axis)];
    const [v0, v1] = [along(x, y, side), along(x + stepX, y + stepY, side)];
    const top = Math.max(v0, v1);
    pieces.push(t0 <= t1 ? { t0, t1, v0, v1, top } : { t0: t1, t1: t0, v0: v1, v1: v0, top });
  }
}

/** Where pieces end, ascending, more than `tolerance` apart. */
function placesOf(far: readonly Piece[], near: readonly Piece[], tolerance: number): Float64Array {
  const places = new Float64Array(2 * (far.length + near.length));
  let at = 0;
  for (const pieces of [far, near]) {
    for (const { t0, t1 } of pieces) {
      places[at++] = t0;
      places[at++] = t1;
    }
  }
  places.sort();
  let kept = 0;
  for (const place of places) if (kept === 0 || place > places[kept - 1] + tolerance) places[kept++] = place;
  return places.subarray(0, kept);
}

/**
 * The outermost value of all pieces at each place (ascending); -Infinity where there is none.
 *
 * Pieces come from the outermost on inwards; a place is done as soon as no later piece can reach further out, and done
 * places are skipped over (union-find), so that masks full of holes do not take the square of their outline.
 */
function envelope(pieces: readonly Piece[], places: Float64Array, tolerance: number): Float64Array {
  const values = new Float64Array(places.length).fill(-Infinity);
  const open = Int32Array.from({ length: places.length + 1 }, (_, index) => index);
  const nextOpen = (index: number): number => {
    let at = index;
    while (open[at] !== at) at = open[at] = open[open[at]];
    return at;
  };
  for (const { t0, t1, v0, v1, top } of [...pieces].sort((a, b) => b.top - a.top)) {
    const slope = t1 - t0 > tolerance ? (v1 - v0) / (t1 - t0) : 0;
    let index = nextOpen(firstAtLeast(places, t0 - 2 * tolerance));
    while (index < places.length && places[index] <= t1 + 2 * tolerance) {
      const value = Math.min(top, v0 + slope * (places[index] - t0));
      if (value > values[index]) values[index] = value;
      if (values[index] >= top) open[index] = index + 1;
      index = nextOpen(index + 1);
    }
  }
  return values;
}

function firstAtLeast(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
