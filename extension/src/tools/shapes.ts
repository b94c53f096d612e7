/** What the drawing tools differ in: how points follow the pointer, and how they are drawn. Points are world, LPS mm. */
import type { HostViewport, Point2, Point3 } from '../host/types/cornerstone.js';
import { add, type Vector } from '../host/vector.js';

export interface PromptShape {
  begin(at: Point3): Point3[];
  /** a new drawing follows the pointer */
  extend(points: readonly Point3[], at: Point3, viewport: HostViewport): Point3[];
  /** @param handle index of the point that is dragged; undefined: the whole drawing moved by `delta` */
  drag(
    points: readonly Point3[],
    handle: number | undefined,
    at: Point3,
    delta: Vector,
    viewport: HostViewport,
  ): Point3[];
  /** false: too small to mean anything */
  isComplete(points: readonly Point3[], viewport: HostViewport): boolean;
  /** on the canvas, to draw and to be near to */
  outline(points: readonly Point2[]): Point2[];
  readonly isClosed: boolean;
  /** points can be dragged one by one */
  readonly hasHandles: boolean;
}

const shift = (points: readonly Point3[], delta: Vector): Point3[] => points.map((point) => add(point, delta));

/** Least extent of a box, and least step of a path, in pixels of the screen. */
const leastBox = 3;
const leastStep = 2;

/** Corners 0 and 3 are opposite, 1 shares the canvas row of 0, 2 that of 3. */
function corners(start: Point3, end: Point3, viewport: HostViewport): Point3[] {
  const [x0, y0] = viewport.worldToCanvas(start);
  const [x1, y1] = viewport.worldToCanvas(end);
  return [start, viewport.canvasToWorld([x1, y0]), viewport.canvasToWorld([x0, y1]), end];
}

export const boxShape: PromptShape = {
  begin: (at) => [[...at], [...at], [...at], [...at]],
  extend: (points, at, viewport) => corners(points[0], [...at], viewport),
  drag(points, handle, at, delta, viewport) {
    if (handle === undefined) return shift(points, delta);
    const moved = corners(points[3 - handle], [...at], viewport);
    // The dragged corner keeps its number, so that it stays under the pointer.
    const order =
      handle === 3 ? [0, 1, 2, 3] : handle === 0 ? [3, 2, 1, 0] : handle === 1 ? [2, 3, 0, 1] : [1, 0, 3, 2];
    return order.map((index) => moved[index]);
  },
  isComplete(points, viewport) {
    const [x0, y0] = viewport.worldToCanvas(points[0]);
    const [x1, y1] = viewport.worldToCanvas(points[3]);
    return Math.abs(x1 - x0) >= leastBox && Math.abs(y1 - y0) >= leastBox;
  },
  outline: ([a, b, c, d]) => [a, b, d, c],
  isClosed: true,
  hasHandles: true,
};

export const pointShape: PromptShape = {
  begin: (at) => [[...at]],
  extend: (_points, at) => [[...at]],
  drag: (points, handle, at, delta) =>
    handle === undefined ? shift(points, delta) : points.map((point, index) => (index === handle ? [...at] : point)),
  isComplete: () => true,
  outline: (points) => [...points],
  isClosed: false,
  hasHandles: true,
};

const pathShape = (isClosed: boolean, leastPoints: number): PromptShape => ({
  begin: (at) => [[...at]],
  extend(points, at, viewport) {
    const [x0, y0] = viewport.worldToCanvas(points[points.length - 1]);
    const [x1, y1] = viewport.worldToCanvas(at);
    return Math.hypot(x1 - x0, y1 - y0) < leastStep ? [...points] : [...points, [...at]];
  },
  drag: (points, _handle, _at, delta) => shift(points, delta),
  isComplete: (points) => points.length >= leastPoints,
  outline: (points) => [...points],
  isClosed,
  hasHandles: false,
});

export const scribbleShape = pathShape(false, 2);
export const lassoShape = pathShape(true, 3);

/** Pixels of the screen from a point to an outline. */
export function distanceToOutline(outline: readonly Point2[], [x, y]: Point2, isClosed: boolean): number {
  if (outline.length === 1) return Math.hypot(outline[0][0] - x, outline[0][1] - y);
  let least = Infinity;
  const ends = isClosed ? [...outline.slice(1), outline[0]] : outline.slice(1);
  ends.forEach(([bx, by], index) => {
    const [ax, ay] = outline[index];
    const length = (bx - ax) ** 2 + (by - ay) ** 2;
    const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length));
    least = Math.min(least, Math.hypot(ax + along * (bx - ax) - x, ay + along * (by - ay) - y));
  });
  return least;
}
