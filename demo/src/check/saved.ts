/** Segmentations as they lie in the PACS, read back with the server's own reader. */
import { planSeries, segSource, type Pacs } from '@medsam2/server/dicomweb';
import { matchSeg, readSeg } from '@medsam2/server/segmentation';
import type { PhantomStudy } from '../phantoms/index.js';

export interface SavedSegment {
  readonly number: number;
  readonly label: string;
  readonly algorithmType?: string;
  /** on the grid of the study's truth: 0 or 1 */
  readonly mask: Uint8Array;
}

export interface SavedSegmentation {
  readonly series: string;
  readonly sopInstanceUid: string;
  readonly description: string;
  /** codes of what was odd */
  readonly findings: readonly string[];
  readonly segments: readonly SavedSegment[];
}

/** Every segmentation in the study, in no order. @throws UserError of the PACS, the reader or the matching */
export async function savedSegmentations(pacs: Pacs, study: PhantomStudy): Promise<SavedSegmentation[]> {
  const series = await pacs.searchSeries(study.studyUid, { Modality: 'SEG' });
  if (series.length === 0) return [];
  const source = segSource(await planSeries(pacs, { study: study.studyUid, series: study.seriesUid }), 0);
  const area = study.grid.rows * study.grid.columns;
  const found: SavedSegmentation[] = [];
  for (const dataset of series) {
    const seriesUid = textOf(dataset, '0020000E');
    for await (const bytes of pacs.seriesInstances(study.studyUid, seriesUid)) {
      const contents = await readSeg(bytes);
      const { segments, findings } = matchSeg(contents, source);
      found.push({
        series: seriesUid,
        sopInstanceUid: contents.sopInstanceUid,
        description: textOf(dataset, '0008103E'),
        findings: findings.map(({ code }) => code),
        segments: segments.map((segment) => {
          const mask = new Uint8Array(study.truth.length);
          for (const slice of segment.slices) mask.set(segment.mask(slice), slice * area);
          const { number, label, algorithmType } = segment;
          return { number, label, algorithmType, mask };
        }),
      });
    }
  }
  return found;
}

function textOf(dataset: Awaited<ReturnType<Pacs['searchSeries']>>[number], tag: string): string {
  const [value] = (dataset[tag]?.Value ?? []) as unknown[];
  return typeof value === 'string' ? value : '';
}
