import type { Text } from '../contract/text.js';
import { catalogueOf } from './catalogue.js';

export type Translate = (text: Text) => string;

/**
 * @param language as the host's interface, e.g. `de-CH`
 * @returns turns texts into sentences of that language. A problem that the catalogue does not know stays as the server
 *   said it (English): a wrong translation would be worse than none.
 */
export function translator(language: string): Translate {
  const catalogue = catalogueOf(language);
  const texts: Readonly<Record<string, string | undefined>> = catalogue;
  return (text) => {
    if ('key' in text) return fill(catalogue[text.key], text.values ?? {});
    const { code, detail, remedy } = text.problem;
    return texts[`problem.${code}`] ?? `${detail} ${remedy}`.trim();
  };
}

const fill = (template: string, values: Readonly<Record<string, string | number>>): string =>
  template.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
