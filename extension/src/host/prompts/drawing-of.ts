/** From what was drawn in a viewport to what the server is told, and back. */
import type { Drawing } from '@medsam2/protocol';
import type { Text } from '../../contract/text.js';
import type { PromptTool } from '../../contract/viewer.js';
import { distanceTo, nearestPlane, orientationOf, pixelOf, worldOf, type ImagePlane } from '../plane.js';
import type { Series } from '../series.js';
import type { Point2, Point3 } from '../types/cornerstone.js';

/** Points that a drawing may have; the protocol's limit. */
const mostPoints = 4096;

export interface Drawn {
  readonly tool: PromptTool;
  /** world, LPS mm */
  readonly points: readonly Point3[];
  readonly viewPlaneNormal: Point3;
  /** the image that a stack viewport showed; undefined: drawn in a volume viewport */
  readonly imageId?: string;
}

/** The drawing in pixels of an image wherever it lies on one, else in world coordinates, or why it cannot be used. */
export function drawingOf(drawn: Drawn, series: Series): Drawing | { readonly reason: Text } {
  const points = thinned(drawn.points, mostPoints);
  const index = imageOf(drawn, series);
  if (index === 'oblique') return { reason: { key: 'viewer.oblique' } };
  if (index === 'none') return { reason: { key: 'viewer.outside' } };
  if (index === 'across') return worldDrawing(drawn.tool, points);
  const plane = series.planes[index];
  const pixels = points.map((point) => pixelOf(plane, point));
  if (!touches(pixels, plane)) return { reason: { key: 'viewer.outside' } };
  return pixelDrawing(drawn.tool, pixels, series, index);
}

function imageOf(
  { imageId, viewPlaneNormal, points }: Drawn,
  { planes, spacing, indexOfId }: Series,
): number | 'across' | 'oblique' | 'none' {
  if (imageId !== undefined) return indexOfId(imageId) ?? 'none';
  const orientation = orientationOf(planes[0], viewPlaneNormal);
  if (orientation !== 'acquired') return orientation;
  const nearest = nearestPlane(planes, points[0]);
  // Beyond half a slice there is no image here; a bare rounding error is none.
  return nearest !== undefined && nearest.distance <= spacing / 2 + 1e-3 ? nearest.index : 'none';
}

/** Any part of what was drawn lies on the image: the server cuts boxes to it. */
function touches(pixels: readonly Point2[], { rows, columns }: ImagePlane): boolean {
  if (rows === 0 || columns === 0) return true;
  const xs = pixels.map(([x]) => x);
  const ys = pixels.map(([, y]) => y);
  return Math.max(...xs) >= 0 && Math.min(...xs) <= columns - 1 && Math.max(...ys) >= 0 && Math.min(...ys) <= rows - 1;
}

function pixelDrawing(tool: PromptTool, pixels: readonly Point2[], series: Series, index: number): Drawing {
  const place = { ...series.target.images[index] };
  const path = pixels.map(([x, y]): Point2 => [x, y]);
  switch (tool) {
    case 'box': {
      const xs = path.map(([x]) => x);
      const ys = path.map(([, y]) => y);
      return { kind: 'box', place, box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] };
    }
    case 'point':
    case 'pointNegative':
      return { kind: 'points', place, points: path.map(([x, y]) => ({ x, y, label: labelOf(tool) })) };
    case 'scribble':
    case 'eraser':
      return { kind: 'scribble', place, path, label: labelOf(tool) };
    case 'lasso':
      return { kind: 'lasso', place, path, label: 1 };
  }
}

function worldDrawing(tool: PromptTool, points: readonly Point3[]): Drawing {
  const path = points.map(([x, y, z]): Point3 => [x, y, z]);
  switch (tool) {
    case 'box':
      return { kind: 'world-box', corners: path };
    case 'point':
    case 'pointNegative':
      return { kind: 'world-points', points: path.map((at) => ({ at, label: labelOf(tool) })) };
    case 'scribble':
    case 'eraser':
      return { kind: 'world-scribble', path, label: labelOf(tool) };
    case 'lasso':
      return { kind: 'world-lasso', path, label: 1 };
  }
}

const labelOf = (tool: PromptTool): 0 | 1 => (tool === 'pointNegative' || tool === 'eraser' ? 0 : 1);

