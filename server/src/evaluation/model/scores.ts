import type { GridSize } from '../../engine/components.js';
import { scoreLabel } from '../metrics.js';
import { sliceOf, type Structure } from './structures.js';

/** How well one structure was found. */
export interface StructureScores {
  /** Dice on the prompted slice */
  readonly keyDice: number;
  /** Dice over the volume */
  readonly dice: number;
  readonly nsd: number;
  /** nothing was found on the prompted slice */
  readonly keyEmpty: boolean;
  /** one entry per end of the structure that has room beyond it */
  readonly ends: readonly EndScore[];
}

/** How propagation ended at one end of a structure. */
export interface EndScore {
  readonly end: 'first' | 'last';
  /** slices from the true end to where the mask ends: positive too far, negative too early */
  readonly overshoot: number;
  /** slices beyond that on which the mask comes back */
  readonly strays: number;
}

/** An end counts where at least so many slices lie beyond it: nearer the border, going too far cannot be seen. */
export const roomBeyondEnd = 3;

/**
 * @param prediction [slice][row][column] 0 or 1
 * @param spacing along (column, row, slice); `tolerance` in the same unit
 */
export function scoreStructure(
  structure: Structure,
  prediction: Uint8Array,
  size: GridSize,
  spacing: readonly [number, number, number],
  tolerance: number,
): StructureScores {
  const { truth, key } = structure;
  const { slices, rows, columns } = size;
  const { dice, nsd } = scoreLabel({ truth, prediction, slices, rows, columns }, 1, spacing, tolerance);
  const found = sliceOf(prediction, key, size);
  return {
    keyDice: flatDice(sliceOf(truth, key, size), found),
    dice,
    nsd,
    keyEmpty: !found.includes(1),
    ends: endScores(structure, prediction, size),
  };
}

/** Dice of two masks; two empty ones agree. */
export function flatDice(a: Uint8Array, b: Uint8Array): number {
  let shared = 0;
  let total = 0;
  for (let at = 0; at < a.length; at++) {
    shared += a[at] & b[at];
    total += a[at] + b[at];
  }
  return total === 0 ? 1 : (2 * shared) / total;
}

/**
 * Where the mask that hangs together with the prompted slice ends, against the true ends. Slices on which the structure
 * itself is interrupted may be empty; a mask that is empty on the prompted slice ends there.
 */
export function endScores(
  { slices: extent, key }: Pick<Structure, 'slices' | 'key'>,
  prediction: Uint8Array,
  size: GridSize,
): EndScore[] {
  const isFound = Array.from({ length: size.slices }, (_, slice) => sliceOf(prediction, slice, size).includes(1));
  const isTrue = new Set(extent);
  const sides = [
    { end: 'first', trueEnd: extent[0], step: -1, room: extent[0] },
    { end: 'last', trueEnd: extent[extent.length - 1], step: 1, room: size.slices - 1 - extent[extent.length - 1] },
  ] as const;
  return sides.flatMap(({ end, trueEnd, step, room }) => {
    if (room < roomBeyondEnd) return [];
    let stop = key;
    let strays = 0;
    let isOver = !isFound[key];
    for (let slice = key + step; slice >= 0 && slice < size.slices; slice += step) {
      if (isFound[slice] && isOver) strays++;
      else if (isFound[slice]) stop = slice;
      else if (isTrue.has(slice) || (trueEnd - slice) * step < 0) isOver = true;
    }
    return [{ end, overshoot: step > 0 ? stop - trueEnd : trueEnd - stop, strays }];
  });
}
