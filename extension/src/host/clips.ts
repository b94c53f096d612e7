/** The masks of clips, drawn over the viewports that show them. */
import type { SegmentMark, SliceMask } from '../contract/viewer.js';
import { drawOverlay, removeOverlay } from './clip-overlay.js';
import { MaskStore } from './labelmaps/mask-store.js';
import type { Series } from './series.js';
import type { HostViewport } from './types/cornerstone.js';
import type { Viewports } from './viewports.js';

interface Clip {
  readonly series: Series;
  readonly store: MaskStore;
  segments: readonly SegmentMark[];
}

export class Clips {
  private readonly clips = new Map<string, Clip>();
  private isAsked = false;

  constructor(private readonly viewports: Viewports) {}

  show(series: Series, segments: readonly SegmentMark[]): void {
    const clip = this.clips.get(series.target.displaySetId) ?? { series, store: new MaskStore(), segments };
    this.clips.set(series.target.displaySetId, clip);
    for (const segment of clip.store.segments()) {
      if (!segments.some(({ id }) => id === segment)) clip.store.forget(segment);
    }
    clip.segments = segments;
    this.drawSoon();
  }

  write(series: Series, masks: readonly SliceMask[]): void {
    const clip = this.clips.get(series.target.displaySetId);
    if (clip === undefined) return;
    for (const { segment, image, runs } of masks) {
      const index = series.indexOf(image);
      if (index !== undefined) clip.store.set(segment, index, runs);
    }
    this.drawSoon();
  }

  clear(displaySetId: string): void {
    const clip = this.clips.get(displaySetId);
    if (clip === undefined) return;
    this.clips.delete(displaySetId);
    for (const viewport of this.viewports.slicesOf(clip.series)) removeOverlay(viewport);
  }

  /** The host drew this element's viewport anew. */
  drawn(element: EventTarget | null): void {
    for (const clip of this.clips.values()) {
      for (const viewport of this.viewports.slicesOf(clip.series)) {
        if (viewport.element === element) this.draw(viewport, clip);
      }
    }
  }

  /** Viewports of other series keep nothing of a clip that they showed before. */
  tidy(viewports: readonly HostViewport[]): void {
    for (const viewport of viewports) {
      const isClip = [...this.clips.values()].some(({ series }) => this.viewports.slicesOf(series).includes(viewport));
      if (!isClip) removeOverlay(viewport);
    }
  }

  close(): void {
    for (const id of [...this.clips.keys()]) this.clear(id);
  }

  private drawSoon(): void {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      for (const clip of this.clips.values()) {
        for (const viewport of this.viewports.slicesOf(clip.series)) this.draw(viewport, clip);
      }
    });
  }

  private draw(viewport: HostViewport, clip: Clip): void {
    const index = this.viewports.indexIn(viewport, clip.series);
    if (index !== undefined) drawOverlay(viewport, index, clip);
  }
}
