import type { Text } from '../contract/text.js';
import { languageOf } from './area.js';
import { catalogueOf } from './catalogue.js';

export type Translate = (text: Text) => string;

/**
 * @param language as the host's interface, e.g. `de-CH`
 * @returns turns texts into sentences of that language, with its way to write numbers. A problem that the catalogue does
 *   not know stays as the server said it (English): a wrong translation would be worse than none.
 */
export function translator(language: string): Translate {
  const known = languageOf(language);
  const catalogue = catalogueOf(known);
  const texts: Readonly<Record<string, string | undefined>> = catalogue;
  const numbers = new Intl.NumberFormat(known, { maximumFractionDigits: 2, useGrouping: 'min2' });
  const plurals = new Intl.PluralRules(known);
  const fill = (template: string, values: Readonly<Record<string, string | number>>): string =>
    template.replace(placeholder, (whole, name: string, one?: string, other?: string) => {
      if (!(name in values)) return whole;
      const value = values[name];
      if (one !== undefined && other !== undefined) return plurals.select(Number(value)) === 'one' ? one : other;
      return typeof value === 'number' ? numbers.format(value) : value;
    });
  return (text) => {
    if ('key' in text) return fill(catalogue[text.key], text.values ?? {});
    const { code, detail, remedy } = text.problem;
    return texts[`problem.${code}`] ?? `${detail} ${remedy}`.trim();
  };
}

const placeholder = /\{(\w+)(?:\|([^|{}]*)\|([^|{}]*))?\}/g;
