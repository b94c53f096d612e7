/** The masks of all series that were worked on, in the viewports that show them. */
import type { EditedSlice, SegmentMark, SliceMask } from '../../contract/viewer.js';
import { Emitter } from '../emitter.js';
import type { Host } from '../libraries.js';
import type { Series } from '../series.js';
import type { HostViewport } from '../types/cornerstone.js';
import { applySegments, applyToViewport } from './appearance.js';
import { makeHostLayer } from './host-layer.js';
import { MaskStore } from './mask-store.js';
import type { FrameClock } from './schedule.js';
import { SeriesMasks, type Layer, type SliceEdit } from './series-masks.js';
import { undrawnIn } from './undrawn.js';

export interface LabelmapsParts {
  readonly host: Host;
  readonly clock: FrameClock;
  /** viewports that show the series as slices: stacks and reformats */
  viewportsOf(series: Series): readonly HostViewport[];
  /** indices of the images of the series that they show */
  shown(series: Series): readonly number[];
  /** whether some viewport shows all of its images at the same time */
  showsAll(series: Series): boolean;
  /** the host has a labelmap more */
  layerMade(layer: Layer): void;
}

export interface SeriesEntry {
  readonly series: Series;
  readonly store: MaskStore;
  readonly masks: SeriesMasks;
  segments: readonly SegmentMark[];
}

/** A pixel of the host's labelmaps is a byte. */
const mostSegments = 255;

export class Labelmaps {
  readonly onEdited = new Emitter<[readonly EditedSlice[]]>();
  /** masks of these segments are other ones now */
  readonly onMasks = new Emitter<[SeriesEntry, ReadonlySet<number>]>();
  readonly onFailed = new Emitter<[unknown]>();
  private readonly entries = new Map<string, SeriesEntry>();
  private isOurs = false;
  /** viewports and layers that were not drawn when it was last looked */
  private missing: ReadonlySet<string> = new Set();

  constructor(private readonly parts: LabelmapsParts) {}

  entry(displaySetId: string): SeriesEntry | undefined {
    return this.entries.get(displaySetId);
  }

  all(): readonly SeriesEntry[] {
    return [...this.entries.values()];
  }

  async show(series: Series, segments: readonly SegmentMark[]): Promise<SeriesEntry> {
    const entry = this.entries.get(series.target.displaySetId) ?? this.open(series);
    const gone = entry.segments.filter(({ id }) => !segments.some((segment) => segment.id === id));
    const most = segments.filter(({ id }) => id <= mostSegments);
    if (most.length < segments.length && entry.segments.length < segments.length) {
      this.onFailed.emit(new Error(`more than ${mostSegments} segments`));
    }
    entry.segments = most;
    for (const { id } of most) await entry.masks.home(id);
    await Promise.all(gone.map(({ id }) => entry.masks.drop(id)));
    await this.refresh(entry);
    return entry;
  }

  write(series: Series, masks: readonly SliceMask[]): void {
    const entry = this.entries.get(series.target.displaySetId) ?? this.open(series);
    const writes = masks.flatMap(({ segment, image, runs }) => {
      const index = series.indexOf(image);
      return index === undefined || segment > mostSegments ? [] : [{ segment, index, runs }];
    });
    entry.masks.write(writes);
    this.onMasks.emit(entry, new Set(writes.map(({ segment }) => segment)));
  }

  clear(displaySetId: string): void {
    const entry = this.entries.get(displaySetId);
    if (entry === undefined) return;
    this.entries.delete(displaySetId);
    entry.masks.close();
    const { segmentationService } = this.parts.host.services;
    for (const { id } of entry.masks.layers) {
      if (this.exists(id)) this.asOurs(() => segmentationService.remove(id));
    }
    this.onMasks.emit({ ...entry, segments: [] }, new Set());
  }

  /** Shows every layer in every viewport of its series, as the session has its segments. */
  async refresh(entry: SeriesEntry): Promise<void> {
    const { host } = this.parts;
    const layers = entry.masks.layers.filter(({ id }) => this.exists(id));
    for (const layer of layers) {
      const marks = this.marksOf(entry, layer);
      applySegments(host, layer.id, marks);
      for (const { id } of this.parts.viewportsOf(entry.series)) {
        await this.addTo(id, layer);
        applyToViewport(host, id, layer.id, marks);
      }
    }
  }

