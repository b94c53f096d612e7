import { resizeAntialiased } from './resize.js';
import { boundsOf, type View } from './view.js';

/** Grey levels of one slice, [row][column]. */
export interface GreySlice {
  readonly rows: number;
  readonly columns: number;
  readonly pixels: Uint8Array;
}

/** The surroundings of an object: pixels at most this far from it, along rows and columns. */
const ringWidth = 3;
/** Standard deviation, in grey levels, of the blur of the histograms: a few dozen pixels fill 256 bins badly. */
const blur = 6;
/** Share added to every bin, so that levels that were never seen decide little. */
const floor = 2e-3;
/** Bound on what one pixel can say, as a natural logarithm. */
const bound = 2;

/**
 * What an object looks like on its prompted slices, against what surrounds it there: grey levels only. Tells whether a
 * mask on another slice still shows the same, and which pixels are likelier inside than outside.
 */
export class Appearance {
  private readonly inside = new Float64Array(256);
  private readonly around = new Float64Array(256);
  private table: Float64Array | undefined;

  /**
   * Add an example; those of several slices count the same.
   * @param mask [row][column] 0 or 1; an empty one teaches nothing
   */
  learn(slice: GreySlice, mask: Uint8Array): void {
    const surroundings = ringAround(mask, slice);
    add(this.inside, shares(slice.pixels, mask));
    add(this.around, shares(slice.pixels, surroundings));
    this.table = undefined;
  }

  /** Per grey level: log of how much likelier it is inside than around, -2 to 2; 0 where nothing is known. */
  get evidence(): Float64Array {
    if (this.table !== undefined) return this.table;
    const [inside, around] = [blurred(this.inside), blurred(this.around)];
    const ratio = (level: number) => Math.log((inside[level] + floor) / (around[level] + floor));
    this.table = Float64Array.from({ length: 256 }, (_, level) => Math.min(Math.max(ratio(level), -bound), bound));
    return this.table;
  }

  /**
   * Mean evidence over a mask: below 0 it looks more like the surroundings than like the object.
   * @param inView the mask on the pixels of the view, [height][width]
   * @returns undefined for a mask without pixels in the slice
   */
  likeness(slice: GreySlice, view: View, inView: (index: number) => boolean): number | undefined {
    let [sum, count] = [0, 0];
    this.visit(slice, view, (index, evidence) => {
      if (evidence === undefined || !inView(index)) return;
      sum += evidence;
      count++;
    });
    return count === 0 ? undefined : sum / count;
  }

  /** Evidence over a view, resampled to [side][side]; outside the image nothing can belong to the object. */
  map(slice: GreySlice, view: View, side: number): Float32Array {
    const whole = new Float32Array(view.width * view.height);
    this.visit(slice, view, (index, evidence) => (whole[index] = evidence ?? -bound));
    return resizeAntialiased(whole, view.height, view.width, side, side);
  }

  private visit(
    { rows, columns, pixels }: GreySlice,
    view: View,
    each: (index: number, evidence: number | undefined) => void,
  ): void {
    const { evidence } = this;
    for (let index = 0, y = view.top; y < view.top + view.height; y++) {
      for (let x = view.left; x < view.left + view.width; x++, index++) {
        const isInside = x >= 0 && y >= 0 && x < columns && y < rows;
        each(index, isInside ? evidence[pixels[y * columns + x]] : undefined);
      }
    }
  }
}

/** Grey levels of a display image [row][column][channel]: the mean of its channels. */
export function greyOf(image: Uint8Array, channels: 1 | 3): Uint8Array {
  if (channels === 1) return image;
  return Uint8Array.from({ length: image.length / 3 }, (_, at) =>
    Math.round((image[3 * at] + image[3 * at + 1] + image[3 * at + 2]) / 3),
  );
}

/** Pixels near a mask but not in it. */
function ringAround(mask: Uint8Array, { rows, columns }: GreySlice): Uint8Array {
  const ring = new Uint8Array(mask.length);
  const bounds = boundsOf(mask, columns);
  if (bounds === undefined) return ring;
  const [x0, y0, x1, y1] = bounds;
  for (let y = y0; y <= y1; y++) {
    for (let x = x0; x <= x1; x++) {
      if (mask[y * columns + x] === 0) continue;
      const last = Math.min(columns - 1, x + ringWidth);
      for (let j = Math.max(0, y - ringWidth); j <= Math.min(rows - 1, y + ringWidth); j++) {
        ring.fill(1, j * columns + Math.max(0, x - ringWidth), j * columns + last + 1);
      }
    }
  }
  for (let at = 0; at < mask.length; at++) if (mask[at] !== 0) ring[at] = 0;
  return ring;
}

/** Histogram of the pixels of a mask, adding up to 1, or to 0 for none. */
function shares(pixels: Uint8Array, mask: Uint8Array): Float64Array {
  const counts = new Float64Array(256);
  let total = 0;
  for (let at = 0; at < mask.length; at++) {
    if (mask[at] === 0) continue;
    counts[pixels[at]]++;
    total++;
  }
  return counts.map((count) => count / Math.max(total, 1));
}

function add(sum: Float64Array, more: Float64Array): void {
  for (let at = 0; at < sum.length; at++) sum[at] += more[at];
}

/** Gaussian blur over the grey levels, adding up to 1; all 0 stays. */
function blurred(histogram: Float64Array): Float64Array {
  const reach = 3 * blur;
  const out = new Float64Array(histogram.length);
  histogram.forEach((share, at) => {
    if (share === 0) return;
    for (let to = Math.max(0, at - reach); to <= Math.min(histogram.length - 1, at + reach); to++) {
      out[to] += share * Math.exp(-((to - at) ** 2) / (2 * blur * blur));
    }
  });
  const total = out.reduce((sum, value) => sum + value, 0);
  return total === 0 ? out : out.map((value) => value / total);
}
