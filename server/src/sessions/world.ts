import { UserError } from '@medsam2/models';
import type { WorldDrawing } from '@medsam2/protocol';
import type { PlacedDrawing } from './drawings.js';
import type { Located, SessionGrid } from './grid.js';
import { boundsOfPoints, type PixelPoint } from './outline.js';

type World = readonly [number, number, number];

/** How far the points of one drawing may leave its plane, in slices, columns or rows. */
const planeTolerance = 0.5;

/**
 * A drawing in space on the plane that it lies on: an acquired slice, or a plane of constant column or row across the
 * stack. Across the stack, x is the row (or column) of the volume and y the slice.
 *
 * @throws UserError `plane-oblique`, `image-not-found` (outside the stack)
 */
export function placeWorldDrawing(drawing: WorldDrawing, grid: SessionGrid): PlacedDrawing {
  const places = worldPoints(drawing).map((point) => locate(point, grid));
  const flat = onAcquiredSlice(places) ?? acrossStack(places);
  if (flat === undefined) {
    throw new UserError(
      'plane-oblique',
      drawing.kind === 'world-points'
        ? 'The points do not lie on one slice.'
        : 'The drawing lies neither on an acquired slice nor on a plane at right angles along its rows or columns.',
      drawing.kind === 'world-points'
        ? 'Send the points of each slice as a prompt of their own.'
        : 'Draw on an acquired slice, or in a sagittal or coronal reformat that is not turned.',
    );
  }
  const { points, slice, plane } = flat;
  return { drawing: flatDrawing(drawing, points), slice, ...(plane === undefined ? {} : { plane }) };
}

function locate(point: World, grid: SessionGrid): Located {
  const located = grid.nearest(point);
  const { depth } = located;
  if (depth < -planeTolerance - 1e-6 || depth > grid.slices - 1 + planeTolerance + 1e-6) {
    throw new UserError(
      'image-not-found',
      'The drawing reaches outside the stack of slices.',
      'Draw within the volume of the session.',
    );
  }
  return located;
}

type Flat = Pick<PlacedDrawing, 'slice' | 'plane'> & { readonly points: PixelPoint[] };

function onAcquiredSlice(places: readonly Located[]): Flat | undefined {
  const { slice } = places[0];
  const isOne =
    places.every((place) => place.slice === slice) && spread(places.map(({ depth }) => depth)) <= planeTolerance;
  return isOne ? { slice, points: places.map(({ x, y }) => [x, y]) } : undefined;
}

function acrossStack(places: readonly Located[]): Flat | undefined {
  const columns = places.map(({ x }) => x);
  const rows = places.map(({ y }) => y);
  if (spread(columns) <= planeTolerance) {
    return { plane: 'column', slice: middle(columns), points: places.map(({ y, depth }) => [y, depth]) };
  }
  if (spread(rows) <= planeTolerance) {
    return { plane: 'row', slice: middle(rows), points: places.map(({ x, depth }) => [x, depth]) };
  }
  return undefined;
}

const spread = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);
const middle = (values: readonly number[]): number =>
  Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);

function worldPoints(drawing: WorldDrawing): readonly World[] {
  switch (drawing.kind) {
    case 'world-box':
      return drawing.corners;
    case 'world-points':
      return drawing.points.map(({ at }) => at);
    case 'world-scribble':
    case 'world-lasso':
      return drawing.path;
  }
}

function flatDrawing(drawing: WorldDrawing, points: PixelPoint[]): PlacedDrawing['drawing'] {
  const path = points.map(([x, y]): [number, number] => [x, y]);
  switch (drawing.kind) {
    case 'world-box':
      return { kind: 'box', box: boundsOfPoints(points) };
    case 'world-points':
      return {
        kind: 'points',
        points: drawing.points.map(({ label }, index) => ({ x: path[index][0], y: path[index][1], label })),
      };
    case 'world-scribble':
      return { kind: 'scribble', path, label: drawing.label };
    case 'world-lasso':
      return { kind: 'lasso', path, label: drawing.label };
  }
}
