import { UserError } from '@medsam2/models';
import { NumpyRandom } from './numpy-random.js';
import type { Box, Point, RecistMode } from './types.js';

export interface Pixel {
  readonly x: number;
  readonly y: number;
}

/** What a RECIST line becomes: a box or positive points, on the line's own slice. */
export type RecistPrompt =
  { readonly kind: 'box'; readonly box: Box } | { readonly kind: 'points'; readonly points: readonly Point[] };

/** The seed of the research scripts. */
export const RECIST_SEED = 2024;
/** How many pixels of the line `points` draws. */
export const RECIST_POINTS = 5;

export interface RecistOptions {
  /** columns and rows of the slice, for clamping */
  readonly columns: number;
  readonly rows: number;
  /** pixels added on each side of the derived box (`box` and `box-grid`) */
  readonly shift?: number;
  /**
   * Source of the `points` mode's draw. The default starts anew from the reference's seed, so that a case does not depend
   * on the cases before it; hand in one generator for a whole run to repeat a run of the reference in its own order.
   */
  readonly random?: NumpyRandom;
}

/**
 * Turns the pixels of a RECIST line into a prompt, by the rules of the research script (specification section 3.4).
 *
 * - `box`: square around the middle of the line, half a diameter to each side, plus `shift`, clamped to the slice
 * - `points` (`from_recist_n`): five pixels of the line, drawn without replacement
 * - `center` (`from_recist_center`): the middle of the line
 * - `three-points` (`from_recist_3`): middle, first and last pixel
 * - `box-grid` (`from_box`): a 3x3 grid over the box
 *
 * @param pixels the line as drawn, any order; the first and last in row-major order are its ends
 * @throws UserError `recist-line-empty`, `recist-line-outside`, `recist-line-short`
 */
export function recistPrompt(pixels: readonly Pixel[], mode: RecistMode, options: RecistOptions): RecistPrompt {
  const line = rowMajor(pixels, options);
  switch (mode) {
    case 'box':
      return { kind: 'box', box: boxOfLine(line, options) };
    case 'box-grid':
      return { kind: 'points', points: gridOfBox(boxOfLine(line, options)).map(positive) };
    case 'center':
      return { kind: 'points', points: [positive(middle(line))] };
    case 'three-points': {
      requirePixels(line, 2, mode);
      return { kind: 'points', points: [middle(line), line[0], line[line.length - 1]].map(positive) };
    }
    case 'points': {
      requirePixels(line, RECIST_POINTS, mode);
      const random = options.random ?? new NumpyRandom(RECIST_SEED);
      const drawn = random.choice(line.length, RECIST_POINTS).map((index) => positive(line[index]));
      return { kind: 'points', points: drawn };
    }
  }
}

/** The pixels of a mask slice [row][column] that equal `label`, in row-major order. */
export function linePixels(slice: ArrayLike<number>, columns: number, label: number): Pixel[] {
  const pixels: Pixel[] = [];
  for (let index = 0; index < slice.length; index++) {
    if (slice[index] === label) pixels.push({ x: index % columns, y: Math.floor(index / columns) });
  }
  return pixels;
}

/**
 * Draws the longest straight line that stays inside a mask, as a reader would measure it: for tests and benchmarks,
 * where no RECIST line was drawn by a person. Of equally long lines, the first in row-major order of its ends.
 *
 * @param mask [row][column], zero or not
 * @returns the line's pixels in row-major order and its length in pixels, or undefined for an empty mask
 */
