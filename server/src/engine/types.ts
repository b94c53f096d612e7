import type { View, ViewMode } from './view.js';

/** How an object is followed from slice to slice: by memory alone, as the reference, or by memory, boxes and grey levels. */
export type Following = 'memory' | 'prompted';

/**
 * The engine's vocabulary. Coordinates: pixel = (x = column, y = row), centres on integers, of the ORIGINAL slice;
 * slice = index into the image source, from 0. Masks are [row][column], 0 or 1.
 */

/** What the engine segments: display images made on demand, so that a volume is never held a second time. */
export interface ImageSource {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  readonly channels: 1 | 3;
  /** 0..255 display intensities of one slice, [row][column] or [row][column][channel] */
  image(slice: number): Uint8Array;
}

export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

export interface Point {
  readonly x: number;
  readonly y: number;
  /** 1: belongs to the object; 0: does not */
  readonly label: 0 | 1;
}

/** How a RECIST line becomes a prompt; names and rules of the research script (specification section 3.4). */
export type RecistMode = 'box' | 'points' | 'center' | 'three-points' | 'box-grid';

export type Prompt =
  | { readonly kind: 'box'; readonly slice: number; readonly box: Box; readonly points?: readonly Point[] }
  | {
      readonly kind: 'points';
      readonly slice: number;
      readonly points: readonly Point[];
      /** the mask [row][column] that the points correct; without it they stand for the object alone */
      readonly previous?: Uint8Array;
    }
  | { readonly kind: 'mask'; readonly slice: number; readonly mask: Uint8Array }
  | {
      readonly kind: 'recist';
      readonly slice: number;
      /** pixels of the line as drawn, in row-major order */
      readonly pixels: readonly { readonly x: number; readonly y: number }[];
      readonly mode: RecistMode;
      /** pixels added on each side of the derived box */
      readonly shift?: number;
    };

export interface ObjectPrompts {
  /** label value in the output, 1.. */
  readonly label: number;
  readonly prompts: readonly Prompt[];
}

export type Direction = 'forward' | 'backward' | 'both';

/** Named choices of the reference implementation that change results; see docs/engine.md. */
export interface EngineOptions {
  /** replace an unstable single mask by the best of three (SAM 2.1: delta 0.05, threshold 0.98) */
  readonly stabilityFallback: boolean;
  /** fill background holes of at most this many low-resolution pixels; 0 = off (reference on CPU), 8 = reference on CUDA */
  readonly fillHoleArea: number;
  /** keep only the largest 26-connected component of each object after propagation */
  readonly largestComponent: boolean;
  /** per pixel, only the object with the highest logit keeps the pixel (reference video script) */
  readonly nonOverlap: boolean;
  /** return masks given by the user as they are, not after the model's round trip through the low resolution */
  readonly verbatimMasks: boolean;
  /** `mask`: box -> mask -> mask prompt for both passes (RECIST flow, default); `direct`: re-prompt each pass (3D-CT script) */
  readonly conditioning: 'mask' | 'direct';
  /** what of a slice the model sees: `full`, as the reference, or `roi`, a square that follows the object */
  readonly view: ViewMode;
  /** how the object is followed: `memory`, as the reference, or `prompted` */
  readonly following: Following;
}

export interface SliceResult {
  readonly label: number;
  readonly slice: number;
  /** [row][column] 0 or 1 at the source's resolution */
  readonly mask: Uint8Array;
  /** low-resolution logits [maskSize][maskSize] the mask was made from */
  readonly logits: Float32Array;
  /** the rectangle of the slice that `logits` cover */
  readonly view: View;
  /** the model's own estimate of the mask's IoU, 0..1 (1 for a mask given by the user) */
  readonly iou: number;
  /** object-presence logit; > 0 means present */
  readonly presence: number;
  /** `prompt`: a slice with a prompt; `propagated`: tracked; `blended`: between two prompted slices, from both sides */
  readonly origin: 'prompt' | 'propagated' | 'blended';
}

/** A prompted slice on which the model sees no object: nothing is propagated from it. */
export interface AbsentObject {
  readonly label: number;
  readonly slice: number;
  readonly iou: number;
  readonly presence: number;
}

export type SegmentEvent =
  | ({ readonly type: 'slice' } & SliceResult)
  | ({ readonly type: 'absent' } & AbsentObject)
  /** a direction ended early; `slice` is the first one that was not kept, counted in that direction */
  | {
      readonly type: 'stopped';
      readonly label: number;
      readonly slice: number;
      readonly direction: 'forward' | 'backward';
      readonly reason: 'absent' | 'iou';
    }
  /** slices finished and expected, over all objects */
  | { readonly type: 'progress'; readonly done: number; readonly total: number };

/** When a direction ends before the range does. Counts beyond the outermost prompt only: between prompts the object comes back. */
export interface StopRule {
  /** after this many slices in a row without the object; they are given as empty masks */
  readonly absentSlices?: number;
  /** on the first slice with an object whose predicted IoU is lower; that slice is not given */
  readonly minIou?: number;
}

export interface SegmentRequest {
  readonly objects: readonly ObjectPrompts[];
  readonly direction: Direction;
  /** inclusive slice range; default the whole source */
  readonly range?: { readonly first: number; readonly last: number };
  /** inclusive, within the range: only these slices are given; prompts outside condition them. Default: the range */
  readonly visit?: { readonly first: number; readonly last: number };
  /** `passes`: all slices forward, then backward (default); `outward`: both in turn, so that neighbours come first */
  readonly order?: 'passes' | 'outward';
  readonly stop?: StopRule;
  /** `batch`: after everything that a person waits for; default: `propagation`, and prompted slices `interactive` */
  readonly priority?: 'propagation' | 'batch';
  readonly options: EngineOptions;
  readonly signal?: AbortSignal;
}
