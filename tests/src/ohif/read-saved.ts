import type { SaveState } from '@medsam2/protocol';
import { readSeg } from '@medsam2/server/segmentation';
import { stored } from '../server/whole/journey.js';
import type { Orthanc } from '../support/orthanc.js';

/**
 * Masks of one segment as the PACS holds them, [row][column] by slice; empty ones are left out.
 * @param sliceOf slice of the image that a frame was made on
 */
export async function savedMasks(
  orthanc: Orthanc,
  save: SaveState,
  segment: number,
  sliceOf: (sopInstanceUid: string) => number,
): Promise<Map<number, Uint8Array>> {
  const { bytes } = await stored(orthanc, save);
  const { frames } = await readSeg(bytes);
  const own = frames.filter((frame) => frame.segment === segment && !frame.isEmpty());
  return new Map(own.map((frame) => [sliceOf(frame.source?.sopInstanceUid ?? ''), frame.mask()]));
}
