import { largestComponent3d } from './components.js';
import type { SliceResult } from './types.js';
import { logitsAtSource, type View } from './view.js';

export interface AssembleOptions {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  /** label values in the order of the request; a later one overwrites an earlier one where both are */
  readonly labels: readonly number[];
  /** a contested pixel goes to the object with the highest logit there, instead of to the later one */
  readonly nonOverlap: boolean;
  /** keep only the largest 26-connected component of each object */
  readonly largestComponent: boolean;
}

/** The scores of one object on one slice. */
export interface SliceScore {
  readonly slice: number;
  readonly iou: number;
  readonly presence: number;
  readonly origin: SliceResult['origin'];
  /** pixels of the object on the slice in the label map */
  readonly pixels: number;
}

export interface AssembledObject {
  readonly label: number;
  /** voxels in the label map */
  readonly voxels: number;
  /** voxels that were the object's and went to another one */
  readonly lostVoxels: number;
  /** voxels outside the largest component, removed on request */
  readonly removedVoxels: number;
  /** one per segmented slice, ascending */
  readonly scores: readonly SliceScore[];
}

export interface Assembly {
  /** [slice][row][column], 0 = background; Uint16Array when a label is above 255 */
  readonly labels: Uint8Array | Uint16Array;
  readonly objects: readonly AssembledObject[];
  /** [row][column] 0 or 1: an object's own mask, also where a later object overwrote it in `labels` */
  readonly maskOf: (label: number, slice: number) => Uint8Array;
}

interface Kept {
  readonly result: Pick<SliceResult, 'slice' | 'iou' | 'presence' | 'origin'>;
  /** flat [row * columns + column] starts and ends of the mask's runs */
  readonly runs: Uint32Array;
  /** only with `nonOverlap`, and only for masks that are not empty */
  readonly seen?: { readonly logits: Float32Array; readonly view: View };
}

/**
 * Puts the masks of all objects into one label map.
 *
 * Masks are kept as runs until `finish`, so that memory follows the objects' outlines and not objects x voxels; logits
 * are kept with `nonOverlap` only. The order in which results arrive does not matter.
 */
export class LabelMapAssembler {
  private readonly kept = new Map<number, Map<number, Kept>>();

  constructor(private readonly options: AssembleOptions) {
    for (const label of options.labels) this.kept.set(label, new Map());
    if (this.kept.size !== options.labels.length) throw new RangeError('labels are not distinct');
  }

  /** Take one slice of one object; a second result for the same slice replaces the first. */
  add({ label, slice, mask, logits, view, iou, presence, origin }: SliceResult): void {
    const slices = this.kept.get(label);
    if (slices === undefined) throw new RangeError(`label ${label} was not announced`);
    if (slice < 0 || slice >= this.options.slices) throw new RangeError(`slice ${slice} is outside the grid`);
    const runs = runsOf(mask);
    const needsLogits = this.options.nonOverlap && runs.length > 0;
    slices.set(slice, {
      result: { slice, iou, presence, origin },
      runs,
      ...(needsLogits ? { seen: { logits, view } } : {}),
    });
  }

  /** The label map, and what became of each object. */
  finish(): Assembly {
    const { slices, rows, columns, labels: values, nonOverlap, largestComponent } = this.options;
    const size = rows * columns;
    const labels = Math.max(0, ...values) > 255 ? new Uint16Array(slices * size) : new Uint8Array(slices * size);
    const owned = new Map<number, Map<number, Uint32Array>>();
    const removed = new Map<number, number>();
    for (const label of values) {
      const runs = new Map([...this.slicesOf(label)].map(([slice, kept]) => [slice, kept.runs]));
      owned.set(label, runs);
    }
    if (nonOverlap) this.settleContested(owned);
    if (largestComponent) {
      for (const label of values) removed.set(label, this.keepLargest(owned.get(label) ?? new Map<number, never>()));
    }
    for (const label of values) {
      for (const [slice, runs] of owned.get(label) ?? []) paint(labels, runs, slice * size, label);
    }
    return {
      labels,
      objects: values.map((label) => this.summary(label, labels, removed.get(label) ?? 0)),
      maskOf: (label, slice) => {
        const mask = new Uint8Array(size);
        paint(mask, owned.get(label)?.get(slice) ?? new Uint32Array(0), 0, 1);
        return mask;
      },
    };
  }

