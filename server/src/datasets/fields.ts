/** Values of case lists as they are written in a cell: numbers, boxes, points, ranges. Messages are one sentence. */
import { z } from 'zod';
import type { Box, Point } from '../engine/types.js';
import { parseWindow, type WindowSpec } from '../imaging/window-spec.js';
import { UserError } from '@medsam2/models';

/** Comma-, semicolon- or space-separated finite numbers. */
export function numbersIn(text: string): number[] | undefined {
  const numbers = text
    .trim()
    .split(/[\s,;]+/)
    .map((part) => (part === '' ? NaN : Number(part)));
  return numbers.every(Number.isFinite) ? numbers : undefined;
}

/** A cell with exactly `count` numbers; JSON lists may give an array. */
export const numbers = (count: number, what: string) =>
  z
    .union([z.string(), z.array(z.number())], { error: `${what} is missing or of the wrong type.` })
    .transform((value, context) => {
      const found = typeof value === 'string' ? numbersIn(value) : value;
      if (found?.length === count && found.every(Number.isFinite)) return found;
      context.addIssue({ code: 'custom', message: `${what} needs ${count} numbers; "${excerpt(value)}" is not that.` });
      return z.NEVER;
    });

/** A cell with a whole number. */
export const wholeNumber = (what: string, least: number) =>
  z
    .union([z.string(), z.number()], { error: `${what} is missing or of the wrong type.` })
    .transform((value, context) => {
      const number = typeof value === 'string' && value.trim() === '' ? NaN : Number(value);
      if (Number.isInteger(number) && number >= least) return number;
      const message = `${what} must be a whole number of at least ${least}; "${excerpt(value)}" is not that.`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    });

/** A cell with a finite number. */
export const finiteNumber = (what: string) =>
  z
    .union([z.string(), z.number()], { error: `${what} is missing or of the wrong type.` })
    .transform((value, context) => {
      const number = typeof value === 'string' && value.trim() === '' ? NaN : Number(value);
      if (Number.isFinite(number)) return number;
      context.addIssue({ code: 'custom', message: `${what} must be a number; "${excerpt(value)}" is not one.` });
      return z.NEVER;
    });

/** `x0,y0,x1,y1` in pixels of the original slice, the first corner up and left of the second. */
export const box = numbers(4, 'A box').transform((value, context): Box => {
  const [x0, y0, x1, y1] = value;
  if (x0 <= x1 && y0 <= y1) return [x0, y0, x1, y1];
  const message = `A box is x0,y0,x1,y1 with x0 <= x1 and y0 <= y1; "${excerpt(value)}" is not.`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** `x,y` or `x,y,label` separated by semicolons; label 1 or + belongs to the object (default), 0 or - does not. */
export const points = z
  .union([z.string(), z.array(z.array(z.number()).min(2).max(3))])
  .transform((value, context): Point[] => {
    const triples =
      typeof value === 'string' ? value.split(';').map((part) => part.split(',').map((text) => text.trim())) : value;
    const found = triples.map(pointOf);
    const good = found.filter((point) => point !== undefined);
    if (good.length === found.length && good.length > 0) return good;
    const message = `Points are x,y or x,y,label (label 1, 0, + or -) separated by semicolons; "${excerpt(value)}" is not that.`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** `first:last`, inclusive slices from 0. */
export const range = z
  .union([z.string(), z.tuple([z.number(), z.number()])])
  .transform((value, context): { first: number; last: number } => {
    const parts = typeof value === 'string' ? /^\s*(\d+)\s*:\s*(\d+)\s*$/.exec(value)?.slice(1).map(Number) : value;
    if (parts && parts.every((part) => Number.isInteger(part) && part >= 0) && parts[0] <= parts[1]) {
      return { first: parts[0], last: parts[1] };
    }
    const message = `A range is first:last, whole slice numbers from 0, the first not after the last; "${excerpt(value)}" is not.`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** A window as the command line takes it: preset, centre,width, percentiles, auto or none. */
export const windowSpec = z.string().transform((value, context): WindowSpec => {
  try {
    return parseWindow(value);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    context.addIssue({ code: 'custom', message: `${error.message} ${error.remedy}` });
    return z.NEVER;
  }
});

/** An empty cell counts as an absent one. */
export const optionalCell = <Output>(schema: z.ZodType<Output>) =>
  z.preprocess(
    (value) => (value === null || (typeof value === 'string' && value.trim() === '') ? undefined : value),
    schema.optional(),
  );

function pointOf(parts: readonly (string | number)[]): Point | undefined {
  if (parts.length < 2 || parts.length > 3 || parts.some((part) => part === '')) return undefined;
  const [x, y] = [Number(parts[0]), Number(parts[1])];
  const label = parts.length === 2 ? 1 : POINT_LABELS.get(String(parts[2]));
  return label !== undefined && Number.isFinite(x) && Number.isFinite(y) ? { x, y, label } : undefined;
}

const POINT_LABELS = new Map<string, 0 | 1>([['1', 1], ['+', 1], ['0', 0], ['-', 0]]); // prettier-ignore

function excerpt(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
