/** Segmentations as they lie in the PACS, with what a person is told about their segments. */
import { readSeg, type SegContentsSegment } from '@medsam2/server/segmentation';
import type { OpenedViewer, PhantomStudy } from '../support/index.js';

export interface StoredSegment extends SegContentsSegment {
  /** on the grid of the study's truth: 0 or 1 */
  readonly mask: Uint8Array;
}

/** Segments of the only segmentation in the study that is not among `known`. @param known SOP Instance UIDs */
export async function storedSince(
  opened: OpenedViewer,
  study: PhantomStudy,
  known: ReadonlySet<string>,
): Promise<{ readonly sopInstanceUid: string; readonly description: string; readonly segments: StoredSegment[] }> {
  const found = (await opened.saved(study)).filter(({ sopInstanceUid }) => !known.has(sopInstanceUid));
  if (found.length !== 1) throw new Error(`there are ${found.length} new segmentations in the PACS, not one`);
  const [{ series, sopInstanceUid, description, segments }] = found;
  for await (const bytes of opened.pacs.seriesInstances(study.studyUid, series)) {
    const contents = await readSeg(bytes);
    if (contents.sopInstanceUid !== sopInstanceUid) continue;
    return {
      sopInstanceUid,
      description,
      segments: segments.map(({ number, mask }) => {
        const told = contents.segments.find((segment) => segment.number === number);
        if (told === undefined) throw new Error(`segment ${number} is not described`);
        return { ...told, mask };
      }),
    };
  }
  throw new Error(`${sopInstanceUid} is not in its series`);
}
