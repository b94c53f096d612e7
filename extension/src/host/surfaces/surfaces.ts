/**
 * Masks in viewports of space. OHIF makes surfaces of labelmaps itself, but with a library that compiles code from
 * texts, which the security policy of a hospital's pages forbids. So the surfaces are made here and handed to the host as
 * the representation that it would make.
 */
import type { SegmentMark } from '../../contract/viewer.js';
import type { Host } from '../libraries.js';
import type { SeriesEntry } from '../labelmaps/labelmaps.js';
import { inPortions, type FrameClock } from '../labelmaps/schedule.js';
import type { Layer } from '../labelmaps/series-masks.js';
import type { Series } from '../series.js';
import type { HostViewport } from '../types/cornerstone.js';
import type { Representation } from '../types/tools.js';
import { fieldOf } from './field.js';
import { surfaceOf, type SurfaceMesh } from './surface-nets.js';

export interface SurfacesParts {
  readonly host: Host;
  readonly clock: FrameClock;
  /** viewports that show the series in space, and as slices */
  spacesOf(series: Series): readonly HostViewport[];
  slicesOf(series: Series): readonly HostViewport[];
  failed(error: unknown): void;
}

/** Milliseconds without change before surfaces are made anew: propagation changes masks many times a second. */
const quietTime = 400;

export class Surfaces {
  private readonly stale = new Map<SeriesEntry, Set<number>>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isWorking = false;
  private isClosed = false;

  constructor(private readonly parts: SurfacesParts) {}

  /**
   * A new layer: with (still empty) surfaces of its own, the host does not make any.
   */
  prepare({ id }: Layer): void {
    const segmentation = this.parts.host.tools.segmentation.state.getSegmentation(id);
    if (segmentation === undefined) return;
    segmentation.representationData.Surface ??= { geometryIds: new Map() };
  }

  /** Masks of these segments are other ones now. */
  changed(entry: SeriesEntry, segments: Iterable<number>): void {
    const set = this.stale.get(entry) ?? new Set<number>();
    for (const segment of segments) set.add(segment);
    this.stale.set(entry, set);
    this.later();
  }

  /** Viewports or segments changed: shows what there is, and makes what is missing where somebody looks. */
  refresh(entry: SeriesEntry): void {
    const viewports = this.parts.spacesOf(entry.series);
    const { host } = this.parts;
    for (const layer of entry.masks.layers) {
      this.prepare(layer);
      for (const { id } of viewports) this.showIn(id, layer, entry);
      // The host carries them over from a viewport of space to one of slices, where they cover the image.
      for (const { id } of this.parts.slicesOf(entry.series)) this.hideIn(id, layer);
    }
    const isShown = (segment: number) => host.core.cache.getGeometry(geometryId(entry, segment)) !== undefined;
    if (viewports.length > 0)
      this.changed(
        entry,
        entry.store.segments().filter((segment) => !isShown(segment)),
      );
  }

  /** The host's listener would make surfaces anew, its own way, whenever a labelmap changes. */
  representationAdded(segmentationId: string): void {
    setTimeout(() => this.parts.host.tools.segmentation.removeSegmentationListener?.(segmentationId, 'Surface'), 0);
  }

  /**
   * The host tells of changed labels when it adds a surface, and its listener, taken away or not, then waits before it
   * makes surfaces of what the event is about. It is about nothing any more when it looks.
   */
  dataModified({ detail }: CustomEvent<{ segmentationId: string }>): void {
    setTimeout(() => {
      detail.segmentationId = '';
    }, 0);
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    for (const entry of this.stale.keys()) {
      for (const segment of entry.store.segments()) this.drop(entry, segment);
    }
    this.stale.clear();
  }

