/** Text as value representations allow it (PS3.5 section 6.2). */

/** Decimal string of at most 16 characters with as many digits as fit. */
export function decimalString(value: number): string {
  const exact = String(value);
  if (exact.length <= 16) return exact;
  for (let digits = 16; digits > 0; digits--) {
    const shorter = String(Number(value.toPrecision(digits)));
    if (shorter.length <= 16) return shorter;
  }
  return value.toExponential(8);
}

/** A decimal string of a source: as it is when it is one, otherwise the nearest that is. */
export function keepDecimal(stored: string): string {
  return isDecimalString(stored) ? stored : decimalString(Number(stored));
}

export const isDecimalString = (text: string): boolean =>
  text.length <= 16 && /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text);

/** LO, SH, ST, PN of our own: no control characters, no backslash (it separates values), at most `longest` characters. */
export function fitText(text: string, longest: number): string {
  const clean = text
    .replace(/\p{Cc}+/gu, ' ')
    .replaceAll('\\', '/')
    .trim();
  const characters = [...clean];
  return characters.length <= longest
    ? clean
    : `${characters
        .slice(0, longest - 1)
        .join('')
        .trimEnd()}…`;
}

/** PN of one component group, whatever a person is called where names come from: at most five components. */
export function personName(name: string): string {
  const [family = '', ...others] = fitText(name.replaceAll('=', ' '), 64).split('^');
  return [family, ...others.slice(0, 3), ...(others.length > 3 ? [others.slice(3).join(' ')] : [])].join('^');
}

/** Date, time and both (DA, TM, DT) as a clock in one time zone shows them. */
export interface Timestamp {
  readonly date: string;
  readonly time: string;
  /** with the offset from UTC */
  readonly dateTime: string;
}

/**
 * @param offset TimezoneOffsetFromUTC of the source (`+0100`): it governs all dates and times of an object that states
 *   it; otherwise the clock of this machine
 */
export function timestamp(now: Date, offset?: string): Timestamp {
  const minutes = parseOffset(offset) ?? -now.getTimezoneOffset();
  const shifted = new Date(now.getTime() + minutes * 60_000).toISOString();
  const date = shifted.slice(0, 10).replaceAll('-', '');
  const time = shifted.slice(11, 23).replaceAll(':', '');
  const two = (value: number): string => String(value).padStart(2, '0');
  const size = Math.abs(minutes);
  const zone = `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`;
  return { date, time, dateTime: `${date}${time}${zone}` };
}

function parseOffset(offset: string | undefined): number | undefined {
  const match = /^([+-])(\d{2})(\d{2})$/.exec(offset ?? '');
  return match ? Number(`${match[1]}1`) * (Number(match[2]) * 60 + Number(match[3])) : undefined;
}
