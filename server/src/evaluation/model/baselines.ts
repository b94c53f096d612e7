import { connectedComponents, type GridSize } from '../../engine/components.js';
import type { Box, ImageSource } from '../../engine/types.js';
import { boundsOf } from '../../engine/view.js';
import { sliceOf, type Structure } from './structures.js';

/**
 * What needs no model, so that a model's figures mean something. Both see what the model sees: the same display
 * images and the same box on the same slice; the ellipse is told the true extent as well.
 */

/** The ellipse inscribed in the box, copied to every slice of the structure's true extent. */
export function ellipseBaseline(
  { rows, columns, slices }: ImageSource,
  { box, slices: extent }: Structure,
): Uint8Array {
  const [x0, y0, x1, y1] = box;
  const disc = new Uint8Array(rows * columns);
  const [cx, cy, rx, ry] = [(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0 + 1) / 2, (y1 - y0 + 1) / 2];
  for (let y = y0; y <= y1; y++) {
    for (let x = x0; x <= x1; x++) {
      if (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1) disc[y * columns + x] = 1;
    }
  }
  const mask = new Uint8Array(slices * disc.length);
  for (const slice of extent) mask.set(disc, slice * disc.length);
  return mask;
}

/** Margins are this share of the longer side ... */
const growthShare = 0.1;
/** ... or at least so many pixels. */
const leastGrowth = 2;

/**
 * Otsu's threshold of the box and a margin (a structure may fill its tight box), bright or dark by comparing the middle of
 * the box with the rim of the margin; the largest 8-connected piece in the box. Then slice by slice both ways: the piece at the same threshold that shares most pixels
 * with the last slice's, within that one's bounds and a margin and never beyond the box and its margin (without that it
 * spills over whole organs and is no opponent); over where nothing overlaps.
 */
export function thresholdBaseline(source: ImageSource, { box, key }: Pick<Structure, 'box' | 'key'>): Uint8Array {
  const size: GridSize = source;
  const { rows, columns, slices } = size;
  const mask = new Uint8Array(slices * rows * columns);
  const image = greyImage(source, key);
  const surroundings = grown(box, size);
  const threshold = otsuThreshold(valuesIn(image, surroundings, columns));
  const bright = middleMean(image, box, columns) >= borderMean(image, surroundings, columns);
  const inside = (value: number): boolean => value > threshold === bright;

  const first = pieceWith(image, box, size, inside, () => 1);
  if (!first) return mask;
  sliceOf(mask, key, size).set(first);
  for (const step of [1, -1]) {
    let last = first;
    for (let slice = key + step; slice >= 0 && slice < slices; slice += step) {
      const bounds = boundsOf(last, columns);
      if (!bounds) break;
      const next = pieceWith(
        greyImage(source, slice),
        overlap(grown(bounds, size), surroundings),
        size,
        inside,
        (index) => last[index],
      );
      if (!next) break;
      sliceOf(mask, slice, size).set(next);
      last = next;
    }
  }
  return mask;
}

/**
 * Otsu's threshold of bytes: values above it are one class, values up to it the other; the lowest of equally good ones.
 * For values that are all the same: that value.
 */
export function otsuThreshold(values: Uint8Array): number {
  const histogram = new Float64Array(256);
  for (const value of values) histogram[value]++;
  const total = values.reduce((sum, value) => sum + value, 0);
  let [best, threshold] = [0, Math.min(...values)];
  for (let at = 0, below = 0, sumBelow = 0; at < 255; at++) {
    below += histogram[at];
    sumBelow += at * histogram[at];
    const above = values.length - below;
    if (below === 0 || above === 0) continue;
    const between = below * above * (sumBelow / below - (total - sumBelow) / above) ** 2;
    if (between > best) [best, threshold] = [between, at];
  }
  return threshold;
}

/** The connected piece of `inside` pixels in a box with the highest sum of weights; undefined when all weigh nothing. */
function pieceWith(
  image: Uint8Array,
  [x0, y0, x1, y1]: Box,
  { rows, columns }: GridSize,
  inside: (value: number) => boolean,
  weight: (index: number) => number,
): Uint8Array | undefined {
  const width = x1 - x0 + 1;
  const at = (index: number): number => (y0 + Math.floor(index / width)) * columns + x0 + (index % width);
  const crop = { slices: 1, rows: y1 - y0 + 1, columns: width };
  const { count, runStart, runEnd, runComponent } = connectedComponents((index) => inside(image[at(index)]), crop);
  const weights = new Float64Array(count);
  const each = (visit: (component: number, index: number) => void): void =>
    runStart.forEach((start, run) => {
      for (let index = start; index < runEnd[run]; index++) visit(runComponent[run], at(index));
    });
  each((component, index) => (weights[component] += weight(index)));
  const heaviest = weights.indexOf(Math.max(...weights));
  if (!(weights[heaviest] > 0)) return undefined;
  const piece = new Uint8Array(rows * columns);
  each((component, index) => {
    if (component === heaviest) piece[index] = 1;
  });
  return piece;
}

function grown([x0, y0, x1, y1]: Box, { rows, columns }: GridSize): Box {
  const margin = Math.max(leastGrowth, Math.round(growthShare * Math.max(x1 - x0 + 1, y1 - y0 + 1)));
  return [
    Math.max(0, x0 - margin),
    Math.max(0, y0 - margin),
    Math.min(columns - 1, x1 + margin),
    Math.min(rows - 1, y1 + margin),
  ];
}

const overlap = (a: Box, b: Box): Box => [
  Math.max(a[0], b[0]),
  Math.max(a[1], b[1]),
  Math.min(a[2], b[2]),
  Math.min(a[3], b[3]),
];

function valuesIn(image: Uint8Array, [x0, y0, x1, y1]: Box, columns: number): Uint8Array {
  const values = new Uint8Array((x1 - x0 + 1) * (y1 - y0 + 1));
  for (let y = y0, at = 0; y <= y1; y++) for (let x = x0; x <= x1; x++) values[at++] = image[y * columns + x];
  return values;
}

/** Mean of the central half of the box along both axes. */
function middleMean(image: Uint8Array, [x0, y0, x1, y1]: Box, columns: number): number {
  const [dx, dy] = [Math.floor((x1 - x0 + 1) / 4), Math.floor((y1 - y0 + 1) / 4)];
  return mean(valuesIn(image, [x0 + dx, y0 + dy, x1 - dx, y1 - dy], columns));
}

/** Mean of the outermost pixels of the box. */
function borderMean(image: Uint8Array, [x0, y0, x1, y1]: Box, columns: number): number {
  const values: number[] = [];
  for (let y = y0; y <= y1; y++) {
    for (let x = x0; x <= x1; x++) {
      if (x === x0 || x === x1 || y === y0 || y === y1) values.push(image[y * columns + x]);
    }
  }
  return mean(values);
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at];
  return sum / values.length;
}

/** Display intensities of a slice; colours as their luma (ITU-R BT.601). */
function greyImage(source: ImageSource, slice: number): Uint8Array {
  const image = source.image(slice);
  if (source.channels === 1) return image;
  return Uint8Array.from({ length: source.rows * source.columns }, (_, at) =>
    Math.round(0.299 * image[3 * at] + 0.587 * image[3 * at + 1] + 0.114 * image[3 * at + 2]),
  );
}
