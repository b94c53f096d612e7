/** When a stroke of the host's brush has ended, what it changed is looked for. */
import type { Series } from './series.js';
import type { Labelmaps, SeriesEntry } from './labelmaps/labelmaps.js';

/** Milliseconds after the last change, for what is no stroke: commands of the host, its own undo. */
const quietTime = 300;

export class Strokes {
  private isDown = false;
  private readonly changedSeries = new Set<SeriesEntry>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly onDown = () => {
    this.isDown = true;
  };
  private readonly onUp = () => {
    this.isDown = false;
    // After the host's own listeners, which finish the stroke.
    if (this.changedSeries.size > 0) this.lookAfter(0);
  };

  constructor(
    private readonly labelmaps: Labelmaps,
    /** indices of the images of a series that viewports show */
    private readonly shown: (series: Series) => readonly number[],
    private readonly page: Pick<Window, 'addEventListener' | 'removeEventListener'>,
  ) {
    page.addEventListener('pointerdown', this.onDown, true);
    page.addEventListener('pointerup', this.onUp, true);
    page.addEventListener('pointercancel', this.onUp, true);
  }

  /** The data of a segmentation changed. */
  changed(segmentationId: string): void {
    const entry = this.labelmaps.changedByHost(segmentationId);
    if (entry === undefined) return;
    this.changedSeries.add(entry);
    if (!this.isDown) this.lookAfter(quietTime);
  }

  close(): void {
    clearTimeout(this.timer);
    this.page.removeEventListener('pointerdown', this.onDown, true);
    this.page.removeEventListener('pointerup', this.onUp, true);
    this.page.removeEventListener('pointercancel', this.onUp, true);
  }

  private lookAfter(wait: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const changed = [...this.changedSeries];
      this.changedSeries.clear();
      for (const { masks, series } of changed) {
        void masks.findEdits(this.shown(series)).catch((error: unknown) => this.labelmaps.onFailed.emit(error));
      }
    }, wait);
  }
}
