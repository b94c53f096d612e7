import { UserError } from '@medsam2/models';
import { range as rangeField } from '../datasets/fields.js';
import { parseWindow, type WindowSpec } from '../imaging/window-spec.js';
import { parseDevice, type DeviceChoice } from '../inference/devices.js';
import { UsageError } from './exit.js';

/** Parsers of option values: each gives the value or a UsageError. */

export const windowValue = (text: string): WindowSpec => asUsage(() => parseWindow(text));
export const deviceValue = (text: string): DeviceChoice => asUsage(() => parseDevice(text));

/** `a:b`, inclusive slices from 0. */
export function rangeValue(text: string): { first: number; last: number } {
  const result = rangeField.safeParse(text);
  if (result.success) return result.data;
  throw new UsageError(
    `--range: ${result.error.issues[0].message}`,
    'Give it as in --range 20:60; both ends belong to it.',
  );
}

/** A whole number within limits. */
export const wholeValue =
  (option: string, least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const number = /^\d+$/.test(text.trim()) ? Number(text) : NaN;
    if (number >= least && number <= most) return number;
    const limit = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw new UsageError(`${option} cannot be "${text.slice(0, 40)}".`, `Give a whole number ${limit}.`);
  };

const unitBytes: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};
/** Less holds hardly one slice's features of the real models. */
const leastMemory = 2 ** 26;

/** `1GiB`, `1.5GB`, `800MiB`; a number alone is bytes. */
export function memoryValue(text: string): number {
  const [, number, unit = 'b'] = /^\s*(\d+(?:\.\d+)?)\s*([kmg]i?b|b)?\s*$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * (unitBytes[unit.toLowerCase()] ?? NaN));
  if (bytes >= leastMemory && bytes <= 2 ** 44) return bytes;
  throw new UsageError(
    `--memory cannot be "${text.slice(0, 40)}".`,
    'Give a size with its unit, at least 64MiB, as in --memory 1GiB.',
  );
}

function asUsage<Value>(parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UserError) throw new UsageError(error.message, error.remedy, { cause: error });
    throw error;
  }
}
