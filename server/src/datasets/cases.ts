import { UserError } from '@medsam2/models';
import { basename, dirname, resolve } from 'node:path';
import { z } from 'zod';
import { bresenham } from '../engine/recist.js';
import type { ObjectPrompts, Prompt } from '../engine/types.js';
import { caseName } from '../evaluation/pairs.js';
import type { Volume } from '../imaging/volume.js';
import { box, numbers, optionalCell, points, range, wholeNumber, windowSpec } from './fields.js';
import { maskPromptPixels, type OpenVolume } from './mask-file.js';
import { checkRows, groupBy, readCsv, readListText, type Table } from './table.js';
import { UniqueIds, type BatchCase, type CaseList, type ListProblem } from './types.js';

const caseRow = z
  .object({
    input: z.string({ error: 'An input is needed.' }).min(1, 'An input is needed.'),
    output: optionalCell(z.string()),
    slice: wholeNumber('The slice', 0),
    box: optionalCell(box),
    points: optionalCell(points),
    recist: optionalCell(numbers(4, 'A RECIST line (x0,y0,x1,y1)')),
    recist_mode: optionalCell(z.enum(['box', 'points', 'center', 'three-points', 'box-grid'])),
    shift: optionalCell(wholeNumber('The shift', 0)),
    mask: optionalCell(z.string()),
    mask_value: optionalCell(wholeNumber('The mask value', 1)),
    range: optionalCell(range),
    window: optionalCell(windowSpec),
    label: optionalCell(wholeNumber('The label', 1)),
    name: optionalCell(z.string()),
  })
  .superRefine((row, context) => {
    const kinds = [row.box ?? row.points, row.recist, row.mask].filter((value) => value !== undefined);
    if (kinds.length !== 1) {
      const message = `A row needs one prompt: a box, points (or both), a recist line or a mask; this one has ${kinds.length}.`;
      context.addIssue({ code: 'custom', path: [], message });
    }
    // The upper limit is one of memory: the line is drawn pixel by pixel.
    if (row.recist && !row.recist.every((value) => Number.isInteger(value) && value >= 0 && value <= 65535)) {
      context.addIssue({ code: 'custom', path: ['recist'], message: 'The ends of a RECIST line are whole pixels.' });
    }
    if (row.label !== undefined && row.label > 65535) {
      context.addIssue({ code: 'custom', path: ['label'], message: `The label ${row.label} is above 65535.` });
    }
  });

type CaseRow = z.output<typeof caseRow>;

const COLUMNS = Object.keys(caseRow.shape);

/**
 * Reads a list of cases, CSV (one row per prompt) or JSON (an array of the same rows, where boxes, points and ranges may
 * be arrays). Columns: input, output, slice, box, points, recist, recist_mode, shift, mask, mask_value, range, window,
 * label, name; `input`, `slice` and one prompt are needed. Columns that begin with `x_` are the user's own.
 *
 * Rows with the same input and output are one case; rows with the same label in it are one object. A row without a label
 * is an object of its own with the next free label. Paths are relative to the list. A case with a wrong row is left out
 * as a whole, so that no result looks complete and lacks an object.
 *
 * @throws UserError `list-not-found`, `list-too-large`, `list-columns`, `list-invalid`
 */
export async function readCaseList(path: string, openVolume: OpenVolume): Promise<CaseList> {
  const table = /\.json$/i.test(path) ? await readJson(path) : await readCsv(path, ['input', 'slice']);
  requireKnownColumns(path, table);
  const checked = checkRows(path, table.rows, caseRow);
  const problems: ListProblem[] = [...table.problems, ...checked.problems];
  const folder = dirname(path);

  const incomplete = new Set(checked.bad.map(({ values }) => caseKey(folder, values.input, values.output)));
  const ids = new UniqueIds();
  const cases: BatchCase[] = [];
  for (const [key, rows] of groupBy(checked.rows, ({ value }) => caseKey(folder, value.input, value.output))) {
    const conflicts = conflictsWithin(path, rows);
    problems.push(...conflicts);
    if (conflicts.length > 0 || incomplete.has(key)) {
      problems.push({ file: path, row: rows[0].row, message: 'The case is left out until all its rows are right.' });
      continue;
    }
    cases.push(
      caseOf(
        rows.map(({ value }) => value),
        folder,
        ids,
        openVolume,
      ),
    );
  }
  return { cases, problems };
}

