/** Makes the host show segments as the session has them: names, colours, visible, locked, active. */
import type { SegmentMark } from '../../contract/viewer.js';
import type { HostServices } from '../types/ohif.js';
import type { CornerstoneTools, HostSegmentation } from '../types/tools.js';

export interface Appearance {
  readonly tools: CornerstoneTools;
  readonly services: HostServices;
}

/** The segments that live in a layer are those of the host's segmentation. */
export function applySegments({ tools }: Appearance, layerId: string, marks: readonly SegmentMark[]): void {
  const { segmentation } = tools;
  const current = segmentation.state.getSegmentation(layerId);
  if (current === undefined) return;
  if (!sameSegments(current, marks)) {
    const segments = Object.fromEntries(
      marks.map(({ id, label, locked, active }) => [
        id,
        { cachedStats: {}, ...current.segments[id], segmentIndex: id, label, locked, active },
      ]),
    );
    segmentation.updateSegmentations([{ segmentationId: layerId, payload: { segments } }]);
  }
  for (const { id, locked, active } of marks) {
    if (segmentation.segmentLocking.isSegmentIndexLocked(layerId, id) !== locked) {
      segmentation.segmentLocking.setSegmentIndexLocked(layerId, id, locked);
    }
    if (active && segmentation.segmentIndex.getActiveSegmentIndex(layerId) !== id) {
      segmentation.segmentIndex.setActiveSegmentIndex(layerId, id);
    }
  }
}

const sameSegments = ({ segments }: HostSegmentation, marks: readonly SegmentMark[]): boolean =>
  Object.keys(segments).length === marks.length &&
  marks.every(({ id, label, locked }) => segments[id]?.label === label && segments[id].locked === locked);

/** Colours and visibility are the host's per viewport. */
export function applyToViewport(
  { tools, services }: Appearance,
  viewportId: string,
  layerId: string,
  marks: readonly SegmentMark[],
): void {
  const { config, state, activeSegmentation } = tools.segmentation;
  const [representation] =
    state.getSegmentationRepresentations(viewportId, { segmentationId: layerId, type: 'Labelmap' }) ?? [];
  if (representation === undefined) return;
  for (const { id, colour, visible } of marks) {
    representation.segments[id] ??= { visible: true };
    const [red, green, blue, opacity] = config.color.getSegmentIndexColor(viewportId, layerId, id) ?? [];
    if (red !== colour[0] || green !== colour[1] || blue !== colour[2] || opacity !== 255) {
      // Through the service, which remembers the colours for viewports to come.
      services.segmentationService.setSegmentColor(viewportId, layerId, id, [...colour, 255]);
    }
    if (
      config.visibility.getSegmentIndexVisibility(viewportId, { segmentationId: layerId, type: 'Labelmap' }, id) !==
      visible
    ) {
      config.visibility.setSegmentIndexVisibility(
        viewportId,
        { segmentationId: layerId, type: 'Labelmap' },
        id,
        visible,
      );
    }
  }
  const isActive = marks.some(({ active }) => active);
  if (isActive && activeSegmentation.getActiveSegmentation(viewportId)?.segmentationId !== layerId) {
    activeSegmentation.setActiveSegmentation(viewportId, layerId);
  }
}
