import { resizeBicubic, resizeBilinear } from './resize.js';
import type { Box, ImageSource } from './types.js';

/**
 * The rectangle of a slice that is resampled to the model's input, in whole pixels: columns `left` to `left + width - 1`,
 * rows `top` to `top + height - 1`. It may reach outside the image, where the model sees 0.
 */
export interface View {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** `full`: the whole slice, as MedSAM2 sees it; `roi`: a square around the object that follows it (docs/engine.md). */
export type ViewMode = 'full' | 'roi';

/** A region is this many times as wide as the object's larger extent ... */
const roiScale = 2;
/** ... and at least this many pixels, so that tiny objects keep their surroundings. */
const smallestRoi = 24;
/** Sides change by at most this factor from slice to slice: one bad mask must not throw the view away. */
const largestStep = 1.25;
/** A mask that reaches the border was cut off: the view grows by this factor, and the slice is done again ... */
const growth = 1.5;
/** ... at most so often. */
const mostAttempts = 2;

export function fullView({ rows, columns }: Pick<ImageSource, 'rows' | 'columns'>): View {
  return { left: 0, top: 0, width: columns, height: rows };
}

export function sameView(a: View, b: View): boolean {
  return a.left === b.left && a.top === b.top && a.width === b.width && a.height === b.height;
}

/** The square around the middle of a box (x0, y0, x1, y1 in pixels) with a given side. */
function squareAround([x0, y0, x1, y1]: Box, side: number): View {
  const left = Math.round((x0 + x1) / 2 - (side - 1) / 2);
  const top = Math.round((y0 + y1) / 2 - (side - 1) / 2);
  return { left, top, width: side, height: side };
}

/** The region of interest of an object with the given bounds. */
export function roiAround(bounds: Box): View {
  const extent = Math.max(bounds[2] - bounds[0], bounds[3] - bounds[1]) + 1;
  return squareAround(bounds, Math.max(smallestRoi, Math.round(roiScale * extent)));
}

/** Bounds of a mask [rows][columns] in pixels, or undefined when it is empty. */
export function boundsOf(mask: Uint8Array, columns: number): Box | undefined {
  let x0 = Infinity;
  let y0 = Infinity;
  let x1 = -1;
  let y1 = -1;
  for (let i = mask.indexOf(1); i >= 0; i = mask.indexOf(1, i + 1)) {
    const x = i % columns;
    const y = (i - x) / columns;
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  return x1 < 0 ? undefined : [x0, y0, x1, y1];
}

/** How views are chosen along a track. */
export interface ViewRule {
  /** the view of a prompted slice, from the prompt's bounds in pixels */
  forPrompt(bounds: Box): View;
  /** the view of the next slice, from the previous slice's view and mask (low-resolution logits in that view) */
  next(previous: View, logits: Float32Array): View;
  /** a larger view when the mask was cut off at the border, or undefined when the answer stands */
  enlarge(view: View, logits: Float32Array, attempt: number): View | undefined;
}

export function viewRule(mode: ViewMode, source: Pick<ImageSource, 'rows' | 'columns'>): ViewRule {
  if (mode === 'full') {
    const full = fullView(source);
    return { forPrompt: () => full, next: () => full, enlarge: () => undefined };
  }
  return {
    forPrompt: roiAround,
    next: (previous, logits) => {
      const bounds = lowBounds(logits);
      if (bounds === undefined) return previous;
      const inSource = toSource(bounds, previous, Math.sqrt(logits.length));
      const wanted = roiAround(inSource).width;
      const least = Math.max(smallestRoi, Math.round(previous.width / largestStep));
      const most = Math.max(smallestRoi, Math.round(previous.width * largestStep));
      return squareAround(inSource, Math.min(Math.max(wanted, least), most));
    },
    enlarge: (view, logits, attempt) => {
      const bounds = lowBounds(logits);
      const last = Math.sqrt(logits.length) - 1;
      const cut =
        bounds !== undefined && (bounds[0] === 0 || bounds[1] === 0 || bounds[2] === last || bounds[3] === last);
      // A region larger than the image shows nothing more.
      const largest = 2 * Math.max(source.rows, source.columns);
      if (!cut || attempt >= mostAttempts || view.width >= largest) return undefined;
      const middle: Box = [view.left, view.top, view.left + view.width - 1, view.top + view.height - 1];
      return squareAround(middle, Math.round(view.width * growth));
    },
  };
}

/** Bounds of the positive logits on the low-resolution grid. */
function lowBounds(logits: Float32Array): Box | undefined {
  return boundsOf(
    Uint8Array.from(logits, (value) => (value > 0 ? 1 : 0)),
    Math.sqrt(logits.length),
  );
}

/** Low-resolution cells -> pixels of the source, edges of cells to edges of pixels. */
function toSource([x0, y0, x1, y1]: Box, view: View, maskSize: number): Box {
  const x = (cell: number) => view.left + (cell * view.width) / maskSize;
  const y = (cell: number) => view.top + (cell * view.height) / maskSize;
  return [x(x0), y(y0), x(x1 + 1) - 1, y(y1 + 1) - 1];
}

/** The model's input image: the view of a slice [height][width][channels], resized to [size][size][channels]. */
export function viewImage(source: ImageSource, slice: number, view: View, size: number): Uint8Array {
  const { rows, columns, channels } = source;
  const image = source.image(slice);
  const cropped = crop(image, rows, columns, channels, view);
  return resizeBicubic(cropped, view.height, view.width, channels, size, size);
}

/** The part of a mask [rows][columns] in a view: [height][width], 0 outside the image. */
export function viewMask(mask: Uint8Array, rows: number, columns: number, view: View): Uint8Array {
  return crop(mask, rows, columns, 1, view);
}

function crop(image: Uint8Array, rows: number, columns: number, channels: number, view: View): Uint8Array {
  if (sameView(view, fullView({ rows, columns }))) return image;
  const out = new Uint8Array(view.width * view.height * channels);
  const first = Math.max(view.left, 0);
  const end = Math.min(view.left + view.width, columns);
  if (first >= end) return out;
  for (let y = Math.max(view.top, 0); y < Math.min(view.top + view.height, rows); y++) {
    const row = image.subarray((y * columns + first) * channels, (y * columns + end) * channels);
    out.set(row, ((y - view.top) * view.width + first - view.left) * channels);
  }
  return out;
}

/**
 * Low-resolution logits of a view at the source's resolution: plain bilinear (specification section 3.5 step 2).
 * @param outside logit of pixels that the view does not contain
 * @returns [rows][columns]
 */
export function logitsAtSource(
  logits: Float32Array,
  view: View,
  rows: number,
  columns: number,
  outside: number,
): Float32Array {
  const side = Math.sqrt(logits.length);
  if (sameView(view, fullView({ rows, columns }))) return resizeBilinear(logits, side, side, rows, columns);
  const part = resizeBilinear(logits, side, side, view.height, view.width);
  const out = new Float32Array(rows * columns).fill(outside);
  const first = Math.max(view.left, 0);
  const end = Math.min(view.left + view.width, columns);
  if (first >= end) return out;
  for (let y = Math.max(view.top, 0); y < Math.min(view.top + view.height, rows); y++) {
    const from = (y - view.top) * view.width - view.left;
    out.set(part.subarray(from + first, from + end), y * columns + first);
  }
  return out;
}

/** Low-resolution logits of a view -> mask [rows][columns] of the whole slice (specification section 3.5 step 2). */
export function maskAtSource(logits: Float32Array, view: View, rows: number, columns: number): Uint8Array {
  const full = logitsAtSource(logits, view, rows, columns, -1);
  const mask = new Uint8Array(full.length);
  for (let i = 0; i < full.length; i++) if (full[i] > 0) mask[i] = 1;
  return mask;
}

/**
 * Logits of one view on the low-resolution grid of another, bilinear; `outside` where the first view ends.
 * @returns [side][side], as the input
 */
export function logitsInView(logits: Float32Array, from: View, to: View, outside: number): Float32Array {
  if (sameView(from, to)) return logits;
  const side = Math.sqrt(logits.length);
  const out = new Float32Array(logits.length).fill(outside);
  const clamp = (value: number) => Math.min(Math.max(value, 0), side - 1);
  for (let j = 0; j < side; j++) {
    const y = ((to.top + ((j + 0.5) * to.height) / side - from.top) / from.height) * side - 0.5;
    if (y < -0.5 || y > side - 0.5) continue;
    const y0 = clamp(Math.floor(y));
    const y1 = clamp(y0 + 1);
    const fy = clamp(y) - y0;
    for (let i = 0; i < side; i++) {
      const x = ((to.left + ((i + 0.5) * to.width) / side - from.left) / from.width) * side - 0.5;
      if (x < -0.5 || x > side - 0.5) continue;
      const x0 = clamp(Math.floor(x));
      const x1 = clamp(x0 + 1);
      const fx = clamp(x) - x0;
      const top = (1 - fx) * logits[y0 * side + x0] + fx * logits[y0 * side + x1];
      const bottom = (1 - fx) * logits[y1 * side + x0] + fx * logits[y1 * side + x1];
      out[j * side + i] = (1 - fy) * top + fy * bottom;
    }
  }
  return out;
}

/** The smallest view that contains two. */
export function unionOf(a: View, b: View): View {
  if (sameView(a, b)) return a;
  const left = Math.min(a.left, b.left);
  const top = Math.min(a.top, b.top);
  return {
    left,
    top,
    width: Math.max(a.left + a.width, b.left + b.width) - left,
    height: Math.max(a.top + a.height, b.top + b.height) - top,
  };
}
