import type { SliceScoreState } from '@medsam2/protocol';
import type { Clock } from '../client/clock.js';
import type { ImageRef, SegmentMark, SeriesTarget, SliceMask, ViewerPort } from '../contract/index.js';
import type { SegmentScores } from './data.js';

/** One slice of one segment; runs as the server sent them, some ten to hundred bytes. */
interface StoredMask {
  readonly score: SliceScoreState;
  readonly rows: number;
  readonly columns: number;
  readonly runs: Uint8Array;
}

export interface MasksOptions {
  readonly viewer: Pick<ViewerPort, 'showSegments' | 'writeSlices' | 'clear'>;
  readonly clock: Clock;
  readonly target: () => SeriesTarget;
  readonly marks: () => readonly SegmentMark[];
  readonly imageOf: (slice: number) => ImageRef | undefined;
  readonly onScores: (scores: ReadonlyMap<number, SegmentScores>) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * The masks of a session and their way into the viewer: what changes between two frames of the page is written
 * together. The only copy besides the viewer's voxels, so that they can be shown again.
 */
export class Masks {
  private readonly masks = new Map<number, Map<number, StoredMask>>();
  private readonly dirty = new Map<number, Set<number>>();
  /** slices that a person is editing: what comes from the server is kept, not shown */
  private readonly held = new Map<string, number>();
  private scores: ReadonlyMap<number, SegmentScores> = new Map();
  private readonly scored = new Set<number>();
  private shown: readonly SegmentMark[] | undefined;
  private cancelFrame: (() => void) | undefined;
  private writing: Promise<void> = Promise.resolve();
  /** the series is in the active viewport */
  private active = true;

  constructor(private readonly options: MasksOptions) {}

  /** @returns false when something newer is known already */
  put(score: SliceScoreState, { rows, columns, runs }: Omit<StoredMask, 'score'>): boolean {
    const { segment, slice, revision } = score;
    const known = this.masks.get(segment)?.get(slice);
    if (known !== undefined && known.score.revision > revision) return false;
    const isSame = known?.score.revision === revision && !this.isDirty(segment, slice);
    if (isSame) return true;
    within(this.masks, segment, () => new Map<number, StoredMask>()).set(slice, { score, rows, columns, runs });
    this.scored.add(segment);
    this.touch(segment, slice);
    return true;
  }

  /** Until it is let go, the viewer's own mask of the slice stays as it is. */
  hold(segment: number, slice: number): void {
    const key = `${segment}/${slice}`;
    this.held.set(key, (this.held.get(key) ?? 0) + 1);
  }

  /** @param show what is known here replaces what the viewer has */
  release(segment: number, slice: number, show: boolean): void {
    const key = `${segment}/${slice}`;
    const left = (this.held.get(key) ?? 0) - 1;
    if (left > 0) this.held.set(key, left);
    else this.held.delete(key);
    if (show) this.touch(segment, slice);
  }

  /** What the server knows of segments that are gone is forgotten; the marks tell the viewer. */
  keepSegments(ids: ReadonlySet<number>): void {
    for (const id of [...this.masks.keys()]) {
      if (ids.has(id)) continue;
      this.masks.delete(id);
      this.dirty.delete(id);
      this.scored.add(id);
    }
    this.flushSoon();
  }

  /** Revisions of another life of the server say nothing. */
  forgetRevisions(): void {
    for (const slices of this.masks.values()) {
      for (const [slice, mask] of slices) slices.set(slice, { ...mask, score: { ...mask.score, revision: -1 } });
    }
  }

  /** The marks changed. */
  marksChanged(): void {
    this.flushSoon();
  }

  /** @param again everything is written anew: the viewer may have lost it */
  activate(active: boolean, again: boolean): void {
    this.active = active;
    if (!active) return;
    this.shown = undefined;
    if (again)
      for (const [segment, slices] of this.masks) for (const slice of slices.keys()) this.touch(segment, slice);
    this.flushSoon();
  }

  clear(): void {
    this.close();
    this.masks.clear();
    this.dirty.clear();
    this.held.clear();
    this.shown = undefined;
    this.scores = new Map();
    this.options.onScores(this.scores);
    this.options.viewer.clear(this.options.target());
  }

  close(): void {
    this.cancelFrame?.();
    this.cancelFrame = undefined;
  }

  private touch(segment: number, slice: number): void {
    within(this.dirty, segment, () => new Set<number>()).add(slice);
    this.flushSoon();
  }

  private isDirty = (segment: number, slice: number): boolean => this.dirty.get(segment)?.has(slice) === true;

  private flushSoon(): void {
    this.cancelFrame ??= this.options.clock.frame(() => {
      this.cancelFrame = undefined;
      this.publishScores();
      this.writing = this.writing.then(() => this.write()).catch((error: unknown) => this.options.onError(error));
    });
  }

  private publishScores(): void {
    if (this.scored.size === 0) return;
    const scores = new Map(this.scores);
    for (const segment of this.scored) {
      const slices = this.masks.get(segment);
      if (slices === undefined) scores.delete(segment);
      else scores.set(segment, scoresOf(slices));
    }
    this.scored.clear();
    this.scores = scores;
    this.options.onScores(scores);
  }

  private async write(): Promise<void> {
    const { viewer, marks: marksNow, target } = this.options;
    const marks = marksNow();
    const never = this.shown === undefined;
    if (!isSame(marks, this.shown) && (this.active || never) && !(never && marks.length === 0)) {
      this.shown = marks;
      try {
        await viewer.showSegments(target(), marks);
      } catch (error) {
        this.shown = undefined; // tried again with the next change
        throw error;
      }
    }
    const masks = this.takeDirty(new Set(marks.map(({ id }) => id)));
    if (masks.length > 0) viewer.writeSlices(target(), masks);
  }

  private takeDirty(segments: ReadonlySet<number>): SliceMask[] {
    const masks: SliceMask[] = [];
    for (const [segment, slices] of this.dirty) {
      if (!segments.has(segment)) continue; // its segment is told in a moment
      for (const slice of slices) {
        if (this.held.has(`${segment}/${slice}`)) continue;
        slices.delete(slice);
        const mask = this.masks.get(segment)?.get(slice);
        const image = this.options.imageOf(slice);
        if (mask === undefined || image === undefined) continue;
        masks.push({ segment, image, rows: mask.rows, columns: mask.columns, runs: mask.runs });
      }
    }
    return masks;
  }
}

/** A slice without mask and score was emptied, by undo for example: nothing is to be said of it. */
function scoresOf(slices: ReadonlyMap<number, StoredMask>): SegmentScores {
  const scores = new Map<number, SliceScoreState>();
  for (const [slice, { score }] of slices) {
    if (score.pixels > 0 || score.iou !== 0 || score.presence !== 0) scores.set(slice, score);
  }
  return scores;
}

const isSame = (a: readonly SegmentMark[], b: readonly SegmentMark[] | undefined): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

function within<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  map.set(key, value);
  return value;
}
