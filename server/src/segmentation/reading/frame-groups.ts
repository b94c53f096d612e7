import { item, items, number, numbers, text, type DicomDataset } from '../../imaging/dicom/dataset.js';
import type { SegContentsFrame } from '../types.js';

/** What the functional groups say of one frame (PS3.3 section C.7.6.16): its own group, otherwise the shared one. */
export interface FrameGroups extends Pick<SegContentsFrame, 'position' | 'orientation' | 'pixelSpacing' | 'source'> {
  /** ReferencedSegmentNumber; label maps have none */
  readonly segment?: number;
}

/** "Source image for image processing operation" of PS3.16 CID 7202. */
const PROCESSED = '121322';

/** One entry for each item of PerFrameFunctionalGroupsSequence. */
export function readFrameGroups(dataset: DicomDataset): FrameGroups[] {
  const shared = item(dataset, '52009229') ?? {};
  return items(dataset, '52009230').map((own) => {
    const macro = (tag: string): DicomDataset => item(own, tag) ?? item(shared, tag) ?? {};
    const position = numbers(macro('00209113'), '00200032');
    const orientation = numbers(macro('00209116'), '00200037');
    const spacing = numbers(macro('00289110'), '00280030');
    const source = readSource(macro('00089124'));
    const segment = number(macro('0062000A'), '0062000B');
    return {
      ...(segment === undefined ? {} : { segment }),
      ...(position?.length === 3 ? { position: position as [number, number, number] } : {}),
      ...(orientation?.length === 6
        ? { orientation: orientation as [number, number, number, number, number, number] }
        : {}),
      ...(spacing?.length === 2 ? { pixelSpacing: spacing as [number, number] } : {}),
      ...(source ? { source } : {}),
    };
  });
}

/**
 * The image that a frame was made on. Some writers name several (all that were resampled into it): then none of them
 * is the frame's image, and its position has to tell.
 */
function readSource(derivation: DicomDataset): SegContentsFrame['source'] {
  const images = items(derivation, '00082112');
  const processed = images.filter((image) => text(item(image, '0040A170') ?? {}, '00080100') === PROCESSED);
  const candidates = processed.length > 0 ? processed : images;
  if (candidates.length !== 1) return undefined;
  const [image] = candidates;
  const sopInstanceUid = text(image, '00081155');
  const frames = numbers(image, '00081160') ?? [];
  if (!sopInstanceUid || frames.length > 1) return undefined;
  return { sopInstanceUid, ...(frames.length === 1 ? { frameNumber: frames[0] } : {}) };
}
