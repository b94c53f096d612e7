import type { Box, ImageSource } from '../../engine/types.js';
import { boundsOf } from '../../engine/view.js';
import { sliceOf, type Structure } from './structures.js';

/** A part of a slice with truth and prediction, to look at. */
export interface Crop {
  readonly slice: number;
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  readonly channels: 1 | 3;
  readonly image: Uint8Array;
  readonly truth: Uint8Array;
  readonly prediction: Uint8Array;
  /** the prompt in crop pixels, on the prompted slice */
  readonly box?: Box;
}

/** Pixels shown around the box and both masks, as a share of the longer side, and at least. */
const surround = 0.6;
const leastSurround = 12;

/** The surroundings of a structure's box and of both masks on a slice. */
export function cropAround(source: ImageSource, structure: Structure, prediction: Uint8Array, slice: number): Crop {
  const { rows, columns, channels } = source;
  const truth = sliceOf(structure.truth, slice, source);
  const found = sliceOf(prediction, slice, source);
  const parts = [structure.box, boundsOf(truth, columns), boundsOf(found, columns)].filter((box) => box !== undefined);
  const low = (axis: 0 | 1): number => Math.min(...parts.map((box) => box[axis]));
  const high = (axis: 2 | 3): number => Math.max(...parts.map((box) => box[axis]));
  const extent = Math.max(high(2) - low(0), high(3) - low(1)) + 1;
  const margin = Math.max(leastSurround, Math.round(surround * extent));
  const x0 = Math.max(0, low(0) - margin);
  const y0 = Math.max(0, low(1) - margin);
  const width = Math.min(columns, high(2) + margin + 1) - x0;
  const height = Math.min(rows, high(3) + margin + 1) - y0;
  const cut = (pixels: Uint8Array, perPixel: number): Uint8Array => {
    const out = new Uint8Array(width * height * perPixel);
    for (let y = 0; y < height; y++) {
      const from = ((y0 + y) * columns + x0) * perPixel;
      out.set(pixels.subarray(from, from + width * perPixel), y * width * perPixel);
    }
    return out;
  };
  const [bx0, by0, bx1, by1] = structure.box;
  return {
    slice,
    slices: source.slices,
    rows: height,
    columns: width,
    channels,
    image: cut(source.image(slice), channels),
    truth: cut(truth, 1),
    prediction: cut(found, 1),
    ...(slice === structure.key ? { box: [bx0 - x0, by0 - y0, bx1 - x0, by1 - y0] as const } : {}),
  };
}