  private slicesOf(label: number): Map<number, Kept> {
    return this.kept.get(label) ?? new Map<number, Kept>();
  }

  /** Specification section 3.5 step 3: of the objects that claim a pixel, the one with the highest logit keeps it. */
  private settleContested(owned: ReadonlyMap<number, Map<number, Uint32Array>>): void {
    const { slices, rows, columns, labels } = this.options;
    for (let slice = 0; slice < slices; slice++) {
      const claims = labels.flatMap((label) => {
        const kept = this.slicesOf(label).get(slice);
        return kept?.seen === undefined ? [] : [{ label, runs: kept.runs, ...kept.seen }];
      });
      if (claims.length < 2) continue;
      const winner = new Int32Array(rows * columns).fill(-1);
      const highest = new Float32Array(rows * columns);
      claims.forEach(({ runs, logits, view }, claim) => {
        const full = logitsAtSource(logits, view, rows, columns, -Infinity);
        forEachPixel(runs, (pixel) => {
          // On equal logits the earlier object keeps the pixel, as torch.argmax does.
          if (winner[pixel] >= 0 && full[pixel] <= highest[pixel]) return;
          winner[pixel] = claim;
          highest[pixel] = full[pixel];
        });
      });
      claims.forEach(({ label }, claim) => {
        owned.get(label)?.set(
          slice,
          runsOf(winner, (value) => value === claim),
        );
      });
    }
  }

  /** @returns voxels removed */
  private keepLargest(masks: Map<number, Uint32Array>): number {
    const { slices, rows, columns } = this.options;
    const size = rows * columns;
    const volume = new Uint8Array(slices * size);
    let before = 0;
    for (const [slice, runs] of masks) before += paint(volume, runs, slice * size, 1);
    if (before === 0) return 0;
    const largest = largestComponent3d(volume, slices, rows, columns);
    let after = 0;
    for (const slice of masks.keys()) {
      const runs = runsOf(largest.subarray(slice * size, (slice + 1) * size));
      masks.set(slice, runs);
      after += lengthOf(runs);
    }
    return before - after;
  }

  private summary(label: number, labels: Uint8Array | Uint16Array, removedVoxels: number): AssembledObject {
    const size = this.options.rows * this.options.columns;
    const scores: SliceScore[] = [];
    let claimed = 0;
    let voxels = 0;
    for (const { result, runs } of [...this.slicesOf(label).values()].sort((a, b) => a.result.slice - b.result.slice)) {
      const { slice, iou, presence, origin } = result;
      const offset = slice * size;
      let pixels = 0;
      // Nothing is ever painted outside the object's own claim.
      forEachPixel(runs, (pixel) => {
        if (labels[offset + pixel] === label) pixels++;
      });
      claimed += lengthOf(runs);
      voxels += pixels;
      scores.push({ slice, iou, presence, origin, pixels });
    }
    return { label, voxels, lostVoxels: claimed - voxels - removedVoxels, removedVoxels, scores };
  }
}

/** Starts and ends of the stretches that belong to a mask. */
function runsOf(mask: ArrayLike<number>, belongs: (value: number) => boolean = (value) => value !== 0): Uint32Array {
  const runs: number[] = [];
  for (let at = 0; at < mask.length; at++) {
    if (!belongs(mask[at])) continue;
    runs.push(at);
    while (at < mask.length && belongs(mask[at])) at++;
    runs.push(at);
  }
  return Uint32Array.from(runs);
}

function forEachPixel(runs: Uint32Array, visit: (pixel: number) => void): void {
  for (let run = 0; run < runs.length; run += 2) for (let at = runs[run]; at < runs[run + 1]; at++) visit(at);
}

function lengthOf(runs: Uint32Array): number {
  let length = 0;
  for (let run = 0; run < runs.length; run += 2) length += runs[run + 1] - runs[run];
  return length;
}

/** @returns voxels painted */
function paint(labels: Uint8Array | Uint16Array, runs: Uint32Array, offset: number, value: number): number {
  for (let run = 0; run < runs.length; run += 2) labels.fill(value, offset + runs[run], offset + runs[run + 1]);
  return lengthOf(runs);
}
