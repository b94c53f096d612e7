import { UserError } from '@medsam2/models';
import { nativeFrameBytes, type PixelFormat } from '../header.js';
import type { PixelElement } from '../parse.js';

/**
 * Bytes of one uncompressed frame (0-based `frame`), little endian, as a copy of its own.
 *
 * @throws UserError `truncated-pixel-data` when the file ends before the frame does
 */
export function nativeFrame(
  element: PixelElement,
  format: PixelFormat,
  littleEndian: boolean,
  frame: number,
): Uint8Array {
  const size = nativeFrameBytes(format);
  const bytes = element.value.slice(frame * size, (frame + 1) * size);
  if (bytes.length < size) {
    throw new UserError(
      'truncated-pixel-data',
      `An instance holds ${element.value.length} bytes of pixel data; frame ${frame + 1} needs ${(frame + 1) * size}.`,
      'Transfer or export the series again.',
    );
  }
  // PS3.5 section 7.3: in big endian, words are swapped as allocated; 8-bit samples in OW are pairs in a 16-bit word
  if (!littleEndian)
    swapBytes(bytes, format.bitsAllocated === 8 ? (element.vr === 'OW' ? 2 : 1) : format.bitsAllocated / 8);
  return bytes;
}

function swapBytes(bytes: Uint8Array, width: number): void {
  if (width === 1) return;
  for (let at = 0; at + width <= bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}
