import { BridgeError } from '../errors.js';
import type { Box, SliceRange } from '../segmenter.js';

/** Size of a volume; arrays are [slice][row][column] = [k][j][i]. */
export interface GridSize {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
}

export const sameSize = (a: GridSize, b: GridSize): boolean =>
  a.slices === b.slices && a.rows === b.rows && a.columns === b.columns;

export const voxelCount = ({ slices, rows, columns }: GridSize): number => slices * rows * columns;

/** @throws BridgeError `volume-shape` for anything but (D, H, W) or (D, H, W, 3) */
export function sizeOf(shape: readonly number[], name: string): GridSize & { readonly channels: 1 | 3 } {
  const isVolume = shape.length === 3 || (shape.length === 4 && shape[3] === 3);
  if (isVolume && shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    const [slices, rows, columns] = shape;
    return { slices, rows, columns, channels: shape.length === 4 ? 3 : 1 };
  }
  throw new BridgeError(
    422,
    'volume-shape',
    `The array ${name} has the shape (${shape.slice(0, 8).join(', ')}); (slices, rows, columns) or (slices, rows, columns, 3) is expected.`,
    'Choose a single scalar or RGB volume in Slicer.',
  );
}

/** Corners in any order, not clipped (specification section 3.1) -> a box inside the image; undefined: it lies wholly outside. */
export function clippedBox(row: readonly number[], { rows, columns }: GridSize): Box | undefined {
  const [x0, x1] = ordered(row[0], row[2]);
  const [y0, y1] = ordered(row[1], row[3]);
  if (x1 < 0 || y1 < 0 || x0 > columns - 1 || y0 > rows - 1) return undefined;
  return [Math.max(x0, 0), Math.max(y0, 0), Math.min(x1, columns - 1), Math.min(y1, rows - 1)];
}

/** Start and end slice in any order, inclusive, cut to the volume; undefined: wholly outside. */
export function clippedRange(start: number, end: number, { slices }: Pick<GridSize, 'slices'>): SliceRange | undefined {
  const [low, high] = ordered(start, end);
  if (high < 0 || low > slices - 1) return undefined;
  return { first: Math.max(low, 0), last: Math.min(high, slices - 1) };
}

const ordered = (a: number, b: number): readonly [number, number] => (a <= b ? [a, b] : [b, a]);
