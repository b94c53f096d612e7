/**
 * The masks of one series in labelmaps of the host. A pixel of a labelmap holds one segment, so segments that overlap
 * lie in different labelmaps, called layers. A segment lies in one layer as a whole and moves when it collides.
 */
import type { MaskStore } from './mask-store.js';
import { collides, editedMasks, repaint } from './painting.js';
import { inPortions, type FrameClock } from './schedule.js';

/** A labelmap of the host. */
export interface Layer {
  readonly id: string;
  /** labels of one image, [row][column]; what is written here is what the host shows after `changed` */
  labels(index: number): Uint8Array;
  changed(indices: readonly number[]): void;
  /** false while a reformat shows it before the host has made a volume of it: the host fails on news of it then */
  isReady(): boolean;
}

export interface SliceWrite {
  readonly segment: number;
  readonly index: number;
  readonly runs: Uint8Array;
}
export type SliceEdit = SliceWrite;

export interface SeriesMasksParts {
  readonly clock: FrameClock;
  readonly store: MaskStore;
  makeLayer(): Promise<Layer>;
  /** indices of the images that viewports show now: their masks are drawn at once */
  shown(): readonly number[];
  /** whether some viewport shows all images at the same time, as reformats do */
  showsAll(): boolean;
  /** the segment lies in another layer now */
  moved(segment: number): void;
  edited(edits: readonly SliceEdit[]): void;
  failed(error: unknown): void;
}

/** Milliseconds of work in one frame, and least and most between two redraws, each of which draws all viewports anew. */
const portion = 6;
const redrawEvery = 100;
const redrawAtLeastEvery = 400;
/** Milliseconds without a new mask after which the host is told of those that nobody looks at. */
const quiet = 250;

export class SeriesMasks {
  readonly layers: Layer[] = [];
  private readonly layerOf = new Map<number, Layer>();
  private readonly queue = new Map<string, SliceWrite>();
  private readonly unshown = new Map<Layer, Set<number>>();
  /** images that the host's tools may have changed */
  private readonly suspect = new Map<Layer, Set<number>>();
  private shownAt = -Infinity;
  private writtenAt = -Infinity;
  /** grows where the host needs long to draw, so that most of the time is left to the user */
  private pause = redrawEvery;
  private isRunning = false;
  private isClosed = false;
  private scratch = new Uint8Array(0);
  private first: Promise<Layer> | undefined;

  constructor(private readonly parts: SeriesMasksParts) {}

  /** The layer that holds the segment; made when there is none. */
  async home(segment: number): Promise<Layer> {
    const existing = this.layerOf.get(segment);
    if (existing !== undefined) return existing;
    this.first ??= this.addLayer();
    await this.first;
    const layer = this.layerOf.get(segment) ?? this.layers[0];
    this.layerOf.set(segment, layer);
    return layer;
  }

  segmentsOf(layer: Layer): number[] {
    return [...this.layerOf].filter(([, home]) => home === layer).map(([segment]) => segment);
  }

  /** Queued; the newest mask of an image counts. */
  write(writes: readonly SliceWrite[]): void {
    for (const write of writes) this.queue.set(`${write.segment}/${write.index}`, write);
    void this.run();
  }

  /** The segment is no more: its masks go. */
  async drop(segment: number): Promise<void> {
    for (const [key, write] of this.queue) {
      if (write.segment === segment) this.queue.delete(key);
    }
    const layer = this.layerOf.get(segment);
    if (layer === undefined) return;
    this.write(
      [...this.parts.store.slices(segment).keys()].map((index) => ({ segment, index, runs: new Uint8Array(0) })),
    );
    await this.idle();
    this.layerOf.delete(segment);
    this.parts.store.forget(segment);
  }

  /** The host's tools changed these images of a layer. */
  suspectEdits(layerId: string, indices: Iterable<number>): void {
    const layer = this.layers.find(({ id }) => id === layerId);
    if (layer === undefined) return;
    const set = this.suspect.get(layer) ?? new Set<number>();
    for (const index of indices) set.add(index);
    this.suspect.set(layer, set);
  }

  /**
   * The stroke ended: finds what it changed, and says so.
   * @param shown images looked at first, where most strokes are; the rest follows in portions, for a stroke may reach
   *   through the whole volume
   */
  async findEdits(shown: readonly number[] = []): Promise<void> {
    const seen = this.editsOnShown(shown);
    if (seen.length > 0) this.parts.edited(seen);
    const edits: SliceEdit[] = [];
    await inPortions(this.parts.clock, this.searchEdits(edits), () => !this.isClosed);
    if (edits.length > 0) this.parts.edited(edits);
  }

  private editsOnShown(shown: readonly number[]): SliceEdit[] {
    const edits: SliceEdit[] = [];
    for (const [layer, indices] of this.suspect) {
      for (const index of shown) if (indices.delete(index)) edits.push(...this.editsOn(layer, index));
    }
    return edits;
  }

  private *searchEdits(edits: SliceEdit[]): Generator<void> {
    for (const [layer, indices] of this.suspect) {
      for (const index of indices) {
        indices.delete(index);
        edits.push(...this.editsOn(layer, index));
        yield;
      }
    }
    if (this.unshown.size > 0) this.redraw();
  }

