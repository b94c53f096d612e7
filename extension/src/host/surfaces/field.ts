/** A segment's masks as a field to make a surface of: coverage of blocks of pixels, [slice][row][column], 0 to 1. */
import { intervalsOfRuns } from '@medsam2/protocol/stream';
import { worldOf, type ImagePlane } from '../plane.js';
import type { Point3 } from '../types/cornerstone.js';
import { add, dot, scale } from '../vector.js';

export interface Field {
  /** columns, rows, slices; the outermost are 0, so that every surface is closed */
  readonly size: readonly [number, number, number];
  readonly values: Float32Array;
  /** world of a point in grid units */
  readonly toWorld: (x: number, y: number, z: number) => Point3;
}

/** Samples of a field at most: a surface of it has some 60,000 triangles, which software rendering still turns. */
const mostSamples = 400_000;

/**
 * @param masks index of the image to runs
 * @param planes of all images of the series
 * @returns undefined without masks. Yields after each slice.
 */
export function* fieldOf(
  masks: ReadonlyMap<number, Uint8Array>,
  planes: readonly ImagePlane[],
): Generator<void, Field | undefined> {
  if (masks.size === 0) return undefined;
  // The viewer's order may be any; a surface needs that of space.
  const { normal, rows, columns } = planes[0];
  const order = planes
    .map((_, index) => index)
    .sort((a, b) => dot(planes[a].origin, normal) - dot(planes[b].origin, normal));
  const rank = new Map(order.map((index, at) => [index, at]));
  const ranks = [...masks.keys()].map((index) => rank.get(index) ?? 0);
  const [firstSlice, lastSlice] = [Math.min(...ranks), Math.max(...ranks)];
  const bounds = boundsOf(masks.values(), columns, rows);

  const slices = lastSlice - firstSlice + 1;
  const [width, height] = [bounds.right - bounds.left + 1, bounds.bottom - bounds.top + 1];
  let step = 1;
  const samples = () => (Math.ceil(width / step) + 2) * (Math.ceil(height / step) + 2) * (slices + 2);
  while (samples() > mostSamples) step++;
  const size = [Math.ceil(width / step) + 2, Math.ceil(height / step) + 2, slices + 2] as const;
  const values = new Float32Array(size[0] * size[1] * size[2]);
  const share = 1 / (step * step);

  for (const [index, runs] of masks) {
    const z = (rank.get(index) ?? 0) - firstSlice + 1;
    for (const [start, end] of intervalsOfRuns(runs)) {
      for (let at = start; at < end; at++) {
        const column = at % columns;
        const row = (at - column) / columns;
        const x = Math.floor((column - bounds.left) / step) + 1;
        const y = Math.floor((row - bounds.top) / step) + 1;
        values[(z * size[1] + y) * size[0] + x] += share;
      }
    }
    yield;
  }

  // Centre of a block, in pixels of the slice.
  const pixel = (at: number, first: number) => first + (at - 1) * step + (step - 1) / 2;
  const toWorld = (x: number, y: number, z: number): Point3 => {
    const depth = z - 1 + firstSlice;
    const below = Math.min(Math.max(Math.floor(depth), 0), order.length - 1);
    const above = Math.min(below + 1, order.length - 1);
    const from = worldOf(planes[order[below]], [pixel(x, bounds.left), pixel(y, bounds.top)]);
    const step = sliceStep(planes, order, below, above);
    return add(from, scale(step, depth - below));
  };
  return { size, values, toWorld };
}

function sliceStep(planes: readonly ImagePlane[], order: readonly number[], below: number, above: number): Point3 {
  const [a, b] = below === above ? [Math.max(below - 1, 0), below] : [below, above];
  return add(planes[order[b]].origin, scale(planes[order[a]].origin, -1));
}

function boundsOf(masks: Iterable<Uint8Array>, columns: number, rows: number) {
  const bounds = { left: columns, right: 0, top: rows, bottom: 0 };
  for (const runs of masks) {
    for (const [start, end] of intervalsOfRuns(runs)) {
      const [first, last] = [Math.floor(start / columns), Math.floor((end - 1) / columns)];
      bounds.top = Math.min(bounds.top, first);
      bounds.bottom = Math.max(bounds.bottom, last);
      // A run over the end of a row has pixels at both edges.
      bounds.left = Math.min(bounds.left, first === last ? start % columns : 0);
      bounds.right = Math.max(bounds.right, first === last ? (end - 1) % columns : columns - 1);
    }
  }
  return bounds;
}
