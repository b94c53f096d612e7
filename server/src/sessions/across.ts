import { decodeRuns } from '@medsam2/protocol/stream';
import type { SliceResult } from '../engine/types.js';
import { planeSize } from './drawings.js';
import { isSameMask, sliceMask } from './masks.js';
import { pixelInSlice } from './orthogonal.js';
import type { LiveSession } from './session.js';
import { maskOf, type Change, type OrthogonalPlane } from './state.js';

/** Acquired slices are made anew after so many planes: every plane touches all of them. */
const flushEvery = 16;

/** Puts the masks of planes across the stack together as masks of acquired slices. */
export class AcrossCollector {
  /** [slice] of [row][column]; only slices that have ever had a pixel */
  private readonly slices = new Map<number, Uint8Array>();
  private readonly scores = new Map<number, { iou: number; presence: number; planes: number }>();
  private readonly dirty = new Set<number>();
  private waiting = 0;

  constructor(
    private readonly session: LiveSession,
    private readonly segment: number,
    private readonly plane: OrthogonalPlane,
    private readonly model: string,
  ) {}

  /** @returns slices that are to be written now */
  add({ slice: index, mask, iou, presence }: SliceResult): Change[] {
    const { grid, record } = this.session;
    const width = planeSize(grid, this.plane).columns;
    for (let slice = 0; slice < grid.slices; slice++) {
      const before = maskOf(record.content, this.segment, slice);
      if (before?.origin === 'edited') continue;
      const line = mask.subarray(slice * width, (slice + 1) * width);
      const any = line.includes(1);
      let pixels = this.slices.get(slice);
      if (pixels === undefined) {
        if (!any && before === undefined) continue;
        pixels = before === undefined ? new Uint8Array(grid.pixels) : decodeRuns(before.runs, grid.pixels);
        this.slices.set(slice, pixels);
      }
      for (let x = 0; x < width; x++) pixels[pixelInSlice(this.plane, index, x, grid.size.columns)] = line[x];
      this.dirty.add(slice);
      if (!any) continue;
      const score = this.scores.get(slice) ?? { iou: 0, presence: 0, planes: 0 };
      this.scores.set(slice, {
        iou: score.iou + iou,
        presence: score.presence + presence,
        planes: score.planes + 1,
      });
    }
    return ++this.waiting < flushEvery ? [] : this.finish();
  }

  /** Everything that has changed since the last time. Scores of a slice are the mean over the planes that meet it. */
  finish(): Change[] {
    this.waiting = 0;
    const changes: Change[] = [];
    for (const slice of this.dirty) {
      const pixels = this.slices.get(slice);
      if (pixels === undefined) continue;
      const { iou, presence, planes } = this.scores.get(slice) ?? { iou: 0, presence: 0, planes: 1 };
      const scores = { iou: iou / planes, presence: presence / planes };
      const value = sliceMask(pixels, scores, 'propagated', this.model);
      const before = maskOf(this.session.record.content, this.segment, slice);
      if (before === undefined || !isSameMask(before, value)) {
        changes.push({ kind: 'mask', segment: this.segment, slice, value });
      }
    }
    this.dirty.clear();
    return changes;
  }
}
