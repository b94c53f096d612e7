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
  failed(error: unknown): void;
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
    isReady: () => withoutVolume(parts, id).length === 0,
    changed(indices) {
      const ids = indices.map((index) => inOrder[index] as string);
      const tell = () =>
        parts.asOurs(() =>
          tools.segmentation.triggerSegmentationEvents.triggerSegmentationDataModified(
            id,
            framesOf(parts, id, ids, indices),
          ),
        );
      const unready = withoutVolume(parts, id);
      if (unready.length === 0) return tell();
      // A reformat shows the labelmap before the host has made a volume of it: to add it again makes one.
      const made = unready.map((viewportId) =>
        services.segmentationService.addSegmentationRepresentation(viewportId, {
          segmentationId: id,
          type: 'Labelmap',
        }),
      );
      Promise.all(made)
        .then(() => {
          if (withoutVolume(parts, id).length === 0) tell();
        })
        .catch((error: unknown) => parts.failed(error));
    },
  };
}

function labelsOf(core: CornerstoneCore, imageId: string): Uint8Array {
  const labels = core.cache.getImage(imageId)?.voxelManager.getScalarData();
  if (!(labels instanceof Uint8Array)) throw new Error('a labelmap of the viewer has no bytes to write to');
  return labels;
}

/** Reformats that show the labelmap while it is no volume yet; the host fails on news of it then. */
function withoutVolume({ core, tools, services }: LayerParts, id: string): string[] {
  const data = tools.segmentation.state.getSegmentation(id)?.representationData.Labelmap;
  if (data === undefined || (data.volumeId !== undefined && core.cache.getVolume(data.volumeId) !== undefined))
    return [];
  return tools.segmentation.state
    .getViewportIdsWithSegmentation(id)
    .filter(
      (viewportId) => services.cornerstoneViewportService.getCornerstoneViewport(viewportId)?.type === 'orthographic',
    );
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
