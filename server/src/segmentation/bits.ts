/**
 * The one owner of 1-bit pixel data: all frames are one continuous stream of bits, the least significant bit of a byte
 * first; frames do not begin on byte boundaries, and only the end is padded (PS3.5 sections 8.1.1, 8.2 and annex D).
 */

/** Bytes of the stream without its padding to even length. */
export const packedBytes = (pixelsPerFrame: number, frames: number): number => Math.ceil((pixelsPerFrame * frames) / 8);

/** Offsets in bits exceed 2^31 for 256 MiB and more: so the byte where a frame begins, and the bit within it. */
function startOf(frame: number, pixels: number): { byte: number; bit: number } {
  const bits = frame * pixels;
  return { byte: Math.floor(bits / 8), bit: bits % 8 };
}

/**
 * First pixel of a mask that is 1, and the one behind the last; both 0 for an empty mask. Most of a mask is background,
 * which Buffer's search passes over much faster than any loop.
 */
export function extentOf(mask: Uint8Array): { readonly first: number; readonly end: number } {
  const bytes = Buffer.from(mask.buffer, mask.byteOffset, mask.length);
  return { first: Math.max(0, bytes.indexOf(1)), end: bytes.lastIndexOf(1) + 1 };
}

/**
 * Sets the bits of one frame in a stream whose bits of that frame are still 0.
 *
 * @param mask [row][column], 0 or 1
 * @param frame from 0
 */
export function packFrame(mask: Uint8Array, frame: number, stream: Uint8Array): void {
  const { byte, bit } = startOf(frame, mask.length);
  const { first, end } = extentOf(mask);
  let pixel = first;
  const single = (): void => {
    if (mask[pixel] === 1) stream[byte + ((bit + pixel) >>> 3)] |= 1 << ((bit + pixel) & 7);
    pixel++;
  };
  while (pixel < end && ((bit + pixel) & 7) !== 0) single();
  for (; pixel + 8 <= end; pixel += 8) stream[byte + ((bit + pixel) >>> 3)] = eightPixels(mask, pixel);
  while (pixel < end) single();
}

const eightPixels = (mask: Uint8Array, at: number): number =>
  mask[at] |
  (mask[at + 1] << 1) |
  (mask[at + 2] << 2) |
  (mask[at + 3] << 3) |
  (mask[at + 4] << 4) |
  (mask[at + 5] << 5) |
  (mask[at + 6] << 6) |
  (mask[at + 7] << 7);

/**
 * One frame of a stream as [row][column] 0 or 1.
 *
 * @param frame from 0
 * @param pixels rows x columns
 * @throws RangeError when the stream ends before the frame does
 */
export function unpackFrame(stream: Uint8Array, frame: number, pixels: number): Uint8Array {
  const { byte, bit } = startOf(frame, pixels);
  const bytes = stream.subarray(byte, byte + Math.ceil((bit + pixels) / 8));
  if (bytes.length * 8 < bit + pixels) throw new RangeError(`frame ${frame + 1} lies beyond the end of the pixel data`);
  const mask = new Uint8Array(pixels);
  for (let index = 0; index < bytes.length; index++) {
    const eight = bytes[index];
    if (eight === 0) continue;
    for (let shift = 0; shift < 8; shift++) {
      const pixel = index * 8 + shift - bit;
      if ((eight >> shift) & 1 && pixel >= 0 && pixel < pixels) mask[pixel] = 1;
    }
  }
  return mask;
}

/**
 * The bits of one frame moved to the beginning of a byte, the bits behind the frame 0: for counting and comparing eight
 * pixels at a time. A view where the frame lies on whole bytes.
 *
 * @param frame from 0; must lie within the stream
 */
export function frameBits(stream: Uint8Array, frame: number, pixels: number): Uint8Array {
  const { byte, bit } = startOf(frame, pixels);
  const length = Math.ceil(pixels / 8);
  if (bit === 0 && pixels % 8 === 0) return stream.subarray(byte, byte + length);
  const bits = new Uint8Array(length);
  for (let index = 0; index < length; index++) {
    const next = byte + index + 1 < stream.length ? stream[byte + index + 1] : 0;
    bits[index] = (stream[byte + index] >> bit) | (next << (8 - bit));
  }
  if (pixels % 8 !== 0) bits[length - 1] &= 0xff >> (8 - (pixels % 8));
  return bits;
}
