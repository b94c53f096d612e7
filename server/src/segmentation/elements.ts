import { tagOf, vrOf, type Keyword, type VrOf } from './attributes.js';

/** Value representations by how their values are written (PS3.5 section 6.2). */
export type NumberVr = 'US' | 'SS' | 'UL' | 'SL' | 'FL' | 'FD';
export type BinaryVr = 'OB' | 'OW';
const NUMBER_VRS: ReadonlySet<string> = new Set<NumberVr>(['US', 'SS', 'UL', 'SL', 'FL', 'FD']);
const TEXT_VRS: ReadonlySet<string> = new Set(
  'AE AS AT CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT'.split(' '), // AT: tags as eight hexadecimal digits
);

export const isNumberVr = (vr: string): vr is NumberVr => NUMBER_VRS.has(vr);
export const isTextVr = (vr: string): boolean => TEXT_VRS.has(vr);

/** One element to be written. Items of a sequence may be made while they are written: there can be thousands. */
export type Element =
  | { readonly vr: string; readonly text: string }
  | { readonly vr: NumberVr; readonly numbers: readonly number[] }
  | { readonly vr: BinaryVr; readonly bytes: Uint8Array }
  | { readonly vr: 'SQ'; readonly items: Iterable<Elements> };

/** Elements by tag (eight hexadecimal digits), in any order. */
export type Elements = Readonly<Record<string, Element>>;

type ValueOf<Vr extends string> = Vr extends 'SQ'
  ? Iterable<Elements>
  : Vr extends NumberVr
    ? number | readonly number[]
    : Vr extends BinaryVr
      ? Uint8Array
      : string | readonly string[];

export type Values = { readonly [K in Keyword]?: ValueOf<VrOf<K>> };

/** Elements from values by keyword. `undefined` leaves an attribute out; '' writes it empty. */
export function elements(values: Values): Record<string, Element> {
  const made: Record<string, Element> = {};
  for (const [keyword, value] of Object.entries(values) as [Keyword, Values[Keyword]][]) {
    if (value !== undefined) made[tagOf(keyword)] = element(vrOf(keyword), value);
  }
  return made;
}

function element(vr: string, value: NonNullable<Values[Keyword]>): Element {
  if (typeof value === 'string') return { vr, text: value };
  if (typeof value === 'number') return { vr: vr as NumberVr, numbers: [value] };
  if (value instanceof Uint8Array) return { vr: vr as BinaryVr, bytes: value };
  if (vr === 'SQ') return { vr, items: value as Iterable<Elements> };
  if (isNumberVr(vr)) return { vr, numbers: value as readonly number[] };
  return { vr, text: (value as readonly string[]).join('\\') };
}
