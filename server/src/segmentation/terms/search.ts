import MiniSearch from 'minisearch';
import type { TermHit } from '@medsam2/protocol';
import { termCatalogue } from './catalogue.js';
import type { TermEntry } from './rows.js';

const MAX_QUERY = 200;
const MAX_WORDS = 12;

interface Document {
  readonly id: number;
  readonly label: string;
  readonly words: string;
  readonly codes: string;
}

let index: MiniSearch<Document> | undefined;

/** Letters without case and accents: `Œdème` finds `oedema`'s stem, `FÍGADO` would find `figado`. */
export const plain = (text: string): string =>
  text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().replace(/œ/g, 'oe').replace(/æ/g, 'ae');

const tokens = (text: string): string[] => plain(text).match(/[\p{L}\p{N}]+/gu) ?? [];

/**
 * Terms that fit a few words, best first: label, meaning, synonyms or a code; in any order, by the beginnings of words,
 * whatever case and accents, and with a typing error in longer words. Terms that have all the words come before those
 * that have some. An empty query gives the beginning of the list.
 *
 * @param limit at most so many hits
 */
export function searchTerms(query: string, limit: number): TermHit[] {
  const entries = termCatalogue();
  const words = tokens(query.slice(0, MAX_QUERY)).slice(0, MAX_WORDS);
  if (words.length === 0) return entries.slice(0, Math.max(0, limit)).map(hit);
  const search = (index ??= build(entries));
  const options = { prefix: true, fuzzy: (word: string) => (word.length > 4 && !/\d/.test(word) ? 0.2 : false) };
  let found = search.search(words.join(' '), { ...options, combineWith: 'AND' });
  if (found.length === 0) found = search.search(words.join(' '), { ...options, combineWith: 'OR' });
  const wanted = words.join(' ');
  return found
    .map(({ id, score }) => ({
      entry: entries[id as number],
      id: id as number,
      score: score * fit(entries[id as number], wanted),
    }))
    .sort((a, b) => b.score - a.score || a.id - b.id)
    .slice(0, Math.max(0, limit))
    .map(({ entry }) => hit(entry));
}

/** Word statistics rank rare words high; people expect the term itself first, then what begins with it. */
function fit(entry: TermEntry, wanted: string): number {
  const label = tokens(entry.label).join(' ');
  if (label === wanted) return 100;
  const also = entry.words.split(',').some((word) => tokens(word).join(' ') === wanted);
  if (also) return 4;
  // `kidney` rather means `left kidney` than `kidney stone`: the organ is asked for, not what ails it
  const whole = tokens(entry.terms.type.meaning).join(' ') === wanted;
  return whole ? 3 : label.startsWith(wanted) ? 2 : 1;
}

function build(entries: readonly TermEntry[]): MiniSearch<Document> {
  const search = new MiniSearch<Document>({
    fields: ['label', 'words', 'codes'],
    tokenize: tokens,
    processTerm: (term) => term,
    searchOptions: { boost: { label: 3 } },
  });
  search.addAll(
    entries.map(({ label, words, terms }, id) => ({
      id,
      label,
      words: [words, terms.type.meaning, terms.region?.meaning ?? ''].join(' '),
      codes: [terms.type.value, terms.region?.value ?? ''].join(' '),
    })),
  );
  return search;
}

const hit = ({ terms, label, colour }: TermEntry): TermHit => ({ terms, label, colour });