function caseOf(rows: readonly CaseRow[], folder: string, ids: UniqueIds, openVolume: OpenVolume): BatchCase {
  const { input, output } = rows[0];
  const labelled = withLabels(rows);
  const names = new Map(
    labelled.flatMap(({ label, row }) => (row.name === undefined ? [] : [[label, row.name] as const])),
  );
  const objects = [...groupBy(labelled, ({ label }) => label)];
  const withMasks = async (volume: Volume): Promise<ObjectPrompts[]> => {
    const complete: ObjectPrompts[] = [];
    for (const [label, same] of objects) {
      const prompts: Prompt[] = [];
      for (const { row } of same) prompts.push(promptOf(row) ?? (await maskPrompt(row, folder, volume, openVolume)));
      complete.push({ label, prompts });
    }
    return complete;
  };
  const withoutMasks = objects.map(([label, same]) => ({
    label,
    prompts: same.map(({ row }) => promptOf(row)).filter((prompt) => prompt !== undefined),
  }));
  const file = basename(output ?? input);
  return {
    id: ids.take(caseName(file) ?? file),
    input: resolve(folder, input),
    ...(output === undefined ? {} : { output }),
    window: rows.find(({ window }) => window !== undefined)?.window,
    range: rows.find(({ range: slices }) => slices !== undefined)?.range,
    objects: rows.some(({ mask }) => mask !== undefined) ? withMasks : withoutMasks,
    fingerprint: JSON.stringify(rows),
    promptFiles: rows.flatMap(({ mask }) => (mask === undefined ? [] : [resolve(folder, mask)])),
    ...(names.size > 0 ? { names } : {}),
  };
}

function withLabels(rows: readonly CaseRow[]): { label: number; row: CaseRow }[] {
  const taken = new Set(rows.flatMap(({ label }) => (label === undefined ? [] : [label])));
  return rows.map((row) => {
    let { label } = row;
    if (label === undefined) {
      label = 1;
      while (taken.has(label)) label++;
      taken.add(label);
    }
    return { label, row };
  });
}

/** The prompt of a row, unless it is a mask in a file. */
function promptOf({ slice, box: corners, points: clicks, recist, recist_mode, shift }: CaseRow): Prompt | undefined {
  if (corners) return { kind: 'box', slice, box: corners, ...(clicks ? { points: clicks } : {}) };
  if (clicks) return { kind: 'points', slice, points: clicks };
  if (recist) {
    const [x0, y0, x1, y1] = recist;
    const pixels = bresenham({ x: x0, y: y0 }, { x: x1, y: y1 });
    return { kind: 'recist', slice, pixels, mode: recist_mode ?? 'box', shift };
  }
  return undefined;
}

async function maskPrompt(row: CaseRow, folder: string, volume: Volume, openVolume: OpenVolume): Promise<Prompt> {
  const path = resolve(folder, row.mask ?? '');
  const mask = await maskPromptPixels({ path, slice: row.slice, value: row.mask_value }, volume, openVolume);
  return { kind: 'mask', slice: row.slice, mask };
}

/** Rows of one case that say different things about what they share. */
function conflictsWithin(file: string, rows: readonly { row: number; value: CaseRow }[]): ListProblem[] {
  const problems: ListProblem[] = [];
  for (const column of ['window', 'range'] as const) {
    const stated = rows.filter(({ value }) => value[column] !== undefined);
    const other = stated.find(({ value }) => JSON.stringify(value[column]) !== JSON.stringify(stated[0].value[column]));
    if (other) {
      const message = `The ${column} differs from that of row ${stated[0].row}, which is the same case.`;
      problems.push({ file, row: other.row, column, message });
    }
  }
  const named = rows.filter(({ value }) => value.label !== undefined && value.name !== undefined);
  for (const [label, same] of groupBy(named, ({ value }) => value.label)) {
    const other = same.find(({ value }) => value.name !== same[0].value.name);
    if (other) {
      const message = `Label ${label} has another name in row ${same[0].row}.`;
      problems.push({ file, row: other.row, column: 'name', message });
    }
  }
  return problems;
}

function caseKey(folder: string, input: unknown, output: unknown): string {
  const text = (value: unknown): string => (typeof value === 'string' ? value.trim() : '');
  return JSON.stringify([resolve(folder, text(input)), text(output)]);
}

async function readJson(path: string): Promise<Table> {
  const invalid = (why: string, cause?: unknown): UserError =>
    new UserError('list-invalid', `${basename(path)} ${why}.`, 'Give a JSON array of objects, one per prompt.', {
      cause,
    });
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readListText(path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw invalid('is not valid JSON', error);
  }
  if (!Array.isArray(parsed)) throw invalid('is no JSON array');
  const problems: ListProblem[] = [];
  const rows = parsed.flatMap((values: unknown, at) => {
    if (typeof values === 'object' && values !== null && !Array.isArray(values)) {
      return [{ row: at + 1, values: values as Record<string, unknown> }];
    }
    problems.push({ file: path, row: at + 1, message: 'The element is no object.' });
    return [];
  });
  return { rows, problems };
}

/** A mistyped column would silently change what is segmented. */
function requireKnownColumns(path: string, { rows }: Table): void {
  const unknown = new Set<string>();
  for (const { values } of rows) {
    for (const name of Object.keys(values)) if (!COLUMNS.includes(name) && !name.startsWith('x_')) unknown.add(name);
  }
  if (unknown.size === 0) return;
  throw new UserError(
    'list-columns',
    `${basename(path)} has columns that are not known: ${[...unknown].slice(0, 5).join(', ')}.`,
    `Known are ${COLUMNS.join(', ')}; begin the names of columns of your own with x_.`,
  );
}
