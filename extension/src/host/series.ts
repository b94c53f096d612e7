/** What a display set of the host is to this plug-in: its images in order, where they lie, and their names. */
import type { ImageRef, SeriesTarget } from '../contract/viewer.js';
import type { Text } from '../contract/text.js';
import { imageKey, imageRef } from './images.js';
import { planeOf, sliceSpacing, type ImagePlane } from './plane.js';
import type { CornerstoneCore } from './types/cornerstone.js';
import type { HostDisplaySet } from './types/ohif.js';

export interface Series {
  readonly target: SeriesTarget;
  readonly displaySet: HostDisplaySet;
  /** the host's names of the images, in the order of `target.images` */
  readonly imageIds: readonly string[];
  readonly planes: readonly ImagePlane[];
  /** mm between slices; 0 where they have no place in space */
  readonly spacing: number;
  readonly indexOf: (image: ImageRef) => number | undefined;
  readonly indexOfId: (imageId: string) => number | undefined;
}

/** Modalities whose objects are no images to draw on. */
const notImages = new Set(['SEG', 'RTSTRUCT', 'RTDOSE', 'RTPLAN', 'SR', 'PR', 'KO', 'DOC', 'ECG', 'SM', 'M3D', 'REG']);

/** @returns the series, or why it cannot be segmented */
export function seriesOf(
  displaySet: HostDisplaySet,
  core: Pick<CornerstoneCore, 'metaData'>,
): Series | { readonly reason: Text } {
  if (notImages.has(displaySet.Modality) || displaySet.isOverlayDisplaySet === true) {
    return { reason: { key: 'viewer.not-images', values: { modality: displaySet.Modality } } };
  }
  const imageIds = displaySet.imageIds ?? [];
  if (imageIds.length === 0) return { reason: { key: 'viewer.no-images' } };

  const images: ImageRef[] = [];
  const frames = framesByInstance(displaySet);
  for (const imageId of imageIds) {
    const instance = core.metaData.get('instance', imageId) as { readonly SOPInstanceUID?: unknown } | undefined;
    if (typeof instance?.SOPInstanceUID !== 'string') return { reason: { key: 'viewer.no-images' } };
    images.push(imageRef(instance.SOPInstanceUID, imageId, frames.get(instance.SOPInstanceUID) ?? 1));
  }
  const planes = imageIds.map((imageId) => planeOf(core.metaData.get('imagePlaneModule', imageId)));
  const spacing = sliceSpacing(planes);
  const isCine = images.some(({ frame }) => frame !== undefined) && spacing < 1e-3;

  const byKey = new Map(images.map((image, index) => [imageKey(image), index]));
  const byId = new Map(imageIds.map((imageId, index) => [imageId, index]));
  return {
    target: {
      displaySetId: displaySet.displaySetInstanceUID,
      study: displaySet.StudyInstanceUID,
      series: displaySet.SeriesInstanceUID,
      modality: displaySet.Modality,
      description: displaySet.SeriesDescription ?? '',
      kind: isCine ? 'cine' : 'stack',
      images,
    },
    displaySet,
    imageIds,
    planes,
    spacing,
    indexOf: (image) => byKey.get(imageKey(image)),
    indexOfId: (imageId) => byId.get(imageId),
  };
}

function framesByInstance({ instances, images }: HostDisplaySet): Map<string, number> {
  const frames = new Map<string, number>();
  for (const { SOPInstanceUID, NumberOfFrames } of [...(instances ?? []), ...(images ?? [])]) {
    frames.set(SOPInstanceUID, Number(NumberOfFrames ?? 1));
  }
  return frames;
}
