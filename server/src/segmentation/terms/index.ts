/** What segments are: coded terms, search among them, colours. */
export { defaultTerms, termCatalogue } from './catalogue.js';
export { freeColour, paletteColour } from './palette.js';
export { currentCode } from './retired-codes.js';
export type { TermEntry } from './rows.js';
export { searchTerms } from './search.js';
