import { UserError } from '@medsam2/models';
import { CsvError, parse, type Info, type Options } from 'csv-parse/sync';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { z } from 'zod';
import type { ListProblem } from './types.js';

/** A row of a table as text, and where it stands. */
export interface TableRow {
  /** line in the file, from 1; the header is line 1 */
  readonly row: number;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface Table {
  readonly rows: readonly TableRow[];
  readonly problems: readonly ListProblem[];
}

/** The largest public list (DeepLesion) has 11 MB. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;

/**
 * Reads a CSV file with a header line. Rows with another number of fields, or broken quotes, become problems.
 *
 * @throws UserError `list-not-found`, `list-too-large`, `list-columns` when a required column is missing
 */
export async function readCsv(path: string, requiredColumns: readonly string[]): Promise<Table> {
  const text = await readListText(path);
  const skipped: { code: string; line: number }[] = [];
  let columns: string[] = [];
  const records = parseRecords(path, text, {
    bom: true,
    columns: (header: string[]) => (columns = header.map((name) => name.trim())),
    trim: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    skip_records_with_error: true,
    info: true,
    on_skip: (error) => {
      skipped.push({ code: error?.code ?? '', line: Number(error?.lines) });
      return undefined;
    },
  });
  // The library places an open quote at the end of the file; it began after the last row that could be read.
  const lastRead = Math.max(records.at(-1)?.info.lines ?? 1, skipped.at(-2)?.line ?? 1);
  const problems = skipped.map(({ code, line }): ListProblem => {
    const message = `The row cannot be read: ${CSV_ERRORS[code] ?? 'it is not valid CSV'}.`;
    return { file: path, row: code === 'CSV_QUOTE_NOT_CLOSED' ? lastRead + 1 : line, message };
  });
  const missing = requiredColumns.filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    throw new UserError(
      'list-columns',
      `${basename(path)} has no column ${missing.join(', ')}; it has ${columns.join(', ') || 'none'}.`,
      'Check that this is the right file and that its first line names the columns.',
    );
  }
  return { rows: records.map(({ record, info }) => ({ row: info.lines, values: record })), problems };
}

/** @throws UserError `list-not-found`, `list-too-large` */
export async function readListText(path: string): Promise<string> {
  let size: number;
  try {
    size = (await stat(path)).size;
  } catch (cause) {
    throw new UserError('list-not-found', `${path} cannot be read.`, 'Check the path and its permissions.', { cause });
  }
  if (size > MAX_LIST_BYTES) {
    throw new UserError('list-too-large', `${basename(path)} has ${size} bytes.`, 'Split the list into smaller ones.');
  }
  return readFile(path, 'utf8');
}

/** Checks rows against a schema; a row that does not fit becomes one problem per column and is left out. */
export function checkRows<Row>(
  file: string,
  rows: readonly TableRow[],
  schema: z.ZodType<Row>,
): { rows: { row: number; value: Row }[]; problems: ListProblem[]; bad: TableRow[] } {
  const good: { row: number; value: Row }[] = [];
  const bad: TableRow[] = [];
  const problems: ListProblem[] = [];
  for (const tableRow of rows) {
    const { row, values } = tableRow;
    const result = schema.safeParse(values);
    if (result.success) {
      good.push({ row, value: result.data });
      continue;
    }
    bad.push(tableRow);
    for (const { path, message } of result.error.issues) {
      problems.push({ file, row, ...(path.length > 0 ? { column: String(path[0]) } : {}), message });
    }
  }
  return { rows: good, problems, bad };
}

/** Rows that share a key, in the order of the keys' first rows. */
export function groupBy<Key, Row>(rows: Iterable<Row>, keyOf: (row: Row) => Key): Map<Key, Row[]> {
  const groups = new Map<Key, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}

interface CsvRecord {
  readonly record: Readonly<Record<string, string>>;
  readonly info: Info;
}

function parseRecords(path: string, text: string, options: Options): CsvRecord[] {
  try {
    // The library's types do not know what `columns` and `info` together give.
    return parse(text, options) as unknown as CsvRecord[];
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new UserError(
      'list-invalid',
      `${basename(path)} is not valid CSV: ${CSV_ERRORS[cause.code] ?? 'it cannot be parsed'} (line ${String(cause.lines)}).`,
      'Correct the line, or save the table again as CSV.',
      { cause },
    );
  }
}

const CSV_ERRORS: Readonly<Record<string, string | undefined>> = {
  CSV_RECORD_INCONSISTENT_COLUMNS: 'it has more or fewer fields than the header has columns',
  CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: 'it has more or fewer fields than the header has columns',
  CSV_QUOTE_NOT_CLOSED: 'a quote is not closed, so nothing after it is read',
  CSV_INVALID_CLOSING_QUOTE: 'there is text after a closing quote',
  INVALID_OPENING_QUOTE: 'there is a quote within a field',
};
