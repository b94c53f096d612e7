import type { ImageSource } from '../../engine/types.js';
import { sliceOf, type Structure } from './structures.js';

/** What makes a structure easy or hard, measured on the prompted slice of the display image (0..255). */
export interface Traits {
  /** grey levels between the structure and what lies within `ringWidth` pixels around it, without sign */
  readonly contrast: number;
  /** the same in standard deviations of the two, pooled */
  readonly contrastToNoise: number;
  /** area per half of the boundary length, pixels: the width of a band, half the side of a square */
  readonly thickness: number;
}

/** Pixels around the structure that count as its surroundings. */
const ringWidth = 3;

export function traitsOf(source: ImageSource, structure: Structure): Traits {
  const { rows, columns, channels } = source;
  const truth = sliceOf(structure.truth, structure.key, source);
  const image = source.image(structure.key);
  const grey = (at: number): number =>
    channels === 1 ? image[at] : (image[3 * at] + image[3 * at + 1] + image[3 * at + 2]) / 3;
  const isSet = (x: number, y: number): boolean =>
    x >= 0 && y >= 0 && x < columns && y < rows && truth[y * columns + x] !== 0;
  const [x0, y0, x1, y1] = structure.box;
  const inside: number[] = [];
  const around: number[] = [];
  let border = 0;
  for (let y = Math.max(0, y0 - ringWidth); y <= Math.min(rows - 1, y1 + ringWidth); y++) {
    for (let x = Math.max(0, x0 - ringWidth); x <= Math.min(columns - 1, x1 + ringWidth); x++) {
      const value = grey(y * columns + x);
      if (isSet(x, y)) {
        inside.push(value);
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) if (!isSet(x + dx, y + dy)) border++; // prettier-ignore
      } else if (isNear(x, y, isSet)) around.push(value);
    }
  }
  const [a, b] = [spread(inside), spread(around)];
  const contrast = around.length === 0 ? 0 : Math.abs(a.mean - b.mean);
  const noise = Math.sqrt((a.variance + b.variance) / 2);
  return {
    contrast,
    contrastToNoise: contrast === 0 ? 0 : contrast / Math.max(noise, 0.5),
    thickness: (2 * inside.length) / border,
  };
}

function isNear(x: number, y: number, isSet: (x: number, y: number) => boolean): boolean {
  for (let dy = -ringWidth; dy <= ringWidth; dy++) {
    for (let dx = -ringWidth; dx <= ringWidth; dx++) if (isSet(x + dx, y + dy)) return true;
  }
  return false;
}

function spread(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance };
}
