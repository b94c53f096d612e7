/** One labelmap segmentation of OHIF. */
import { newUuid } from '../../client/uuid.js';
import type { Series } from '../series.js';
import type { CornerstoneCore } from '../types/cornerstone.js';
import type { HostServices } from '../types/ohif.js';
import type { CornerstoneTools } from '../types/tools.js';
import type { Layer } from './series-masks.js';

export interface LayerParts {
  readonly core: CornerstoneCore;
  readonly tools: CornerstoneTools;
  readonly services: HostServices;
  /** changes made within are ours, not the user's */
  asOurs(work: () => void): void;
}

/**
 * @param label as the host's own segmentation panel shows it
 * @throws Error when the host cannot make one, or its images are not the series'
 */
export async function makeHostLayer(series: Series, label: string, parts: LayerParts): Promise<Layer> {
  const { core, tools, services } = parts;
  const id = newUuid();
  await services.segmentationService.createLabelmapForDisplaySet(series.displaySet, {
    segmentationId: id,
    label,
    // OHIF takes a segment of its own for none.
    segments: { 1: { segmentIndex: 1, label: '', active: true, locked: false, cachedStats: {} } },
  });
  const data = tools.segmentation.state.getSegmentation(id)?.representationData.Labelmap;
  const imageIds = data?.imageIds ?? [];
  // By the image they belong to: the host orders slices its own way.
  const own = new Map(imageIds.map((imageId) => [core.cache.getImage(imageId)?.referencedImageId, imageId]));
  const inOrder = series.imageIds.map((imageId) => own.get(imageId));
  if (inOrder.some((imageId) => imageId === undefined)) {
    throw new Error(`${own.size} labelmap images for ${series.imageIds.length} images`);
  }

  return {
    id,
    labels: (index) => labelsOf(core, inOrder[index] as string),
    changed: (indices) =>
      parts.asOurs(() =>
        tools.segmentation.triggerSegmentationEvents.triggerSegmentationDataModified(
          id,
          framesOf(parts, id, indices.map((index) => inOrder[index] as string), indices), // prettier-ignore
        ),
      ),
  };
}

function labelsOf(core: CornerstoneCore, imageId: string): Uint8Array {
  const labels = core.cache.getImage(imageId)?.voxelManager.getScalarData();
  if (!(labels instanceof Uint8Array)) throw new Error('a labelmap of the viewer has no bytes to write to');
  return labels;
}

/** The host updates volumes by frame, in the volume's order where there is one. */
function framesOf(
  { core, tools }: LayerParts,
  id: string,
  imageIds: readonly string[],
  indices: readonly number[],
): number[] {
  const volumeId = tools.segmentation.state.getSegmentation(id)?.representationData.Labelmap?.volumeId;
  const order = volumeId === undefined ? undefined : core.cache.getVolume(volumeId)?.imageIds;
  if (order === undefined) return [...indices];
  const frames = imageIds.map((imageId) => order.indexOf(imageId));
  return frames.includes(-1) ? [] : frames;
}
