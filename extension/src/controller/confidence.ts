import type { SliceScoreState } from '@medsam2/protocol';
import type { SliceScore } from '../contract/index.js';

/**
 * Below this a slice is worth a look. Predicted IoU and presence are both high on slices that a model is sure of
 * (their product is then above 0.8); 0.6 is the middle of the range in which the product says little either way.
 */
export const doubtfulBelow = 0.6;

/** Predicted IoU x probability that the object is there; 1 for what a person drew. */
export function confidenceOf({ iou, presence, origin }: SliceScoreState): number {
  if (origin === 'edited' || origin === 'imported') return 1;
  const probability = 1 / (1 + Math.exp(-presence));
  return Math.min(1, Math.max(0, iou)) * probability;
}

/**
 * What the strip shows of a segment, ascending by slice. Slices without a pixel count only where they are a hole between
 * others: beyond the ends, that nothing is there is the result.
 */
export function sliceScores(scores: Iterable<SliceScoreState>): SliceScore[] {
  const sorted = [...scores].sort((a, b) => a.slice - b.slice);
  const first = sorted.findIndex(({ pixels }) => pixels > 0);
  const last = sorted.findLastIndex(({ pixels }) => pixels > 0);
  if (first < 0) return [];
  return sorted.slice(first, last + 1).map((score) => {
    const confidence = confidenceOf(score);
    return { ...score, confidence, doubtful: confidence < doubtfulBelow };
  });
}

/**
 * The next doubtful slice from where the viewer is, around the end.
 * @param step 1: ascending; -1: descending
 * @returns undefined when none is doubtful
 */
export function nextDoubtfulSlice(scores: readonly SliceScore[], from: number, step: 1 | -1): number | undefined {
  const slices = scores.filter(({ doubtful }) => doubtful).map(({ slice }) => slice);
  if (step === 1) return slices.find((slice) => slice > from) ?? slices[0];
  return slices.findLast((slice) => slice < from) ?? slices.at(-1);
}