export function simulateRecist(
  mask: ArrayLike<number>,
  rows: number,
  columns: number,
): { readonly pixels: Pixel[]; readonly diameter: number } | undefined {
  const inside = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < columns && y < rows && mask[y * columns + x] !== 0;
  const rim: Pixel[] = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (!inside(x, y)) continue;
      // An end of the longest line cannot be surrounded by mask: the line could go on.
      if (!inside(x - 1, y) || !inside(x + 1, y) || !inside(x, y - 1) || !inside(x, y + 1)) rim.push({ x, y });
    }
  }
  if (rim.length === 0) return undefined;

  let longest = { pixels: [rim[0]], squared: 0 };
  for (let first = 0; first < rim.length; first++) {
    for (let last = rim.length - 1; last > first; last--) {
      const squared = (rim[last].x - rim[first].x) ** 2 + (rim[last].y - rim[first].y) ** 2;
      if (squared <= longest.squared) continue;
      const pixels = bresenham(rim[first], rim[last]);
      if (pixels.every(({ x, y }) => inside(x, y))) longest = { pixels, squared };
    }
  }
  return { pixels: sortRowMajor(longest.pixels), diameter: Math.sqrt(longest.squared) };
}

/** Pixels of a straight line from one pixel to another, both included, 8-connected (Bresenham 1965). */
export function bresenham(from: Pixel, to: Pixel): Pixel[] {
  const dx = Math.abs(to.x - from.x);
  const dy = -Math.abs(to.y - from.y);
  const stepX = from.x < to.x ? 1 : -1;
  const stepY = from.y < to.y ? 1 : -1;
  const pixels: Pixel[] = [];
  let { x, y } = from;
  let error = dx + dy;
  for (;;) {
    pixels.push({ x, y });
    if (x === to.x && y === to.y) return pixels;
    const doubled = 2 * error;
    if (doubled >= dy) {
      error += dy;
      x += stepX;
    }
    if (doubled <= dx) {
      error += dx;
      y += stepY;
    }
  }
}

function rowMajor(pixels: readonly Pixel[], { columns, rows }: RecistOptions): readonly Pixel[] {
  if (pixels.length === 0) {
    throw new UserError(
      'recist-line-empty',
      'The RECIST line has no pixels.',
      'Draw the line on the slice it belongs to.',
    );
  }
  for (const { x, y } of pixels) {
    const whole = Number.isInteger(x) && Number.isInteger(y);
    if (!whole || x < 0 || y < 0 || x >= columns || y >= rows) {
      throw new UserError(
        'recist-line-outside',
        `RECIST pixel (${x}, ${y}) is not a pixel of a slice of ${columns} columns and ${rows} rows.`,
        'Give whole pixel coordinates inside the slice.',
      );
    }
  }
  return sortRowMajor(pixels);
}

function sortRowMajor(pixels: readonly Pixel[]): Pixel[] {
  return [...pixels].sort((a, b) => a.y - b.y || a.x - b.x);
}

function requirePixels(line: readonly Pixel[], least: number, mode: RecistMode): void {
  if (line.length >= least) return;
  throw new UserError(
    'recist-line-short',
    `The RECIST line has ${line.length} pixel(s); mode "${mode}" needs at least ${least}.`,
    'Use mode "box" or "center" for very small lesions.',
  );
}

function boxOfLine(line: readonly Pixel[], { columns, rows, shift = 0 }: RecistOptions): Box {
  const first = line[0];
  const last = line[line.length - 1];
  const centerX = Math.trunc((first.x + last.x) / 2);
  const centerY = Math.trunc((first.y + last.y) / 2);
  const diameter = Math.sqrt((first.x - last.x) ** 2 + (first.y - last.y) ** 2);
  const half = Math.trunc(diameter / 2);
  return [
    Math.max(0, centerX - half - shift),
    Math.max(0, centerY - half - shift),
    Math.min(columns - 1, centerX + half + shift),
    Math.min(rows - 1, centerY + half + shift),
  ];
}

function gridOfBox([x0, y0, x1, y1]: Box): Pixel[] {
  const xs = [x0, Math.floor((x0 + x1) / 2), x1];
  const ys = [y0, Math.floor((y0 + y1) / 2), y1];
  return ys.flatMap((y) => xs.map((x) => ({ x, y })));
}

function middle(line: readonly Pixel[]): Pixel {
  const first = line[0];
  const last = line[line.length - 1];
  return { x: (first.x + last.x) / 2, y: (first.y + last.y) / 2 };
}

function positive({ x, y }: Pixel): Point {
  return { x, y, label: 1 };
}
