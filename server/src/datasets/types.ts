/** The vocabulary of batch work: what a case list says, whatever its format. */
import type { ObjectPrompts } from '../engine/types.js';
import type { WindowSpec } from '../imaging/window-spec.js';
import type { WindowMode } from '../imaging/window.js';
import type { Volume } from '../imaging/volume.js';

/** Prompts that can only be known with the volume at hand (world coordinates, lines drawn in a label array, masks). */
export type ObjectsOfVolume = (volume: Volume) => Promise<readonly ObjectPrompts[]>;

/** One volume to segment, with its prompts. */
export interface BatchCase {
  /** unique within the list and usable as a file name; names the result */
  readonly id: string;
  /** file or folder of the image */
  readonly input: string;
  /** where the result goes, as the list states it; default: derived from `id` */
  readonly output?: string;
  /** absent: chosen for the volume (`auto`) */
  readonly window?: WindowSpec;
  /** `data` where a research script scales by the clipped data's own extremes */
  readonly windowMode?: WindowMode;
  /** inclusive slices, from 0 */
  readonly range?: { readonly first: number; readonly last: number };
  readonly objects: readonly ObjectPrompts[] | ObjectsOfVolume;
  /** what the list says of prompts that are computed later: a text that changes when the list does, to notice changes */
  readonly fingerprint?: string;
  /** files or folders, besides the input, that prompts are read from */
  readonly promptFiles?: readonly string[];
  /** names of labels, where the list gives them */
  readonly names?: ReadonlyMap<number, string>;
}

/** Why a row of a case list, or a file it belongs to, gives no case. Never contains what the row says of a patient. */
export interface ListProblem {
  /** the list (or folder) that was read */
  readonly file: string;
  /** line of a CSV file or position in a JSON list, from 1; absent when the problem is not in one row */
  readonly row?: number;
  readonly column?: string;
  /** one sentence */
  readonly message: string;
}

export interface CaseList {
  readonly cases: readonly BatchCase[];
  readonly problems: readonly ListProblem[];
  /** rows whose image is not among the given ones: expected for a part of a data set */
  readonly unmatchedRows?: number;
}

/** A problem as a person reads it: where, then what. */
export function describeProblem({ file, row, column, message }: ListProblem): string {
  const place = [
    file,
    ...(row === undefined ? [] : [`row ${row}`]),
    ...(column === undefined ? [] : [`column ${column}`]),
  ];
  return `${place.join(', ')}: ${message}`;
}

/** Prompts of a case, known from the list or computed from its volume. */
export async function objectsOf({ objects }: BatchCase, volume: Volume): Promise<readonly ObjectPrompts[]> {
  return typeof objects === 'function' ? objects(volume) : objects;
}

/** Gives each case an id that no other has, by a running number. */
export class UniqueIds {
  readonly #used = new Set<string>();

  /** `wanted` made fit for a file name, with `-2`, `-3` … appended when it is taken. */
  take(wanted: string): string {
    const base = wanted.replace(/[^\p{L}\p{N}._-]+/gu, '_').replace(/^\.+/, '_') || 'case';
    for (let number = 1; ; number++) {
      const id = number === 1 ? base : `${base}-${number}`;
      // File systems of two of the three desktop systems do not tell case apart.
      const key = id.toLowerCase();
      if (this.#used.has(key)) continue;
      this.#used.add(key);
      return id;
    }
  }
}