  /** The host sometimes draws labelmaps as they were: telling it that all changed makes it. */
  redraw(): void {
    for (const { masks } of this.entries.values()) {
      for (const layer of masks.layers) if (this.exists(layer.id)) layer.changed([]);
    }
  }

  /**
   * Makes the host draw what it does not, where it did not the last time either: it may be about to.
   * @returns whether anything is not drawn
   */
  drawMissing(): boolean {
    const { tools } = this.parts.host;
    const missing = new Set<string>();
    for (const { series, masks } of this.entries.values()) {
      for (const { id } of masks.layers) {
        if (!this.exists(id)) continue;
        for (const viewportId of undrawnIn(tools, this.parts.viewportsOf(series), id)) {
          const key = `${viewportId} ${id}`;
          missing.add(key);
          if (!this.missing.has(key)) continue;
          tools.segmentation.triggerSegmentationEvents.triggerSegmentationRepresentationModified(
            viewportId,
            id,
            'Labelmap',
          );
        }
      }
    }
    this.missing = missing;
    return missing.size > 0;
  }

  /**
   * The host says that a segmentation changed; who did is known from who works now.
   * @returns the series, when its user did
   */
  changedByHost(segmentationId: string): SeriesEntry | undefined {
    if (this.isOurs) return undefined;
    const entry = this.all().find(({ masks }) => masks.layers.some(({ id }) => id === segmentationId));
    // The host's own list of images is by place in a viewport; a stroke of a sphere, or a command, may reach any.
    entry?.masks.suspectEdits(segmentationId, entry.series.imageIds.keys());
    return entry;
  }

  /** The mode was left: the host removes the segmentations. */
  close(): void {
    for (const { masks } of this.entries.values()) masks.close();
    this.entries.clear();
  }

  private open(series: Series): SeriesEntry {
    const store = new MaskStore();
    const { host, clock } = this.parts;
    const asOurs = (work: () => void) => this.asOurs(work);
    const masks: SeriesMasks = new SeriesMasks({
      clock,
      store,
      makeLayer: async () => {
        const number = masks.layers.length + 1;
        const label = number === 1 ? 'MedSAM2' : `MedSAM2 (${number})`;
        const layer = await makeHostLayer(series, label, {
          ...host,
          asOurs,
          failed: (error) => this.onFailed.emit(error),
        });
        this.parts.layerMade(layer);
        return layer;
      },
      shown: () => this.parts.shown(series),
      showsAll: () => this.parts.showsAll(series),
      moved: () => void this.refresh(entry).catch((error: unknown) => this.onFailed.emit(error)),
      edited: (edits) => this.report(entry, edits),
      failed: (error) => this.onFailed.emit(error),
    });
    const entry: SeriesEntry = { series, store, masks, segments: [] };
    this.entries.set(series.target.displaySetId, entry);
    return entry;
  }

  private report(entry: SeriesEntry, edits: readonly SliceEdit[]): void {
    const known = edits.filter(({ segment }) => entry.segments.some(({ id }) => id === segment));
    if (known.length === 0) return;
    this.onEdited.emit(
      known.map(({ segment, index, runs }) => {
        const { rows, columns } = entry.series.planes[index];
        return { segment, image: entry.series.target.images[index], rows, columns, runs };
      }),
    );
    this.onMasks.emit(entry, new Set(known.map(({ segment }) => segment)));
  }

  private marksOf(entry: SeriesEntry, layer: Layer): SegmentMark[] {
    const own = entry.masks.segmentsOf(layer);
    return entry.segments.filter(({ id }) => own.includes(id));
  }

  private async addTo(viewportId: string, layer: Layer): Promise<void> {
    const { services, tools } = this.parts.host;
    const shown = tools.segmentation.state.getSegmentationRepresentations(viewportId, {
      segmentationId: layer.id,
      type: 'Labelmap',
    });
    if (shown !== undefined && shown.length > 0) return;
    await services.segmentationService.addSegmentationRepresentation(viewportId, {
      segmentationId: layer.id,
      type: 'Labelmap',
    });
  }

  private exists(id: string): boolean {
    return this.parts.host.tools.segmentation.state.getSegmentation(id) !== undefined;
  }

  private asOurs(work: () => void): void {
    const before = this.isOurs;
    this.isOurs = true;
    try {
      work();
    } finally {
      this.isOurs = before;
    }
  }
}
