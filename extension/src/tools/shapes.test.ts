import type { HostViewport, Point2, Point3 } from '../host/types/cornerstone.js';
import { boxShape, distanceToOutline, lassoShape, pointShape, scribbleShape } from './shapes.js';

/** A canvas turned by 30 degrees over the plane z = 5, two pixels per millimetre. */
const [cos, sin] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
const viewport = {
  worldToCanvas: ([x, y]: Point3): Point2 => [2 * (cos * x - sin * y), 2 * (sin * x + cos * y)],
  canvasToWorld: ([u, v]: Point2): Point3 => [(cos * u + sin * v) / 2, (-sin * u + cos * v) / 2, 5],
} as HostViewport;
const canvas = (points: readonly Point3[]) => points.map((point) => viewport.worldToCanvas(point).map(Math.round));
const at = (u: number, v: number) => viewport.canvasToWorld([u, v]);
const none: Point3 = [0, 0, 0];

test('a box has its sides along the canvas, however the image is turned', () => {
  const points = boxShape.extend(boxShape.begin(at(10, 20)), at(50, 40), viewport);
  expect(canvas(points)).toEqual([[10, 20], [50, 20], [10, 40], [50, 40]]); // prettier-ignore
  expect(
    canvas(boxShape.outline(points.map((point) => viewport.worldToCanvas(point))).map(([x, y]) => at(x, y))),
  ).toEqual(
    [[10, 20], [50, 20], [50, 40], [10, 40]], // prettier-ignore
  );
});

test.each([0, 1, 2, 3])('corner %i follows the pointer and the opposite one stays', (corner) => {
  const points = boxShape.extend(boxShape.begin(at(10, 20)), at(50, 40), viewport);
  const moved = boxShape.drag(points, corner, at(30, 33), none, viewport);
  expect(canvas([moved[corner], moved[3 - corner]])).toEqual([[30, 33], canvas([points[3 - corner]])[0]]);
  const corners = canvas(moved);
  expect(new Set(corners.map(([u]) => u)).size).toBe(2);
  expect(new Set(corners.map(([, v]) => v)).size).toBe(2);
});

test('a click draws no box and no path, but a point', () => {
  expect(boxShape.isComplete(boxShape.begin(at(1, 1)), viewport)).toBe(false);
  expect(scribbleShape.isComplete(scribbleShape.begin(at(1, 1)), viewport)).toBe(false);
  expect(pointShape.isComplete(pointShape.begin(at(1, 1)), viewport)).toBe(true);
  expect(lassoShape.isComplete([at(0, 0), at(9, 0)], viewport)).toBe(false);
});

test('a path takes points where the pointer has moved enough', () => {
  let points = scribbleShape.begin(at(0, 0));
  for (const u of [1, 1.5, 3, 3.5, 8]) points = scribbleShape.extend(points, at(u, 0), viewport);
  expect(canvas(points)).toEqual([[0, 0], [3, 0], [8, 0]]); // prettier-ignore
});

test('whole drawings are moved by the pointer’s way; of several points one alone', () => {
  const points: Point3[] = [[1, 2, 3], [4, 5, 6]]; // prettier-ignore
  expect(scribbleShape.drag(points, undefined, none, [1, 1, 0], viewport)).toEqual([[2, 3, 3], [5, 6, 6]]); // prettier-ignore
  expect(pointShape.drag(points, 1, [9, 9, 9], none, viewport)).toEqual([[1, 2, 3], [9, 9, 9]]); // prettier-ignore
});

test('nearness is to the outline, not to its inside', () => {
  const square: Point2[] = [[0, 0], [10, 0], [10, 10], [0, 10]]; // prettier-ignore
  expect(distanceToOutline(square, [5, 5], true)).toBe(5);
  expect(distanceToOutline(square, [0, 5], true)).toBe(0);
  expect(distanceToOutline(square, [0, 5], false)).toBe(5);
  expect(distanceToOutline([[3, 4]], [0, 0], false)).toBe(5);
});
