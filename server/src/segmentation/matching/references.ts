import type { SliceSource } from '../../imaging/volume.js';
import type { SegContentsFrame } from '../types.js';

/** For every frame the slice of the image that it names, when that image is in the volume. */
export function findByReference(
  frames: readonly SegContentsFrame[],
  sources: readonly SliceSource[],
): (number | undefined)[] {
  const byInstance = new Map<string, Map<number, number>>();
  sources.forEach(({ sopInstanceUid, frameNumber = 1 }, slice) => {
    const own = byInstance.get(sopInstanceUid) ?? new Map<number, number>();
    byInstance.set(sopInstanceUid, own.set(frameNumber, slice));
  });
  return frames.map(({ source }) => {
    const slices = source && byInstance.get(source.sopInstanceUid);
    if (!slices) return undefined;
    if (source.frameNumber !== undefined) return slices.get(source.frameNumber);
    // without a frame number the instance must be a single image; of several none is meant more than the others
    return slices.size === 1 ? [...slices.values()][0] : undefined;
  });
}
