import { unpackFrame } from '../bits.js';
import type { StoredFrames } from './stored-frames.js';

/** The mask of one segment on one stored frame, made anew at every call. */
export interface FrameMask {
  mask(): Uint8Array;
  isEmpty(): boolean;
}

/** A frame of a BINARY segmentation. */
export function bitMask({ stream, stride }: StoredFrames & { bits: 1 }, frame: number, pixels: number): FrameMask {
  const aligned = stride !== pixels;
  // a stride that is no multiple of 8 is the continuous stream, whose frames `unpackFrame` finds itself
  const own = aligned ? stream.subarray((frame * stride) / 8, ((frame + 1) * stride) / 8) : stream;
  const index = aligned ? 0 : frame;
  return { mask: () => unpackFrame(own, index, pixels), isEmpty: () => !hasBits(own, index * pixels, pixels) };
}

/** A frame of a FRACTIONAL segmentation: set where the value is at least half of its maximum. */
export function thresholdMask(samples: () => ArrayLike<number>, maximum: number): FrameMask {
  const isSet = (value: number): boolean => 2 * value >= maximum;
  return {
    mask: () => Uint8Array.from(samples(), (value) => (isSet(value) ? 1 : 0)),
    isEmpty: () => !some(samples(), isSet),
  };
}

/** One label of a frame of a LABELMAP segmentation; made for labels that occur in it. */
export const labelMask = (samples: () => ArrayLike<number>, label: number): FrameMask => ({
  mask: () => Uint8Array.from(samples(), (value) => (value === label ? 1 : 0)),
  isEmpty: () => false,
});

/** Values that occur, ascending. */
export function valuesIn(samples: ArrayLike<number>): number[] {
  const seen = new Uint8Array(65536);
  for (let i = 0; i < samples.length; i++) seen[samples[i]] = 1;
  const values: number[] = [];
  for (let value = seen.indexOf(1); value >= 0; value = seen.indexOf(1, value + 1)) values.push(value);
  return values;
}

function some(samples: ArrayLike<number>, isSet: (value: number) => boolean): boolean {
  for (let i = 0; i < samples.length; i++) if (isSet(samples[i])) return true;
  return false;
}

/** Whether any of `count` bits from bit `from` on is set (least significant bit of a byte first). */
function hasBits(stream: Uint8Array, from: number, count: number): boolean {
  const to = from + count;
  const [first, last] = [Math.floor(from / 8), Math.ceil(to / 8) - 1];
  for (let at = first; at <= last; at++) {
    let eight = stream[at];
    if (eight === 0) continue;
    if (at === first) eight &= 0xff << (from % 8);
    if (at === last && to % 8 !== 0) eight &= (1 << (to % 8)) - 1;
    if ((eight & 0xff) !== 0) return true;
  }
  return false;
}