  /** Resolves when everything queued is written and shown. */
  async idle(): Promise<void> {
    while (this.isRunning && !this.isClosed) await new Promise<void>((resolve) => this.parts.clock.next(resolve));
  }

  close(): void {
    this.isClosed = true;
    this.queue.clear();
  }

  private async run(): Promise<void> {
    if (this.isRunning || this.isClosed) return;
    this.isRunning = true;
    try {
      // What nobody looks at waits for its turn to be drawn, even when no more is written.
      while ((this.queue.size > 0 || this.unshown.size > 0) && !this.isClosed) {
        await new Promise<void>((resolve) => this.parts.clock.next(resolve));
        const until = this.parts.clock.now() + portion;
        for (const [key, write] of this.queue) {
          this.queue.delete(key);
          await this.paint(write);
          this.writtenAt = this.parts.clock.now();
          if (this.writtenAt >= until) break;
        }
        if (this.isDue()) this.redraw();
      }
    } catch (error) {
      this.parts.failed(error);
    } finally {
      this.isRunning = false;
    }
  }

  /**
   * The host draws every viewport whenever it is told of any image, and the page stands still while it does. So it is told
   * when somebody sees a difference; what lies on other images waits for the end.
   */
  private isDue(): boolean {
    const { parts } = this;
    const looked = parts.shown();
    if ([...this.unshown.values()].some((indices) => looked.some((index) => indices.has(index)))) return true;
    const now = parts.clock.now();
    return parts.showsAll() ? now - this.shownAt >= this.pause : now - this.writtenAt >= quiet;
  }

  private async paint({ segment, index, runs }: SliceWrite): Promise<void> {
    const { store } = this.parts;
    let layer = await this.home(segment);
    this.settle(layer, index);
    if (collides(layer.labels(index), runs, segment)) {
      store.set(segment, index, this.erased(layer, segment, index, runs));
      layer = await this.move(segment, layer);
      return;
    }
    repaint(layer.labels(index), store.get(segment, index), runs, segment);
    store.set(segment, index, runs);
    this.mark(layer, index);
  }

  /** Takes the old mask off before the segment moves, so that only the new one is left in the store. */
  private erased(layer: Layer, segment: number, index: number, runs: Uint8Array): Uint8Array {
    repaint(layer.labels(index), this.parts.store.get(segment, index), new Uint8Array(0), segment);
    this.mark(layer, index);
    return runs;
  }

  /** To the first layer where none of its masks collides. */
  private async move(segment: number, from: Layer): Promise<Layer> {
    const slices = this.parts.store.slices(segment);
    for (const [index, runs] of slices) {
      repaint(from.labels(index), runs, new Uint8Array(0), segment);
      this.mark(from, index);
    }
    const isFree = (layer: Layer) =>
      layer !== from && [...slices].every(([index, runs]) => !collides(layer.labels(index), runs, segment));
    let to = this.layers.find(isFree);
    to ??= await this.addLayer();
    this.layerOf.set(segment, to);
    for (const [index, runs] of slices) {
      repaint(to.labels(index), new Uint8Array(0), runs, segment);
      this.mark(to, index);
    }
    this.parts.moved(segment);
    return to;
  }

  /** What the user painted and nobody has seen yet is told before it is painted over. */
  private settle(layer: Layer, index: number): void {
    if (this.suspect.get(layer)?.delete(index) !== true) return;
    const edits = this.editsOn(layer, index);
    if (edits.length > 0) this.parts.edited(edits);
  }

  private editsOn(layer: Layer, index: number): SliceEdit[] {
    const labels = layer.labels(index);
    if (this.scratch.length < labels.length) this.scratch = new Uint8Array(labels.length);
    const expected = new Map(
      [...this.parts.store.at(index)].filter(([segment]) => this.layerOf.get(segment) === layer),
    );
    const edits: SliceEdit[] = [];
    for (const [segment, runs] of editedMasks(labels, expected, this.scratch)) {
      if (this.layerOf.get(segment) === layer) {
        this.parts.store.set(segment, index, runs);
        edits.push({ segment, index, runs });
      } else if (this.layerOf.has(segment)) {
        // Painted into a layer where the segment does not live: it would be there twice.
        repaint(labels, runs, new Uint8Array(0), segment);
        this.mark(layer, index);
      }
    }
    return edits;
  }

  private async addLayer(): Promise<Layer> {
    const layer = await this.parts.makeLayer();
    this.layers.push(layer);
    return layer;
  }

  private mark(layer: Layer, index: number): void {
    const set = this.unshown.get(layer) ?? new Set<number>();
    set.add(index);
    this.unshown.set(layer, set);
  }

  private redraw(): void {
    for (const [layer, indices] of this.unshown) layer.changed([...indices]);
    this.unshown.clear();
    const { clock } = this.parts;
    const begun = clock.now();
    this.shownAt = begun;
    // The host draws in the next frame; the one after that comes when it is done.
    clock.next(() =>
      clock.next(() => {
        this.pause = Math.min(redrawAtLeastEvery, Math.max(redrawEvery, 2 * (clock.now() - begun)));
      }),
    );
  }
}
