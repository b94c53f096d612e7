import { UserError } from '@medsam2/models';
import type { Drawing, PixelDrawing } from '@medsam2/protocol';
import { decodeRuns, fromBase64, ProtocolError } from '@medsam2/protocol/stream';
import { bresenham } from '../engine/recist.js';
import type { Box, Point, Prompt } from '../engine/types.js';
import type { SessionGrid } from './grid.js';
import { boundsOfPoints, innerPoints, pathLength, samplePath, type PixelPoint } from './outline.js';
import type { OrthogonalPlane } from './state.js';
import { placeWorldDrawing } from './world.js';

/** A drawing on one plane of the volume, in pixels of that plane. */
export interface PlacedDrawing {
  readonly drawing: FlatDrawing;
  readonly slice: number;
  readonly plane?: OrthogonalPlane;
}

/** A drawing without its place. */
export type FlatDrawing = PixelDrawing extends infer Kind
  ? Kind extends PixelDrawing
    ? Omit<Kind, 'place'>
    : never
  : never;

/** Size of the image that a drawing lies on. */
export interface PlaneSize {
  readonly rows: number;
  readonly columns: number;
}

/** One point of a scribble for so many pixels of its length ... */
const scribbleStep = 12;
/** ... and at most so many: the model was made for few points. */
const mostScribblePoints = 10;
/** Points that a lasso of what does not belong to the object becomes. */
const lassoPoints = 5;

/**
 * The slice (or the plane across the stack) that a drawing lies on.
 * @throws UserError `image-not-found`, `plane-oblique`
 */
export function placeDrawing(drawing: Drawing, grid: SessionGrid): PlacedDrawing {
  switch (drawing.kind) {
    case 'world-box':
    case 'world-points':
    case 'world-scribble':
    case 'world-lasso':
      return placeWorldDrawing(drawing, grid);
    case 'box':
    case 'points':
    case 'scribble':
    case 'lasso':
    case 'mask':
    case 'recist': {
      const { place, ...flat } = drawing;
      return { drawing: flat, slice: grid.sliceAt(place) };
    }
  }
}

/** The size of the images of a plane: across the stack, rows are the slices. */
export function planeSize(grid: SessionGrid, plane: OrthogonalPlane | undefined): PlaneSize {
  const { rows, columns, slices } = grid.geometry;
  if (plane === undefined) return { rows, columns };
  return { rows: slices, columns: plane === 'column' ? rows : columns };
}

/**
 * What the model is asked for a drawing. A scribble is points along it; a lasso around the object is its box and the
 * point deepest inside, a lasso around something else is points inside of it; a RECIST line is the square box of the
 * reference. Boxes are cut to the image.
 *
 * @throws UserError `box-outside`, `mask-invalid`, `line-outside`
 */
export function enginePrompt({ drawing, slice }: PlacedDrawing, size: PlaneSize): Prompt {
  switch (drawing.kind) {
    case 'box':
      return { kind: 'box', slice, box: clipBox(drawing.box, size) };
    case 'points':
      return { kind: 'points', slice, points: drawing.points };
    case 'scribble': {
      const count = Math.min(mostScribblePoints, 1 + Math.ceil(pathLength(drawing.path) / scribbleStep));
      return { kind: 'points', slice, points: samplePath(drawing.path, count).map(pointOf(drawing.label, size)) };
    }
    case 'lasso':
      return lassoPrompt(drawing.path, drawing.label, slice, size);
    case 'mask':
      return { kind: 'mask', slice, mask: decodeMask(drawing.mask, size) };
    case 'recist':
      return { kind: 'recist', slice, pixels: linePixels(drawing.line, size), mode: 'box' };
  }
}

function lassoPrompt(path: readonly PixelPoint[], label: 0 | 1, slice: number, size: PlaneSize): Prompt {
  const inside = innerPoints(path, label === 1 ? 1 : lassoPoints, size).map(pointOf(label, size));
  if (label === 1) return { kind: 'box', slice, box: clipBox(boundsOfPoints(path), size), points: inside };
  // Too thin to hold the centre of a pixel: what was drawn over is meant.
  const points = inside.length > 0 ? inside : samplePath(path, 3).map(pointOf(label, size));
  return { kind: 'points', slice, points };
}

/** Drawings may leave the image by a little; what they mean lies on it. */
function pointOf(label: 0 | 1, { rows, columns }: PlaneSize): (at: PixelPoint) => Point {
  return ([x, y]) => ({
    x: Math.min(Math.max(x, 0), columns - 1),
    y: Math.min(Math.max(y, 0), rows - 1),
    label,
  });
}

function clipBox([ax, ay, bx, by]: readonly [number, number, number, number], { rows, columns }: PlaneSize): Box {
  const [x0, x1] = [Math.min(ax, bx), Math.max(ax, bx)];
  const [y0, y1] = [Math.min(ay, by), Math.max(ay, by)];
  if (x1 < 0 || y1 < 0 || x0 > columns - 1 || y0 > rows - 1) {
    throw new UserError(
      'box-outside',
      `The box ${[x0, y0, x1, y1].map((value) => Number(value.toFixed(1))).join(',')} lies outside the image of ${columns} x ${rows} pixels.`,
      'Draw it on the image.',
    );
  }
  return [Math.max(x0, 0), Math.max(y0, 0), Math.min(x1, columns - 1), Math.min(y1, rows - 1)];
}

function linePixels(
  [x0, y0, x1, y1]: readonly [number, number, number, number],
  { rows, columns }: PlaneSize,
): { x: number; y: number }[] {
  const pixel = (x: number, y: number) => ({ x: Math.round(x), y: Math.round(y) });
  const inside = bresenham(pixel(x0, y0), pixel(x1, y1)).filter(
    ({ x, y }) => x >= 0 && y >= 0 && x < columns && y < rows,
  );
  if (inside.length > 0) return inside;
  throw new UserError(
    'line-outside',
    `The line lies outside the image of ${columns} x ${rows} pixels.`,
    'Draw it on the image.',
  );
}

/**
 * @returns [row][column], 0 or 1
 * @throws UserError `mask-invalid`
 */
export function decodeMask(
  { rows, columns, runs }: { readonly rows: number; readonly columns: number; readonly runs: string | Uint8Array },
  size: PlaneSize,
): Uint8Array {
  if (rows !== size.rows || columns !== size.columns) {
    throw new UserError(
      'mask-invalid',
      `The mask has ${columns} x ${rows} pixels, the image ${size.columns} x ${size.rows}.`,
      'Send the mask of a whole slice.',
    );
  }
  try {
    return decodeRuns(typeof runs === 'string' ? fromBase64(runs) : runs, rows * columns);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new UserError('mask-invalid', error.message, 'Send runs as encodeRuns makes them.', { cause: error });
  }
}
