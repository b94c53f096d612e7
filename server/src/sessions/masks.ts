import type { PromptAnswer, SliceScoreState, StreamEvent } from '@medsam2/protocol';
import { countPixels, encodeRuns, toBase64 } from '@medsam2/protocol/stream';
import type { SliceResult } from '../engine/types.js';
import type { Origin, SliceMask } from './state.js';

/** Four digits: more are noise, and they are sent with every slice. */
const rounded = (value: number): number => Math.round(value * 1e4) / 1e4;

export function sliceMask(
  mask: Uint8Array,
  { iou, presence }: Pick<SliceResult, 'iou' | 'presence'>,
  origin: Origin,
  model?: string,
): SliceMask {
  const runs = encodeRuns(mask);
  return {
    runs,
    pixels: countPixels(runs),
    iou: rounded(iou),
    presence: rounded(presence),
    origin,
    ...(model === undefined ? {} : { model }),
  };
}

/** What a person drew. */
export const editedMask = (mask: Uint8Array): SliceMask => sliceMask(mask, { iou: 1, presence: 10 }, 'edited');

export const isSameMask = (a: SliceMask, b: SliceMask): boolean =>
  a.runs.length === b.runs.length && a.runs.every((byte, index) => byte === b.runs[index]);

export function scoreOf(
  segment: number,
  slice: number,
  revision: number,
  mask: SliceMask | undefined,
): SliceScoreState {
  // A slice without a mask is told as an empty one, so that clients forget what they had.
  const { iou, presence, origin, pixels } = mask ?? { iou: 0, presence: 0, origin: 'propagated' as const, pixels: 0 };
  return { segment, slice, revision, iou, presence, origin, pixels };
}

export interface MaskSize {
  readonly rows: number;
  readonly columns: number;
}

const nothing = new Uint8Array(0);

export function sliceEvent(score: SliceScoreState, mask: SliceMask | undefined, size: MaskSize): StreamEvent {
  return { header: { type: 'slice', ...score, ...size }, payload: mask?.runs ?? nothing };
}

export function answerMask(
  { segment, slice }: SliceScoreState,
  mask: SliceMask | undefined,
  { rows, columns }: MaskSize,
): PromptAnswer['masks'][number] {
  return { segment, slice, rows, columns, runs: toBase64(mask?.runs ?? nothing) };
}
