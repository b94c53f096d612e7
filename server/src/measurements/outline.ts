import type { Components } from '../engine/components.js';

/** A connected region of one slice as runs of pixels: row, first column, one past the last column; by rows. */
export interface Region {
  readonly runs: readonly (readonly [row: number, start: number, end: number])[];
  /** bounding box in outline coordinates: pixel (column, row) covers [column, column + 1] x [row, row + 1] */
  readonly box: readonly [x0: number, y0: number, x1: number, y1: number];
}

/** A point in outline coordinates: integers are corners of pixels. */
export type Corner = readonly [x: number, y: number];

/** A straight piece of a region's outline, and the direction that lies outside. */
export interface Edge {
  readonly from: Corner;
  readonly to: Corner;
  readonly outside: Corner;
}

/** Regions of one slice (8-connected) from its components. */
export function regionsOf(components: Components, columns: number): Region[] {
  const runs = Array.from({ length: components.count }, (): [number, number, number][] => []);
  for (let run = 0; run < components.runStart.length; run++) {
    const row = Math.floor(components.runStart[run] / columns);
    const start = components.runStart[run] - row * columns;
    runs[components.runComponent[run]].push([row, start, components.runEnd[run] - row * columns]);
  }
  return runs.map((own) => {
    let [x0, x1] = [Infinity, -Infinity];
    for (const [, start, end] of own) {
      x0 = Math.min(x0, start);
      x1 = Math.max(x1, end);
    }
    return { runs: own, box: [x0, own[0][0], x1, own[own.length - 1][0] + 1] };
  });
}

/** The corners that can lie on the convex hull: both ends of every row, above and below. */
export function extremeCorners(region: Region): [number, number][] {
  const ends = new Map<number, [number, number]>();
  for (const [row, start, end] of region.runs) {
    const known = ends.get(row);
    ends.set(row, known ? [Math.min(known[0], start), Math.max(known[1], end)] : [start, end]);
  }
  return [...ends].flatMap(([row, [left, right]]): [number, number][] => [
    [left, row],
    [left, row + 1],
    [right, row],
    [right, row + 1],
  ]);
}

/** The whole outline of a region, holes included. */
export function edgesOf(region: Region): Edge[] {
  const byRow = new Map<number, (readonly [number, number])[]>();
  for (const [row, start, end] of region.runs) {
    const own = byRow.get(row);
    if (own) own.push([start, end]);
    else byRow.set(row, [[start, end]]);
  }
  return region.runs.flatMap(([row, start, end]): Edge[] => [
    { from: [start, row], to: [start, row + 1], outside: [-1, 0] },
    { from: [end, row], to: [end, row + 1], outside: [1, 0] },
    ...uncovered(start, end, byRow.get(row - 1)).map(([a, b]): Edge => ({
      from: [a, row],
      to: [b, row],
      outside: [0, -1],
    })),
    ...uncovered(start, end, byRow.get(row + 1)).map(([a, b]): Edge => ({
      from: [a, row + 1],
      to: [b, row + 1],
      outside: [0, 1],
    })),
  ]);
}

/** Parts of [start, end] that no run of a neighbouring row covers; runs are ascending and apart. */
function uncovered(start: number, end: number, runs: readonly (readonly [number, number])[] = []): [number, number][] {
  const parts: [number, number][] = [];
  let at = start;
  for (const [from, to] of runs) {
    if (to <= at) continue;
    if (from >= end) break;
    if (from > at) parts.push([at, from]);
    at = to;
  }
  if (at < end) parts.push([at, end]);
  return parts;
}
