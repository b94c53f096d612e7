import type { SliceScore } from '../../contract/work.js';

/** What one column of the strip shows: the worst of its slices, so that nothing doubtful hides among good ones. */
export interface Bin {
  /** lowest confidence among slices that have the object; undefined: none has */
  readonly confidence?: number;
  readonly doubtful: boolean;
  readonly edited: boolean;
}

const nothing: Bin = { doubtful: false, edited: false };

/** Columns for a strip of `width` pixels: one per slice, or fewer where the slices are more than the pixels. */
export const binCount = (sliceCount: number, width: number): number =>
  Math.max(1, Math.min(sliceCount, Math.floor(width)));

/** The column in which a slice lies. */
export const binOf = (slice: number, sliceCount: number, bins: number): number =>
  Math.min(bins - 1, Math.floor((slice * bins) / sliceCount));

export function binScores(scores: readonly SliceScore[], sliceCount: number, bins: number): readonly Bin[] {
  const result = new Array<Bin>(bins).fill(nothing);
  for (const { slice, confidence, doubtful, origin, pixels } of scores) {
    if (slice < 0 || slice >= sliceCount) continue;
    const at = binOf(slice, sliceCount, bins);
    const before = result[at];
    result[at] = {
      confidence: pixels === 0 ? before.confidence : Math.min(confidence, before.confidence ?? 1),
      doubtful: before.doubtful || doubtful,
      edited: before.edited || origin === 'edited',
    };
  }
  return result;
}

/** The slice at a share (0..1) of the strip's width. */
export const sliceAt = (share: number, sliceCount: number): number =>
  Math.max(0, Math.min(sliceCount - 1, Math.floor(share * sliceCount)));