  private later(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.work().catch((error: unknown) => this.parts.failed(error)), quietTime);
  }

  private async work(): Promise<void> {
    if (this.isWorking) return this.later();
    this.isWorking = true;
    try {
      for (const [entry, segments] of this.stale) {
        // Nobody looks: they are made when somebody does.
        if (this.parts.spacesOf(entry.series).length === 0) continue;
        for (const segment of segments) {
          segments.delete(segment);
          await this.make(entry, segment);
        }
      }
    } finally {
      this.isWorking = false;
    }
  }

  private async make(entry: SeriesEntry, segment: number): Promise<void> {
    const made: { mesh?: SurfaceMesh } = {};
    const isDone = await inPortions(this.parts.clock, steps(entry, segment, made), () => !this.isClosed);
    if (!isDone) return;
    const layer = entry.masks.layers.find((candidate) => entry.masks.segmentsOf(candidate).includes(segment));
    if (layer === undefined || made.mesh === undefined || made.mesh.points.length === 0) this.drop(entry, segment);
    else await this.put(entry, layer, segment, made.mesh);
  }

  private async put(entry: SeriesEntry, layer: Layer, segment: number, mesh: SurfaceMesh): Promise<void> {
    const { core } = this.parts.host;
    const id = geometryId(entry, segment);
    const existing = core.cache.getGeometry(id);
    const colour = entry.segments.find((mark) => mark.id === segment)?.colour ?? [255, 214, 0];
    if (existing === undefined) {
      await core.geometryLoader.createAndCacheGeometry(id, {
        type: 'SURFACE',
        geometryData: {
          id,
          points: mesh.points,
          polys: mesh.polys,
          frameOfReferenceUID: this.parts.spacesOf(entry.series)[0]?.getFrameOfReferenceUID() ?? '',
          color: [...colour],
          segmentIndex: segment,
        },
      });
    } else {
      existing.data.polys = otherLength(mesh.polys, existing.data.polys.length);
      existing.data.points = mesh.points;
    }
    for (const other of entry.masks.layers) this.geometries(other)?.delete(segment);
    this.geometries(layer)?.set(segment, id);
    for (const { id: viewportId } of this.parts.spacesOf(entry.series)) this.showIn(viewportId, layer, entry);
    this.parts.host.tools.segmentation.triggerSegmentationEvents.triggerSegmentationModified(layer.id);
  }

  private drop(entry: SeriesEntry, segment: number): void {
    const id = geometryId(entry, segment);
    const { core } = this.parts.host;
    if (core.cache.getGeometry(id) === undefined) return;
    for (const layer of entry.masks.layers) {
      if (this.geometries(layer)?.delete(segment) !== true) continue;
      // The host keeps drawing a surface that it has; showing the others anew leaves this one out.
      for (const { id: viewportId } of this.parts.spacesOf(entry.series)) this.hideIn(viewportId, layer);
      for (const { id: viewportId } of this.parts.spacesOf(entry.series)) this.showIn(viewportId, layer, entry);
    }
    core.cache.removeGeometryLoadObject(id);
  }

  private showIn(viewportId: string, layer: Layer, entry: SeriesEntry): void {
    // Adding a surface makes the host tell of the layer. What is left out now comes with the next look at the viewports.
    if ((this.geometries(layer)?.size ?? 0) === 0 || !layer.isReady()) return;
    if (this.representation(viewportId, layer) === undefined) {
      this.addTo(viewportId, layer, this.coloursOfSlices(layer, entry));
    }
    const own = entry.masks.segmentsOf(layer);
    const marks = entry.segments.filter(({ id }) => own.includes(id));
    // The host colours a surface when it first draws it.
    if (this.colour(viewportId, layer, marks)) {
      const colours = this.representation(viewportId, layer)?.colorLUTIndex;
      this.hideIn(viewportId, layer);
      this.addTo(viewportId, layer, colours);
    }
    const { visibility } = this.parts.host.tools.segmentation.config;
    const specifier = { segmentationId: layer.id, type: 'Surface' } as const;
    for (const { id, visible } of marks) {
      const representation = this.representation(viewportId, layer);
      if (representation === undefined) return;
      representation.segments[id] ??= { visible: true };
      if (visibility.getSegmentIndexVisibility(viewportId, specifier, id) !== visible) {
        visibility.setSegmentIndexVisibility(viewportId, specifier, id, visible);
      }
    }
  }

  /** The host's table of colours of the layer's labelmap: with it, surfaces have its colours from the beginning. */
  private coloursOfSlices({ id }: Layer, { series }: SeriesEntry): number | undefined {
    const { state } = this.parts.host.tools.segmentation;
    return this.parts
      .slicesOf(series)
      .map((viewport) => state.getSegmentationRepresentations(viewport.id, { segmentationId: id, type: 'Labelmap' }))
      .find((representations) => representations?.[0] !== undefined)?.[0].colorLUTIndex;
  }

  /** @returns whether a colour was another */
  private colour(viewportId: string, layer: Layer, marks: readonly SegmentMark[]): boolean {
    const { tools, services } = this.parts.host;
    let isOther = false;
    for (const { id, colour } of marks) {
      const [red, green, blue] = tools.segmentation.config.color.getSegmentIndexColor(viewportId, layer.id, id) ?? [];
      if (red === colour[0] && green === colour[1] && blue === colour[2]) continue;
      services.segmentationService.setSegmentColor(viewportId, layer.id, id, [...colour, 255]);
      isOther = true;
    }
    return isOther;
  }

  private addTo(viewportId: string, { id }: Layer, colours: number | undefined): void {
    this.parts.host.services.segmentationService
      .addSegmentationRepresentation(viewportId, {
        segmentationId: id,
        type: 'Surface',
        // OHIF 3.11 does not remember them, and begins anew with colours of its own.
        ...(colours === undefined ? {} : { config: { colorLUTOrIndex: colours } }),
      })
      .catch((error: unknown) => this.parts.failed(error));
    this.representationAdded(id);
  }

  private hideIn(viewportId: string, layer: Layer): void {
    if (this.representation(viewportId, layer) === undefined) return;
    this.parts.host.tools.segmentation.removeSegmentationRepresentations(viewportId, {
      segmentationId: layer.id,
      type: 'Surface',
    });
  }

  private representation(viewportId: string, { id }: Layer): Representation | undefined {
    const { state } = this.parts.host.tools.segmentation;
    return state.getSegmentationRepresentations(viewportId, { segmentationId: id, type: 'Surface' })?.[0];
  }

  private geometries({ id }: Layer): Map<number, string> | undefined {
    return this.parts.host.tools.segmentation.state.getSegmentation(id)?.representationData.Surface?.geometryIds;
  }
}

const geometryId = ({ series }: SeriesEntry, segment: number): string =>
  `medsam2-surface-${series.target.displaySetId}-${segment}`;

function* steps({ store, series }: SeriesEntry, segment: number, made: { mesh?: SurfaceMesh }): Generator<void> {
  const field = yield* fieldOf(new Map(store.slices(segment)), series.planes);
  if (field !== undefined) made.mesh = yield* surfaceOf(field);
}

/** The host takes surfaces of the same length for the same: a triangle without extent makes the difference. */
function otherLength(polys: Uint32Array, length: number): Uint32Array {
  if (polys.length !== length) return polys;
  const longer = new Uint32Array(polys.length + 4);
  longer.set(polys);
  longer.set([3, 0, 0, 0], polys.length);
  return longer;
}
