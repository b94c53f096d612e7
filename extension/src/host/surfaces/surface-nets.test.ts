import { encodeRuns } from '@medsam2/protocol/stream';
import { planeOf, type ImagePlane } from '../plane.js';
import { fieldOf } from './field.js';
import { surfaceOf, type SurfaceMesh } from './surface-nets.js';

const rows = 60;
const columns = 70;
const spacing = 1.5;
const plane = (z: number): ImagePlane =>
  planeOf({ rows, columns, imagePositionPatient: [-50, 20, z], rowPixelSpacing: spacing, columnPixelSpacing: spacing });

function finish<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** A ball in world coordinates on slices 2 mm apart. */
function ball(radius: number, depths: readonly number[]): { mesh: SurfaceMesh; centre: [number, number, number] } {
  const centre: [number, number, number] = [-50 + 35 * spacing, 20 + 30 * spacing, 40];
  const masks = new Map<number, Uint8Array>();
  depths.forEach((z, index) => {
    const mask = new Uint8Array(rows * columns);
    for (let at = 0; at < mask.length; at++) {
      const [x, y] = [-50 + (at % columns) * spacing, 20 + Math.floor(at / columns) * spacing];
      if (Math.hypot(x - centre[0], y - centre[1], z - centre[2]) <= radius) mask[at] = 1;
    }
    if (mask.some((value) => value === 1)) masks.set(index, encodeRuns(mask));
  });
  const field = finish(fieldOf(masks, depths.map(plane)));
  if (field === undefined) throw new Error('no field');
  return { mesh: finish(surfaceOf(field)), centre };
}

const ascending = Array.from({ length: 41 }, (_, index) => index * 2);

/** Signed volume by the divergence theorem: positive when triangles face outwards, and only then the volume. */
function volumeOf({ points, polys }: SurfaceMesh): number {
  const at = (vertex: number) => [points[3 * vertex], points[3 * vertex + 1], points[3 * vertex + 2]];
  let volume = 0;
  for (let cell = 0; cell < polys.length; cell += 4) {
    const [a, b, c] = [at(polys[cell + 1]), at(polys[cell + 2]), at(polys[cell + 3])];
    volume +=
      (a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])) /
      6;
  }
  return volume;
}

test('the surface of a ball lies on the ball and encloses its volume', () => {
  const { mesh, centre } = ball(20, ascending);
  const distances = Array.from({ length: mesh.points.length / 3 }, (_, vertex) =>
    Math.hypot(...centre.map((value, axis) => mesh.points[3 * vertex + axis] - value)),
  );
  expect(Math.min(...distances)).toBeGreaterThan(18.3);
  expect(Math.max(...distances)).toBeLessThan(21.7);
  expect(Math.abs(volumeOf(mesh)) / ((4 / 3) * Math.PI * 20 ** 3)).toBeCloseTo(1, 1);
});

test('it is closed: every edge has two triangles, in opposite directions', () => {
  const { mesh } = ball(12, ascending);
  const edges = new Map<string, number>();
  for (let cell = 0; cell < mesh.polys.length; cell += 4) {
    expect(mesh.polys[cell]).toBe(3);
    const [a, b, c] = mesh.polys.subarray(cell + 1, cell + 4);
    for (const [from, to] of [[a, b], [b, c], [c, a]]) edges.set(`${from}-${to}`, (edges.get(`${from}-${to}`) ?? 0) + 1); // prettier-ignore
  }
  expect(edges.size).toBeGreaterThan(100);
  for (const [edge, count] of edges) {
    expect([edge, count]).toEqual([edge, 1]);
    expect(edges.has(edge.split('-').reverse().join('-'))).toBe(true);
  }
});

test('the order of the viewer’s images does not matter', () => {
  const { mesh } = ball(20, ascending);
  const { mesh: turned } = ball(20, [...ascending].reverse());
  expect(Math.abs(volumeOf(turned))).toBeCloseTo(Math.abs(volumeOf(mesh)), 0);
});

test('a single slice has a surface, no mask has none', () => {
  const mask = new Uint8Array(rows * columns);
  for (let row = 10; row < 20; row++) mask.fill(1, row * columns + 10, row * columns + 20);
  const field = finish(fieldOf(new Map([[1, encodeRuns(mask)]]), ascending.map(plane)));
  if (field === undefined) throw new Error('no field');
  expect(Math.abs(volumeOf(finish(surfaceOf(field))))).toBeGreaterThan(0);
  expect(finish(fieldOf(new Map(), [plane(0)]))).toBeUndefined();
});
