import type { Evaluation } from './evaluate.js';

export interface Statistics {
  readonly count: number;
  readonly mean: number;
  readonly median: number;
}

export interface LabelSummary {
  readonly label: number;
  readonly dice: Statistics;
  readonly nsd: Statistics;
  /** how many of the scores are 0 because the label, or the whole prediction, is missing */
  readonly missing: number;
}

export interface Summary {
  readonly labels: readonly LabelSummary[];
  /** over cases, each being the mean over its labels: the figure that challenges report */
  readonly cases: { readonly dice: Statistics; readonly nsd: Statistics };
  readonly missingPredictions: readonly string[];
}

/** Means and medians over cases, per label and over the cases' own means. NaN where there is nothing to average. */
export function summarise({ cases }: Evaluation): Summary {
  const all = cases.flatMap(({ labels }) => labels);
  const numbers = [...new Set(all.map(({ label }) => label))].sort((a, b) => a - b);
  const scored = cases.filter(({ labels }) => labels.length > 0);
  return {
    labels: numbers.map((label) => {
      const scores = all.filter((score) => score.label === label);
      return {
        label,
        dice: statistics(scores.map(({ dice }) => dice)),
        nsd: statistics(scores.map(({ nsd }) => nsd)),
        missing: scores.filter(({ missing }) => missing !== undefined).length,
      };
    }),
    cases: {
      dice: statistics(scored.map(({ labels }) => statistics(labels.map(({ dice }) => dice)).mean)),
      nsd: statistics(scored.map(({ labels }) => statistics(labels.map(({ nsd }) => nsd)).mean)),
    },
    missingPredictions: cases
      .filter(({ labels }) => labels.some(({ missing }) => missing === 'prediction-file'))
      .map(({ name }) => name),
  };
}

/** Count, mean and median (the mean of the two middle values when the count is even). */
export function statistics(values: readonly number[]): Statistics {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return {
    count: values.length,
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    median: (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2,
  };
}
