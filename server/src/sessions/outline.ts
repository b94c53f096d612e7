/** Lines and outlines drawn by hand, in pixels of one slice: x = column, y = row, centres on whole numbers. */

export type PixelPoint = readonly [x: number, y: number];

/** Points along a path at equal distances, both ends included. */
export function samplePath(path: readonly PixelPoint[], count: number): PixelPoint[] {
  const lengths = [0];
  for (let i = 1; i < path.length; i++) {
    lengths.push(lengths[i - 1] + Math.hypot(path[i][0] - path[i - 1][0], path[i][1] - path[i - 1][1]));
  }
  const total = lengths[lengths.length - 1];
  if (total === 0 || count < 2) return [path[Math.floor(path.length / 2)]];
  const sampled: PixelPoint[] = [];
  let at = 1;
  for (let step = 0; step < count; step++) {
    const wanted = (total * step) / (count - 1);
    while (at < path.length - 1 && lengths[at] < wanted) at++;
    const stretch = lengths[at] - lengths[at - 1];
    const t = stretch === 0 ? 0 : (wanted - lengths[at - 1]) / stretch;
    const [a, b] = [path[at - 1], path[at]];
    sampled.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
  }
  return sampled;
}

export function pathLength(path: readonly PixelPoint[]): number {
  let length = 0;
  for (let i = 1; i < path.length; i++) length += Math.hypot(path[i][0] - path[i - 1][0], path[i][1] - path[i - 1][1]);
  return length;
}

/** Smallest box around points: x0, y0, x1, y1. */
export function boundsOfPoints(points: readonly PixelPoint[]): [number, number, number, number] {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  }
  return box;
}

/**
 * Pixels whose centres lie inside a closed outline (even-odd rule), as [x0, x1) of each row that has any.
 * @param rows, columns size of the slice; what lies outside is left out
 */
function* insideRows(
  outline: readonly PixelPoint[],
  rows: number,
  columns: number,
): Generator<readonly [y: number, x0: number, x1: number]> {
  const [, top, , bottom] = boundsOfPoints(outline);
  for (let y = Math.max(0, Math.ceil(top)); y <= Math.min(rows - 1, Math.floor(bottom)); y++) {
    const crossings: number[] = [];
    outline.forEach(([ax, ay], index) => {
      const [bx, by] = outline[(index + 1) % outline.length];
      if (ay <= y === by <= y) return;
      crossings.push(ax + ((y - ay) / (by - ay)) * (bx - ax));
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const x0 = Math.max(0, Math.ceil(crossings[i]));
      const x1 = Math.min(columns, Math.floor(crossings[i + 1]) + 1);
      if (x1 > x0) yield [y, x0, x1];
    }
  }
}

/** Largest number of inner pixels that are looked at when points are chosen. */
const mostCandidates = 2000;

/**
 * Points well inside a closed outline: first the one farthest from the outline, then each the farthest from those before
 * it, of the half of the pixels that lie deepest.
 */
export function innerPoints(
  outline: readonly PixelPoint[],
  count: number,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): PixelPoint[] {
  let area = 0;
  for (const [, x0, x1] of insideRows(outline, rows, columns)) area += x1 - x0;
  if (area === 0) return [];
  const stride = Math.ceil(area / mostCandidates);
  const edges = samplePath([...outline, outline[0]], 256);
  const candidates: { readonly at: PixelPoint; readonly depth: number }[] = [];
  let index = 0;
  for (const [y, x0, x1] of insideRows(outline, rows, columns)) {
    for (let x = x0; x < x1; x++) {
      if (index++ % stride !== 0) continue;
      const depth = Math.min(...edges.map((edge) => Math.hypot(edge[0] - x, edge[1] - y)));
      candidates.push({ at: [x, y], depth });
    }
  }
  candidates.sort((a, b) => b.depth - a.depth);
  const deep = candidates.slice(0, Math.max(1, Math.ceil(candidates.length / 2)));
  const chosen = [deep[0].at];
  while (chosen.length < Math.min(count, deep.length)) {
    let best = deep[0].at;
    let farthest = -1;
    for (const { at } of deep) {
      const distance = Math.min(...chosen.map((point) => Math.hypot(point[0] - at[0], point[1] - at[1])));
      if (distance > farthest) [best, farthest] = [at, distance];
    }
    if (farthest < 1) break;
    chosen.push(best);
  }
  return chosen;
}
