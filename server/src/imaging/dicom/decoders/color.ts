import { UserError } from '@medsam2/models';
import { bytes, numbers, type DicomDataset } from '../dataset.js';
import type { PixelFormat } from '../header.js';
import type { Samples } from './samples.js';

/**
 * Colour images as interleaved 8-bit RGB: [row][column][channel] (PS3.3 C.7.6.3.1.2 and C.7.6.3.1.5).
 */

/** Interleaved RGB from decoded colour samples; the input is used up when it is RGB by pixel already. */
export function toRgb(
  samples: Uint8Array,
  photometric: string,
  planarConfiguration: number,
  format: PixelFormat,
): Uint8Array {
  const pixels = format.rows * format.columns;
  switch (photometric) {
    case 'RGB':
    case 'YBR_RCT': // JPEG 2000: the decoder undoes these two transformations
    case 'YBR_ICT':
      return planarConfiguration === 1 ? interleave(samples, pixels) : samples;
    case 'YBR_FULL':
      return ybrToRgb(planarConfiguration === 1 ? interleave(samples, pixels) : samples, pixels);
    case 'YBR_FULL_422':
      // decoders of compressed streams hand over full chrominance; only native data is subsampled
      return samples.length === pixels * 3 ? ybrToRgb(samples, pixels) : ybrToRgb(upsample422(samples, pixels), pixels);
    default:
      throw new RangeError(`colour conversion of ${photometric} should have been refused`);
  }
}

function interleave(planes: Uint8Array, pixels: number): Uint8Array {
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    rgb[3 * i] = planes[i];
    rgb[3 * i + 1] = planes[pixels + i];
    rgb[3 * i + 2] = planes[2 * pixels + i];
  }
  return rgb;
}

/** Y1 Y2 Cb Cr per two pixels -> Y Cb Cr per pixel, both pixels with the same chrominance. */
function upsample422(packed: Uint8Array, pixels: number): Uint8Array {
  const full = new Uint8Array(pixels * 3);
  for (let pair = 0; pair * 2 < pixels; pair++) {
    for (const second of [0, 1]) {
      const at = 3 * (2 * pair + second);
      full[at] = packed[4 * pair + second];
      full[at + 1] = packed[4 * pair + 2];
      full[at + 2] = packed[4 * pair + 3];
    }
  }
  return full;
}

function ybrToRgb(ybr: Uint8Array, pixels: number): Uint8Array {
  const rgb = new Uint8ClampedArray(pixels * 3);
  for (let i = 0; i < rgb.length; i += 3) {
    const [y, b, r] = [ybr[i], ybr[i + 1] - 128, ybr[i + 2] - 128];
    rgb[i] = Math.floor(y + 1.402 * r + 0.5);
    rgb[i + 1] = Math.floor(y - (0.114 * 1.772 * b + 0.299 * 1.402 * r) / 0.587 + 0.5);
    rgb[i + 2] = Math.floor(y + 1.772 * b + 0.5);
  }
  return new Uint8Array(rgb.buffer);
}

/** A look-up table of 3 x n entries, reduced to 8 bits. */
export interface Palette {
  readonly first: number;
  readonly channels: readonly [Uint8Array, Uint8Array, Uint8Array];
}

/**
 * The palette of an instance (PS3.3 C.7.9).
 *
 * @throws UserError `unsupported-pixel-format` when it is missing or segmented
 */
export function readPalette(dataset: DicomDataset, littleEndian: boolean): Palette {
  const descriptor = numbers(dataset, '00281101');
  const tables = ['00281201', '00281202', '00281203'].map((tag) => bytes(dataset, tag));
  const [red, green, blue] = tables;
  if (descriptor?.length !== 3 || !red || !green || !blue) {
    throw new UserError(
      'unsupported-pixel-format',
      'A palette colour image has no plain colour table.',
      'Convert the images to RGB and try again.',
    );
  }
  const [declared, first, bits] = descriptor;
  const entries = declared === 0 ? 65536 : declared;
  const reduce = (table: Uint8Array): Uint8Array => {
    // 8-bit entries may be stored in bytes or, wrongly but commonly, each in a 16-bit word
    if (bits === 8 && table.length < 2 * entries) return table.slice(0, entries);
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    const length = Math.min(entries, table.length >> 1);
    const words = Uint16Array.from({ length }, (_, index) => view.getUint16(2 * index, littleEndian));
    const wide = bits === 16 && words.some((word) => word > 255);
    return Uint8Array.from(words, (word) => (wide ? word >> 8 : word));
  };
  return { first: first >= 32768 ? first - 65536 : first, channels: [reduce(red), reduce(green), reduce(blue)] };
}

/** Interleaved RGB of indexed samples; indexes outside the table take its first or last colour. */
export function applyPalette(samples: Samples, palette: Palette): Uint8Array {
  const rgb = new Uint8Array(samples.length * 3);
  const last = palette.channels[0].length - 1;
  for (let i = 0; i < samples.length; i++) {
    const entry = Math.min(last, Math.max(0, samples[i] - palette.first));
    for (let channel = 0; channel < 3; channel++) rgb[3 * i + channel] = palette.channels[channel][entry];
  }
  return rgb;
}
