import type { SliceScore } from '../../contract/work.js';

export interface Summary {
  /** slices with the object */
  readonly segmented: number;
  readonly doubtful: number;
  readonly worst?: SliceScore;
}

/** The strip in words, for those who do not see it. */
export function summaryOf(scores: readonly SliceScore[]): Summary {
  const segmented = scores.filter(({ pixels }) => pixels > 0);
  const doubtful = scores.filter((score) => score.doubtful);
  const judged = segmented.length > 0 ? segmented : doubtful;
  return {
    segmented: segmented.length,
    doubtful: doubtful.length,
    worst: judged.reduce<SliceScore | undefined>(
      (worst, score) => (worst === undefined || score.confidence < worst.confidence ? score : worst),
      undefined,
    ),
  };
}
