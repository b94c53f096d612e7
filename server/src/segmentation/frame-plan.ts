import { UserError } from '@medsam2/models';
import { extentOf } from './bits.js';
import type { SegSegment } from './types.js';

/** One frame of a segmentation: a slice of one segment, or (label map) a slice of all segments. */
export interface PlannedFrame {
  /** number of the segment, 1..; absent in label maps */
  readonly segment?: number;
  /** slice of the volume */
  readonly slice: number;
}

/** What there is to write: segments with at least one pixel, and the frames in their order. */
export interface FramePlan {
  readonly segments: readonly SegSegment[];
  /** ascending by segment number, then slice */
  readonly frames: readonly PlannedFrame[];
  /** slices with at least one frame, ascending */
  readonly slices: readonly number[];
  /** whether any pixel belongs to more than one segment */
  readonly overlap: boolean;
  /** labels of segments left out because they are empty */
  readonly empty: readonly string[];
}

/**
 * Looks at all masks once: which frames have pixels, and whether segments overlap.
 *
 * @throws UserError `nothing-to-save` when every segment is empty
 * @throws Error when a mask has another size than the slice, or a slice is none of the volume: a defect of the caller
 */
export function planFrames(
  segments: readonly SegSegment[],
  format: 'binary' | 'labelmap',
  size: { readonly pixels: number; readonly slices: number },
): FramePlan {
  const bySlice = new Map<number, number[]>();
  segments.forEach((segment, index) => {
    for (const slice of segment.slices) {
      if (!(slice >= 0 && slice < size.slices)) throw new Error(`there is no slice ${slice}`);
      const holders = bySlice.get(slice);
      if (holders) holders.push(index);
      else bySlice.set(slice, [index]);
    }
  });
  const slicesOf: number[][] = segments.map(() => []);
  const union = new Uint8Array(size.pixels);
  let overlap = false;
  const used = [...bySlice.keys()].sort((a, b) => a - b);
  for (const slice of used) {
    const holders = bySlice.get(slice) ?? [];
    if (holders.length > 1) union.fill(0);
    for (const index of holders) {
      const mask = segments[index].mask(slice);
      if (mask.length !== size.pixels) throw new Error(`a mask has ${mask.length} pixels instead of ${size.pixels}`);
      const extent = extentOf(mask);
      if (extent.end === 0) continue;
      slicesOf[index].push(slice);
      if (holders.length > 1 && !overlap) overlap = addTo(union, mask, extent);
    }
  }
  const kept = segments.flatMap((_, index) => (slicesOf[index].length > 0 ? [index] : []));
  if (kept.length === 0) throw nothingToSave();
  const withPixels = new Set(slicesOf.flat());
  const slices = used.filter((slice) => withPixels.has(slice));
  return {
    segments: kept.map((index) => segments[index]),
    frames:
      format === 'labelmap'
        ? slices.map((slice) => ({ slice }))
        : kept.flatMap((index, position) => slicesOf[index].map((slice) => ({ segment: position + 1, slice }))),
    slices,
    overlap,
    empty: segments.filter((_, index) => slicesOf[index].length === 0).map(({ label }) => label),
  };
}

/** Adds a mask to the union of others; whether they had a pixel in common. */
function addTo(union: Uint8Array, mask: Uint8Array, { first, end }: ReturnType<typeof extentOf>): boolean {
  for (let pixel = first; pixel < end; pixel++) {
    if (mask[pixel] !== 1) continue;
    if (union[pixel] === 1) return true;
    union[pixel] = 1;
  }
  return false;
}

const nothingToSave = (): UserError =>
  new UserError(
    'nothing-to-save',
    'No segment has a pixel, so there is nothing to save.',
    'Segment something first, or choose the segments that are to be saved.',
  );
