import type { Case } from '../client/cases.js';
import { BridgeError } from '../errors.js';
import { clippedBox, type GridSize } from '../input/geometry.js';
import type { PointsUpload } from '../input/uploads.js';
import type { Point, Prompt, SliceRange } from '../segmenter.js';
import { rangeOf } from './full.js';
import { LabelVolume } from './label-volume.js';
import { unpackLabels, type Operation } from './operation.js';

interface VoxelPoint extends Point {
  readonly slice: number;
}

export interface Improvement {
  readonly result: LabelVolume;
  readonly keySlices: readonly number[];
}

/**
 * "Improve": a new mask of the object that the client added last, as label 1.
 *
 * `compat`: all points count on the slice of the first one, and with the first box they are a fresh prompt; the mask before,
 * edits included, plays no part (specification section 6.5). `better`: points correct the mask before, each on its own slice,
 * and slices that the user drew or corrected earlier stay.
 *
 * @throws BridgeError `points-missing`, `range-outside`, `nothing-found`
 */
export async function improve(of: Case, points: PointsUpload, operation: Operation): Promise<Improvement> {
  const { size } = of.held;
  const inside = voxelPoints(points, size, operation);
  const prompts =
    operation.semantics === 'compat'
      ? [freshPrompt(inside, points.boxes[0] ?? of.prompts.boxes[0], size)]
      : await corrections(of, inside);
  if (prompts.length === 0) throw missing('All points say "not here" where nothing was segmented.');
  const range = including(
    rangeOf(points, size),
    prompts.map(({ slice }) => slice),
  );
  const result = new LabelVolume(size);
  const request = {
    objects: [{ label: 1, prompts }],
    range,
    reprompt: operation.semantics === 'compat',
    signal: operation.signal,
  };
  for await (const painted of operation.stack.propagate(request)) result.paint(painted);
  result.compact();
  return { result, keySlices: prompts.map(({ slice }) => slice) };
}

/** Additions first, as the plug-in's own server joins them. */
function voxelPoints({ additions, subtractions }: PointsUpload, size: GridSize, { notes }: Operation): VoxelPoint[] {
  const all = [
    ...additions.map((row) => ({ row, label: 1 as const })),
    ...subtractions.map((row) => ({ row, label: 0 as const })),
  ];
  const inside = all.flatMap(({ row: [x, y, slice], label }) => {
    const fits = x >= 0 && y >= 0 && slice >= 0 && x < size.columns && y < size.rows && slice < size.slices;
    return fits ? [{ x, y, slice, label }] : [];
  });
  if (inside.length < all.length) notes.push(`${all.length - inside.length} points outside the volume were left out.`);
  if (inside.length > 0) return inside;
  throw missing(all.length === 0 ? 'The upload has no point.' : 'All points lie outside the volume.');
}

const missing = (what: string): BridgeError =>
  new BridgeError(422, 'points-missing', what, 'Place an addition point inside the object.');

function freshPrompt(points: readonly VoxelPoint[], row: readonly number[] | undefined, size: GridSize): Prompt {
  const [{ slice }] = points;
  const box = row && clippedBox(row, size);
  return box === undefined ? { kind: 'points', slice, points } : { kind: 'box', slice, box, points };
}

async function corrections(of: Case, points: readonly VoxelPoint[]): Promise<Prompt[]> {
  const { full, held } = of;
  const before = new LabelVolume(held.size);
  if (full?.packed !== undefined) before.labels.set(await unpackLabels(full.packed, of));
  const maskAt = (slice: number): Uint8Array => before.maskOf(full?.label ?? 1, slice);
  const corrected = [...new Set(points.map(({ slice }) => slice))].flatMap((slice): Prompt[] => {
    const own = points.filter((point) => point.slice === slice);
    const previous = maskAt(slice);
    if (previous.includes(1)) return [{ kind: 'points', slice, points: own, previous }];
    // "not here" corrects nothing where nothing is
    return own.some(({ label }) => label === 1) ? [{ kind: 'points', slice, points: own }] : [];
  });
  const kept = (full?.keySlices ?? [])
    .filter((slice) => !corrected.some((prompt) => prompt.slice === slice))
    .map((slice): Prompt => ({ kind: 'mask', slice, mask: maskAt(slice) }));
  return corrected.length === 0 ? [] : [...kept, ...corrected];
}

/** A point beyond the range says that the object reaches so far. */
const including = ({ first, last }: SliceRange, slices: readonly number[]): SliceRange => ({
  first: Math.min(first, ...slices),
  last: Math.max(last, ...slices),
});
