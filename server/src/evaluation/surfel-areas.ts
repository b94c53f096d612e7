/**
 * Area of the surface inside a 2x2x2 neighbourhood of voxels, for each of its 256 patterns.
 *
 * Marching cubes in its first published form (Lorensen & Cline 1987): a pattern with more than four voxels inside is
 * treated as its complement; where a face of the cube has two voxels inside on a diagonal, the surface parts them. Each
 * closed polygon of edge midpoints is cut into triangles so that their area on a unit cube is largest, which is what
 * the table of the surface-distance package, used by the challenges, holds (checked for all 256 patterns in the tests).
 */

type Vector = readonly [number, number, number];

/** Corner of the cube as (slice, row, column) offsets; corner `n` has bit `7 - n` of the pattern code. */
const CORNERS: readonly Vector[] = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [n >> 2, (n >> 1) & 1, n & 1]);

/** The bit of a corner at (slice, row, column) offsets in a pattern code: 128 for (0,0,0), 1 for (1,1,1). */
export const cornerBit = (slice: number, row: number, column: number): number => 128 >> (slice * 4 + row * 2 + column);

let patternTriangles: readonly (readonly Vector[])[] | undefined;

/**
 * Surface area (mm2) per pattern code, for a voxel spacing in mm along (slice, row, column).
 *
 * @returns 256 areas; patterns 0 and 255 have no surface
 */
export function surfelAreas(spacing: readonly [slice: number, row: number, column: number]): Float64Array {
  patternTriangles ??= Array.from({ length: 256 }, (_, code) => trianglesOfPattern(code));
  // Stretching the axes turns a triangle's area vector (n0, n1, n2) into (n0 s1 s2, n1 s0 s2, n2 s0 s1).
  const [s0, s1, s2] = spacing;
  return Float64Array.from(patternTriangles, (triangles) =>
    triangles.reduce((sum, [n0, n1, n2]) => sum + Math.hypot(n0 * s1 * s2, n1 * s0 * s2, n2 * s0 * s1), 0),
  );
}

/** Area vectors (normal times area, on a unit cube) of the triangles of a pattern. */
function trianglesOfPattern(code: number): Vector[] {
  const inside = (n: number): boolean => (code & (128 >> n)) !== 0;
  const count = CORNERS.filter((_, n) => inside(n)).length;
  return polygonsOfPattern(count > 4 ? (n) => !inside(n) : inside).flatMap(largestTriangulation);
}

/** Closed polygons of edge midpoints that part the inside corners from the others. */
function polygonsOfPattern(inside: (corner: number) => boolean): Vector[][] {
  const neighbours = new Map<string, Vector[]>();
  for (let axis = 0; axis < 3; axis++) {
    for (const side of [0, 1]) {
      for (const [from, to] of segmentsOnFace(faceCorners(axis, side), inside)) {
        neighbours.set(String(from), [...(neighbours.get(String(from)) ?? []), to]);
        neighbours.set(String(to), [...(neighbours.get(String(to)) ?? []), from]);
      }
    }
  }
  // Every midpoint lies on two faces and so has two neighbours: walking on from one closes a polygon.
  const polygons: Vector[][] = [];
  const visited = new Set<string>();
  for (const start of neighbours.keys()) {
    const polygon: Vector[] = [];
    let at: string | undefined = start;
    while (at !== undefined && !visited.has(at)) {
      visited.add(at);
      polygon.push(at.split(',').map(Number) as unknown as Vector);
      at = neighbours
        .get(at)
        ?.map(String)
        .find((next) => !visited.has(next));
    }
    if (polygon.length > 0) polygons.push(polygon);
  }
  return polygons;
}

/** The four corners of one face of the cube, in order around it. */
function faceCorners(axis: number, side: number): number[] {
  const around = [[0, 0], [1, 0], [1, 1], [0, 1]]; // prettier-ignore
  return around.map(([u, v]) => {
    const offsets = [u, v];
    offsets.splice(axis, 0, side);
    return offsets[0] * 4 + offsets[1] * 2 + offsets[2];
  });
}

/** The surface's cuts through one face: pairs of edge midpoints. */
function segmentsOnFace(corners: readonly number[], inside: (corner: number) => boolean): [Vector, Vector][] {
  const midpoint = (edge: number): Vector => {
    const [a, b] = [CORNERS[corners[edge % 4]], CORNERS[corners[(edge + 1) % 4]]];
    return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2];
  };
  const crossed = [0, 1, 2, 3].filter((edge) => inside(corners[edge]) !== inside(corners[(edge + 1) % 4]));
  if (crossed.length === 2) return [[midpoint(crossed[0]), midpoint(crossed[1])]];
  if (crossed.length === 0) return [];
  // Two inside corners on a diagonal: each is cut off on its own.
  return [0, 1, 2, 3].filter((n) => inside(corners[n])).map((n) => [midpoint(n + 3), midpoint(n)]);
}

/** Area vectors of the triangulation of a polygon that has the largest total area. */
function largestTriangulation(polygon: readonly Vector[]): Vector[] {
  let best: { area: number; vectors: Vector[] } = { area: -1, vectors: [] };
  for (const triangles of triangulations(0, polygon.length - 1)) {
    const vectors = triangles.map(([a, b, c]) => areaVector(polygon[a], polygon[b], polygon[c]));
    const area = vectors.reduce((sum, vector) => sum + Math.hypot(...vector), 0);
    if (area > best.area + 1e-12) best = { area, vectors };
  }
  return best.vectors;
}

/** All ways to cut the part of a polygon between vertices `first` and `last` into triangles (at most 14 for six). */
function triangulations(first: number, last: number): Vector[][] {
  if (last - first < 2) return [[]];
  const ways: Vector[][] = [];
  for (let apex = first + 1; apex < last; apex++) {
    for (const left of triangulations(first, apex)) {
      for (const right of triangulations(apex, last)) ways.push([...left, ...right, [first, apex, last]]);
    }
  }
  return ways;
}

function areaVector(a: Vector, b: Vector, c: Vector): Vector {
  const u = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
  const v = [c[0] - a[0], c[1] - a[1], c[2] - a[2]];
  return [(u[1] * v[2] - u[2] * v[1]) / 2, (u[2] * v[0] - u[0] * v[2]) / 2, (u[0] * v[1] - u[1] * v[0]) / 2];
}
