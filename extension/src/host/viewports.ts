/** Which viewport shows which series. */
import type { Text } from '../contract/text.js';
import type { ImageRef } from '../contract/viewer.js';
import type { Host } from './libraries.js';
import { nearestPlane } from './plane.js';
import { seriesOf, type Series } from './series.js';
import type { HostViewport, Point3 } from './types/cornerstone.js';
import { add, dot, scale, subtract } from './vector.js';

export class Viewports {
  private readonly known = new Map<string, Series>();

  constructor(private readonly host: Host) {}

  /** the series in the active viewport */
  active(): Series | { readonly reason: Text } {
    const { viewportGridService } = this.host.services;
    const id = viewportGridService.getActiveViewportId();
    if (id === null || id === undefined) return { reason: { key: 'viewer.no-series' } };
    return this.shownIn(id);
  }

  activeViewport(): HostViewport | undefined {
    const id = this.host.services.viewportGridService.getActiveViewportId();
    return id === null || id === undefined ? undefined : this.get(id);
  }

  seriesOf(displaySetId: string): Series | undefined {
    const known = this.known.get(displaySetId);
    if (known !== undefined) return known;
    const displaySet = this.host.services.displaySetService.getDisplaySetByUID(displaySetId);
    if (displaySet === undefined) return undefined;
    const series = seriesOf(displaySet, this.host.core);
    return 'reason' in series ? undefined : this.remember(series);
  }

  /** viewports that show the series as slices: stacks and reformats */
  slicesOf(series: Series): HostViewport[] {
    return this.showing(series).filter(({ type }) => type === 'stack' || type === 'orthographic');
  }

  /** viewports that show the series in space */
  spacesOf(series: Series): HostViewport[] {
    return this.showing(series).filter(({ type }) => type === 'volume3d');
  }

  /** index of the image that the viewport shows: in reformats, nearest to the focal point */
  indexIn(viewport: HostViewport, series: Series): number | undefined {
    if (viewport.type === 'stack') {
      const imageId = viewport.getCurrentImageId();
      return imageId === undefined ? undefined : series.indexOfId(imageId);
    }
    return nearestPlane(series.planes, viewport.getCamera().focalPoint)?.index;
  }

  async jumpTo(series: Series, image: ImageRef): Promise<void> {
    const index = series.indexOf(image);
    if (index === undefined) return;
    for (const viewport of this.slicesOf(series)) {
      if (viewport.type === 'stack') {
        const imageIndex = viewport.getImageIds().indexOf(series.imageIds[index]);
        if (imageIndex >= 0) await this.host.core.utilities.jumpToSlice(viewport.element, { imageIndex });
      } else if (viewport.jumpToWorld !== undefined) {
        viewport.jumpToWorld(onPlane(viewport.getCamera().focalPoint, series, index));
      }
    }
  }

  private shownIn(viewportId: string): Series | { readonly reason: Text } {
    const { viewportGridService, displaySetService } = this.host.services;
    const ids = viewportGridService.getState().viewports.get(viewportId)?.displaySetInstanceUIDs ?? [];
    let reason: Text = { key: 'viewer.no-series' };
    for (const id of ids) {
      const known = this.known.get(id);
      if (known !== undefined) return known;
      const displaySet = displaySetService.getDisplaySetByUID(id);
      if (displaySet === undefined) continue;
      const series = seriesOf(displaySet, this.host.core);
      if (!('reason' in series)) return this.remember(series);
      ({ reason } = series);
    }
    return { reason };
  }

  private remember(series: Series): Series {
    this.known.set(series.target.displaySetId, series);
    return series;
  }

  private showing({ target }: Series): HostViewport[] {
    const { viewports } = this.host.services.viewportGridService.getState();
    return [...viewports]
      .filter(([, { displaySetInstanceUIDs }]) => displaySetInstanceUIDs?.includes(target.displaySetId) === true)
      .map(([id]) => this.get(id))
      .filter((viewport) => viewport !== undefined);
  }

  private get(id: string): HostViewport | undefined {
    return this.host.services.cornerstoneViewportService.getCornerstoneViewport(id) ?? undefined;
  }
}

/** The point moved along the slices' normal onto the image's plane: reformats across the slices stay where they are. */
function onPlane(point: Point3, { planes }: Series, index: number): Point3 {
  const { origin, normal } = planes[index];
  return add(point, scale(normal, dot(subtract(origin, point), normal)));
}
