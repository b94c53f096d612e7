/**
 * Reformats in which the host says that it shows a labelmap, and draws none: it drops what it drew when it sets their
 * volume anew, and does not draw it again by itself.
 */
import type { HostViewport } from '../types/cornerstone.js';
import type { CornerstoneTools } from '../types/tools.js';

/** @returns ids of such viewports */
export function undrawnIn(tools: CornerstoneTools, viewports: readonly HostViewport[], layerId: string): string[] {
  const { state } = tools.segmentation;
  return viewports
    .filter(({ type }) => type === 'orthographic')
    .filter(({ id }) => {
      const shown = state.getSegmentationRepresentations(id, { segmentationId: layerId, type: 'Labelmap' });
      return shown !== undefined && shown.length > 0;
    })
    .filter((viewport) => !isDrawn(viewport, layerId))
    .map(({ id }) => id);
}

const isDrawn = (viewport: HostViewport, layerId: string): boolean =>
  viewport.getActors().some(({ representationUID }) => representationUID?.startsWith(layerId) === true);
