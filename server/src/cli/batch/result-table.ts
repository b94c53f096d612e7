import { stringify } from 'csv-stringify/sync';
import type { JournalEntry } from './journal.js';

/** How a case ended: as in the journal, or `skipped` because an earlier run had finished it. */
export interface CaseRow {
  readonly entry: JournalEntry;
  readonly skipped: boolean;
}

/** A longer table would scroll the failures away; they are always shown. */
const shownRows = 40;

/** The table at the end of a batch: case, objects, voxels, mean IoU estimate, seconds, status. */
export function textTable(rows: readonly CaseRow[]): string[] {
  const failures = rows.filter(({ entry }) => entry.status !== 'ok');
  const shown = rows.length <= shownRows ? rows : failures.slice(0, shownRows);
  const cells = shown.map(({ entry, skipped }) => [
    entry.case,
    String(entry.objects),
    String(entry.voxels),
    entry.mean_iou === undefined ? '-' : entry.mean_iou.toFixed(2),
    entry.seconds.toFixed(1),
    statusText(entry, skipped),
  ]);
  const all = [['case', 'objects', 'voxels', 'IoU est.', 'seconds', 'status'], ...cells];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const text = all.map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column === 5 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd(),
  );
  const hidden = rows.length - shown.length;
  return hidden === 0 ? text : [...text, `and ${hidden} more cases; --table FILE writes all of them`];
}

/** All rows as CSV. */
export function csvTable(rows: readonly CaseRow[]): string {
  return stringify(
    rows.map(({ entry, skipped }) => ({
      case: entry.case,
      input: entry.input,
      output: entry.status === 'ok' ? (entry.output ?? '') : '',
      objects: entry.objects,
      voxels: entry.voxels,
      mean_iou: entry.mean_iou ?? '',
      seconds: entry.seconds,
      status: entry.status,
      skipped: skipped ? 1 : 0,
      code: entry.error?.code ?? '',
      message: entry.error === undefined ? '' : `${entry.error.message} ${entry.error.remedy}`,
    })),
    {
      header: true,
      columns: [
        'case', 'input', 'output', 'objects', 'voxels', 'mean_iou', 'seconds', 'status', 'skipped', 'code', 'message',
      ], // prettier-ignore
    },
  );
}

function statusText({ status, error }: JournalEntry, skipped: boolean): string {
  if (error) return `${status}: ${error.message}`;
  return skipped ? `${status} (done earlier)` : status;
}
