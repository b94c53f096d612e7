import { Appearance, type GreySlice } from './appearance.js';
import type { DecodeOutput } from './graph-runner.js';
import { argmax } from './numeric.js';
import { resizeBilinear } from './resize.js';
import type { Box } from './types.js';
import { boundsOf, type View } from './view.js';

/** Asks the decoder about the slice at hand: with memory and no prompt, or without memory and with a box. */
export interface Ask {
  remembered(): Promise<DecodeOutput>;
  boxed(box: Box): Promise<DecodeOutput>;
}

/** What `prompted` following says of a slice. */
export interface PromptedAnswer {
  /** [maskSize][maskSize]; what memory and the next view are made from */
  readonly logits: Float32Array;
  /** [maskSize][maskSize]; what is given out: the same, corrected by the object's grey levels */
  readonly shown: Float32Array;
  readonly iou: number;
  readonly presence: number;
  /** the answer from memory, and which of its candidates scores best: its pointer is kept */
  readonly remembered: DecodeOutput;
  readonly candidate: number;
  /** the object has ended: nothing beyond is asked */
  readonly ended: boolean;
}

/**
 * Following an object by prompting, for models whose answers to a box are better than their memory (docs/engine.md).
 *
 * Memory says where the object is; the box around that is asked again, without memory; both answers are averaged, over
 * their candidates too. An answer that looks less like the prompted slices' object than like its surroundings ends the
 * track. Grey levels decide pixels of which the model is not sure.
 */
export class PromptedFollower {
  private readonly appearance = new Appearance();

  constructor(
    private readonly maskSize: number,
    private readonly absentLogit: number,
  ) {}

  /** @param mask [row][column] of a prompted slice */
  learn(slice: GreySlice, mask: Uint8Array): void {
    this.appearance.learn(slice, mask);
  }

  /** @param mayEnd false where a prompted slice lies ahead: the object is known to go on */
  async answer(slice: GreySlice, view: View, ask: Ask, mayEnd: boolean): Promise<PromptedAnswer> {
    const { maskSize } = this;
    const area = maskSize ** 2;
    const remembered = await ask.remembered();
    const { presence } = remembered;
    const candidate = argmax(remembered.iou, 1, 4);
    const common = { iou: remembered.iou[candidate], presence, remembered, candidate };
    const first = meanOfTracked(remembered.masks, area);
    const where = presence > 0 ? this.boundsIn(slice, view, first) : undefined;
    if (where === undefined) return { logits: first, shown: first, ended: false, ...common };
    const boxed = await ask.boxed(where);
    const second = boxed.presence > 0 ? meanOfBoxed(boxed.masks, area) : first;
    const logits = first.map((value, at) => (value + second[at]) / 2);
    if (mayEnd && this.isOver(slice, view, logits)) {
      const nothing = new Float32Array(area).fill(this.absentLogit);
      return { logits: nothing, shown: nothing, ended: true, ...common, presence: -presence };
    }
    const evidence = this.appearance.map(slice, view, maskSize);
    const shown = logits.map((value, at) => value + evidence[at]);
    return { logits, shown, ended: false, ...common };
  }

  /** Bounds of a mask in pixels of the slice; undefined where it is empty. */
  private boundsIn({ rows, columns }: GreySlice, view: View, logits: Float32Array): Box | undefined {
    const whole = this.inPixels(view, logits);
    const bounds = boundsOf(
      Uint8Array.from(whole, (value) => (value > 0 ? 1 : 0)),
      view.width,
    );
    if (bounds === undefined) return undefined;
    const x0 = Math.max(bounds[0] + view.left, 0);
    const y0 = Math.max(bounds[1] + view.top, 0);
    const x1 = Math.min(bounds[2] + view.left, columns - 1);
    const y1 = Math.min(bounds[3] + view.top, rows - 1);
    return x0 > x1 || y0 > y1 ? undefined : [x0, y0, x1, y1];
  }

  /** Logits on the pixels of the view, [height][width]. */
  private inPixels(view: View, logits: Float32Array): Float32Array {
    return resizeBilinear(logits, this.maskSize, this.maskSize, view.height, view.width);
  }

  private isOver(slice: GreySlice, view: View, logits: Float32Array): boolean {
    const whole = this.inPixels(view, logits);
    const likeness = this.appearance.likeness(slice, view, (index) => whole[index] > 0);
    return likeness !== undefined && likeness < 0;
  }
}

/** Candidates 1 to 3, any of which may answer a tracked slice: their mean is steadier than the one that scores best. */
function meanOfTracked(masks: Float32Array, area: number): Float32Array {
  return Float32Array.from(
    { length: area },
    (_, at) => (masks[area + at] + masks[2 * area + at] + masks[3 * area + at]) / 3,
  );
}

/** Candidate 0 answers a box; the others stand in for it by half. */
function meanOfBoxed(masks: Float32Array, area: number): Float32Array {
  const others = meanOfTracked(masks, area);
  return others.map((value, at) => (value + masks[at]) / 2);
}
