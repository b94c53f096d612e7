import { text } from '../imaging/dicom/dataset.js';
import type { DicomDataset } from '../imaging/dicom/index.js';
import { invalidAnswer } from './errors.js';

export type Level = 'study' | 'series' | 'instance';

/** What tells the matches of a level apart. */
const IDENTITY: Record<Level, string> = { study: '0020000D', series: '0020000E', instance: '00080018' };
const PAGE = 1000;
/** A PACS that hands out one match at a time, for ever, is broken. */
const MAX_PAGES = 1000;

/**
 * All matches of a query, page by page (PS3.18 section 8.3.4.4) up to `limit`. A short page is no sign of the end, for
 * archives cap pages at sizes of their own; an empty one is, and so is one that brings nothing new, which is how
 * archives answer that do not know `offset`.
 */
export async function searchAll(
  pacs: string,
  level: Level,
  limit: number,
  page: (limit: number, offset: number) => Promise<DicomDataset[]>,
): Promise<DicomDataset[]> {
  const matches: DicomDataset[] = [];
  const seen = new Set<string>();
  let offset = 0;
  for (let pages = 0; matches.length < limit; pages++) {
    if (pages === MAX_PAGES) throw invalidAnswer(pacs, `it has more than ${MAX_PAGES} pages`);
    const datasets = await page(Math.min(PAGE, limit - matches.length), offset);
    const fresh = datasets.filter((dataset) => {
      const identity = text(dataset, IDENTITY[level]) ?? JSON.stringify(dataset);
      return !seen.has(identity) && seen.add(identity);
    });
    if (fresh.length === 0) break;
    matches.push(...fresh);
    offset += datasets.length;
  }
  return matches.slice(0, limit);
}