function thinned<T>(points: readonly T[], most: number): readonly T[] {
  if (points.length <= most) return points;
  return Array.from({ length: most }, (_, index) => points[Math.round((index * (points.length - 1)) / (most - 1))]);
}

/** A prompt as the viewport's tools hold it. */
export interface Placed {
  readonly tool: PromptTool;
  readonly points: Point3[];
  readonly labels: readonly (0 | 1)[];
  readonly viewPlaneNormal: Point3;
  /** the image it lies on; undefined: on a plane across the slices */
  readonly imageId?: string;
}

/** @returns undefined for what has no place in the viewports: masks, and images or slices that the series does not show */
export function placedOf(drawing: Drawing, series: Series): Placed | undefined {
  if ('place' in drawing) {
    // Slices of a session are the server's numbering; the viewer has images.
    if (!('sopInstanceUid' in drawing.place)) return undefined;
    const index = series.indexOf(drawing.place);
    if (index === undefined) return undefined;
    const plane = series.planes[index];
    const flat = flatOf(drawing);
    if (flat === undefined) return undefined;
    const points = flat.points.map((point) => worldOf(plane, point));
    return { ...flat, points, viewPlaneNormal: plane.normal, imageId: series.imageIds[index] };
  }
  const space = spaceOf(drawing);
  const [plane] = series.planes;
  const index = series.planes.findIndex((candidate) => space.points.every((p) => liesOn(candidate, p, series)));
  if (index >= 0) return { ...space, viewPlaneNormal: series.planes[index].normal, imageId: series.imageIds[index] };
  return { ...space, viewPlaneNormal: isFlatAlong(space.points, plane.row) ? plane.row : plane.column };
}

const liesOn = (plane: ImagePlane, point: Point3, { spacing }: Series): boolean =>
  Math.abs(distanceTo(plane, point)) <= spacing / 2;

/** Points on a plane at right angles to the direction; of one point, both directions do. */
function isFlatAlong(points: readonly Point3[], direction: Point3): boolean {
  const depths = points.map((point) => point[0] * direction[0] + point[1] * direction[1] + point[2] * direction[2]);
  return Math.max(...depths) - Math.min(...depths) < 0.5;
}

function flatOf(
  drawing: Extract<Drawing, { place: unknown }>,
): { tool: PromptTool; points: readonly Point2[]; labels: readonly (0 | 1)[] } | undefined {
  switch (drawing.kind) {
    case 'box': {
      const [x0, y0, x1, y1] = drawing.box;
      return { tool: 'box', points: [[x0, y0], [x1, y0], [x0, y1], [x1, y1]], labels: [1] }; // prettier-ignore
    }
    case 'points':
      return {
        tool: drawing.points[0].label === 1 ? 'point' : 'pointNegative',
        points: drawing.points.map(({ x, y }) => [x, y]),
        labels: drawing.points.map(({ label }) => label),
      };
    case 'scribble':
      return { tool: drawing.label === 1 ? 'scribble' : 'eraser', points: drawing.path, labels: [drawing.label] };
    case 'lasso':
      return { tool: 'lasso', points: drawing.path, labels: [drawing.label] };
    case 'recist': {
      const [x0, y0, x1, y1] = drawing.line;
      return { tool: 'scribble', points: [[x0, y0], [x1, y1]], labels: [1] }; // prettier-ignore
    }
    case 'mask':
      return undefined;
  }
}

function spaceOf(drawing: Exclude<Drawing, { place: unknown }>): {
  tool: PromptTool;
  points: Point3[];
  labels: readonly (0 | 1)[];
} {
  switch (drawing.kind) {
    case 'world-box':
      return { tool: 'box', points: drawing.corners, labels: [1] };
    case 'world-points':
      return {
        tool: drawing.points[0].label === 1 ? 'point' : 'pointNegative',
        points: drawing.points.map(({ at }) => at),
        labels: drawing.points.map(({ label }) => label),
      };
    case 'world-scribble':
      return { tool: drawing.label === 1 ? 'scribble' : 'eraser', points: drawing.path, labels: [drawing.label] };
    case 'world-lasso':
      return { tool: 'lasso', points: drawing.path, labels: [drawing.label] };
  }
}
