import { connectedComponents, type GridSize } from '../../engine/components.js';
import type { Box } from '../../engine/types.js';
import { boundsOf } from '../../engine/view.js';

/** A labelled structure and the one prompt it gets: the tight box on its largest slice. */
export interface Structure {
  readonly label: number;
  readonly name: string;
  /** [slice][row][column] 0 or 1 */
  readonly truth: Uint8Array;
  readonly voxels: number;
  /** slices with the structure, ascending */
  readonly slices: readonly number[];
  /** the slice with most of its pixels, the first of equals */
  readonly key: number;
  /** first and last column and row on the key slice */
  readonly box: Box;
  /** one 8-connected piece on the key slice; a box cannot say that several pieces are meant */
  readonly connected: boolean;
}

export interface StructureLimits {
  readonly leastVoxels: number;
  readonly leastSlices: number;
}

/** Below this a Dice says more about rounding than about a model. */
export const structureLimits: StructureLimits = { leastVoxels: 100, leastSlices: 3 };

/**
 * The structures of a label map that are big enough to be segmented, by ascending label.
 *
 * @param labels [slice][row][column], 0 = background
 * @param names of labels; others are called `label N`
 */
export function findStructures(
  labels: Uint8Array | Uint16Array,
  names: ReadonlyMap<number, string>,
  size: GridSize,
  limits: StructureLimits = structureLimits,
): Structure[] {
  const areas = areasPerSlice(labels, size);
  return [...areas.keys()]
    .sort((a, b) => a - b)
    .flatMap((label) => {
      const perSlice = areas.get(label) ?? [];
      const voxels = perSlice.reduce((sum, area) => sum + area, 0);
      const slices = perSlice.flatMap((area, slice) => (area > 0 ? [slice] : []));
      if (voxels < limits.leastVoxels || slices.length < limits.leastSlices) return [];
      const key = perSlice.indexOf(Math.max(...perSlice));
      const truth = Uint8Array.from(labels, (value) => (value === label ? 1 : 0));
      const onKey = sliceOf(truth, key, size);
      const box = boundsOf(onKey, size.columns);
      if (box === undefined) return [];
      const name = names.get(label) ?? `label ${label}`;
      return [{ label, name, truth, voxels, slices, key, box, connected: isConnected(onKey, size) }];
    });
}

/** A view of one slice of a mask. */
export function sliceOf(mask: Uint8Array, slice: number, { rows, columns }: GridSize): Uint8Array {
  return mask.subarray(slice * rows * columns, (slice + 1) * rows * columns);
}

function isConnected(mask: Uint8Array, { rows, columns }: GridSize): boolean {
  return connectedComponents((index) => mask[index] !== 0, { slices: 1, rows, columns }).count === 1;
}

function areasPerSlice(labels: ArrayLike<number>, { slices, rows, columns }: GridSize): Map<number, number[]> {
  const areas = new Map<number, number[]>();
  for (let slice = 0, index = 0; slice < slices; slice++) {
    for (const end = index + rows * columns; index < end; index++) {
      const label = labels[index];
      if (label === 0) continue;
      let perSlice = areas.get(label);
      if (!perSlice) areas.set(label, (perSlice = new Array<number>(slices).fill(0)));
      perSlice[slice]++;
    }
  }
  return areas;
}
