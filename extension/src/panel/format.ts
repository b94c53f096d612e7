/** Numbers as people of a language write them. */
export interface Formats {
  /** with at most that many digits after the separator, and trailing zeros kept so that columns do not jump */
  number(value: number, digits: number): string;
  /** 0..1 as whole percent */
  percent(value: number): string;
  /** for sizes: three significant digits, at most two after the separator */
  size(value: number): string;
  dateTime(iso: string): string;
}

export function formats(language: string): Formats {
  const fixed = [0, 1, 2].map(
    (digits) => new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  );
  const percents = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 });
  const times = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
  const number = (value: number, digits: number) => fixed[Math.min(digits, 2)].format(value);
  return {
    number,
    percent: (value) => percents.format(value),
    size: (value) => number(value, Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2),
    dateTime: (iso) => times.format(new Date(iso)),
  };
}

/** `#rrggbb` of a colour */
export const hexOf = (colour: readonly [number, number, number]): string =>
  `#${colour.map((part) => part.toString(16).padStart(2, '0')).join('')}`;

/** the colour of `#rrggbb` */
export const colourOf = (hex: string): [number, number, number] => [
  Number.parseInt(hex.slice(1, 3), 16),
  Number.parseInt(hex.slice(3, 5), 16),
  Number.parseInt(hex.slice(5, 7), 16),
];
