import { stringify } from 'csv-stringify/sync';
import type { Evaluation, LabelResult } from './evaluate.js';
import { summarise, type Statistics } from './summary.js';

const MISSING_TEXT = {
  'prediction-file': 'no prediction file',
  label: 'label not predicted',
} as const satisfies Record<NonNullable<LabelResult['missing']>, string>;

/** How the numbers were made, in one line: nobody should quote a surface score without it. */
export function convention({ options }: Evaluation): string {
  const spacing =
    options.spacing === 'file' ? "the truth file's own" : `${options.spacing.join(' x ')} mm (set by hand)`;
  const labels = options.labels ? `labels ${options.labels.join(', ')}` : 'labels present in each truth';
  return `Dice = 2|P∩T|/(|P|+|T|); NSD at ${options.toleranceMm} mm; spacing: ${spacing}; ${labels}.`;
}

/** The result as text for a terminal: every score, then per label and over cases, then what was missing or failed. */
export function textTable(evaluation: Evaluation): string {
  const summary = summarise(evaluation);
  const rows = evaluation.cases.flatMap(({ name, labels }) =>
    labels.map(({ label, dice, nsd, truthVoxels, predictionVoxels, missing }) => [
      name,
      String(label),
      score(dice),
      score(nsd),
      String(truthVoxels),
      String(predictionVoxels),
      missing ? MISSING_TEXT[missing] : '',
    ]),
  );
  const perLabel = summary.labels.map(({ label, dice, nsd, missing }) => [
    `label ${label}`,
    ...spread(dice),
    ...spread(nsd).slice(1),
    missing > 0 ? `${missing} missing, counted as 0` : '',
  ]);
  const overall = ['mean per case', ...spread(summary.cases.dice), ...spread(summary.cases.nsd).slice(1), ''];
  const notes = evaluation.cases.flatMap(({ name, notes: texts, extraLabels }) => [
    ...texts.map((text) => `${name}: ${text}`),
    ...(extraLabels.length > 0 ? [`${name}: predicted labels not in the truth: ${extraLabels.join(', ')}`] : []),
  ]);
  const unmatched = evaluation.unmatchedPredictions.map((name) => `${name}: a prediction without a truth, not scored`);
  const failures = evaluation.failures.map(({ name, message }) => `${name}: not compared, in no mean: ${message}`);
  return [
    convention(evaluation),
    '',
    aligned([['case', 'label', 'Dice', 'NSD', 'truth voxels', 'predicted voxels', ''], ...rows]),
    '',
    aligned([['', 'n', 'Dice mean', 'Dice median', 'NSD mean', 'NSD median', ''], ...perLabel, overall]),
    '',
    ...notes,
    ...unmatched,
    ...failures,
    '',
  ].join('\n');
}

/** One row per case and label; failed cases have a row with their error and no scores. */
export function csvTable(evaluation: Evaluation): string {
  const { toleranceMm } = evaluation.options;
  const scored = evaluation.cases.flatMap(({ name, spacing, labels }) =>
    labels.map(({ label, dice, nsd, truthVoxels, predictionVoxels, missing }) => {
      return [name, label, dice, nsd, truthVoxels, predictionVoxels, missing ?? '', ...spacing, toleranceMm, ''];
    }),
  );
  const failed = evaluation.failures.map(({ name, message }) => [
    name,
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    '',
    toleranceMm,
    message,
  ]);
  const header =
    'case,label,dice,nsd,truth_voxels,predicted_voxels,missing,spacing_x,spacing_y,spacing_z,tolerance_mm,error';
  return stringify([header.split(','), ...scored, ...failed]);
}

/** Everything, for programs; figures that do not exist (mean of nothing) are null. */
export function jsonReport(evaluation: Evaluation): string {
  return `${JSON.stringify({ convention: convention(evaluation), ...evaluation, summary: summarise(evaluation) }, null, 2)}\n`;
}

const score = (value: number): string => (Number.isNaN(value) ? '-' : value.toFixed(4));

const spread = ({ count, mean, median }: Statistics): string[] => [String(count), score(mean), score(median)];

/** Columns padded to their widest cell: the first to the right of its text, numbers to the left. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => row[at].length)));
  const last = rows[0].length - 1;
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === 0 || at === last ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
