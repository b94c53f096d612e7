import { inflateRawSync } from 'node:zlib';
import { decodeCompressed } from '../../imaging/dicom/decoders/compressed.js';
import { nativeFrame } from '../../imaging/dicom/decoders/native.js';
import { compressedFrames, joinFragments } from '../../imaging/dicom/encapsulated.js';
import type { PixelFormat } from '../../imaging/dicom/header.js';
import type { ParsedInstance, PixelElement } from '../../imaging/dicom/parse.js';
import { transferSyntax } from '../../imaging/dicom/transfer-syntaxes.js';
import { packedBytes, packFrame } from '../bits.js';
import { tooLarge, unreadable, unsupported } from './errors.js';

const DEFLATED_FRAMES = '1.2.840.10008.1.2.8.1';

/** Size and storage of the frames of a segmentation. */
export interface FrameFormat {
  readonly rows: number;
  readonly columns: number;
  readonly bitsAllocated: 1 | 8 | 16;
  readonly frames: number;
}

/** Pixel data without compression. */
export type StoredFrames =
  | {
      readonly bits: 1;
      /** bits of frame `frame` begin at bit `frame * stride` of the stream */
      readonly stream: Uint8Array;
      readonly stride: number;
    }
  | {
      readonly bits: 8 | 16;
      /** [row][column] of one frame, from 0 */
      samples(frame: number): Uint8Array | Uint16Array;
    };

/**
 * Pixel data of a segmentation as views into the file where it is not compressed; otherwise decoded at once.
 *
 * @param maxBytes limit of decoded pixel data
 * @throws UserError `segmentation-unreadable`, `segmentation-unsupported`, `segmentation-too-large`, and what decoding throws
 */
export async function openStoredFrames(
  instance: ParsedInstance,
  element: PixelElement,
  format: FrameFormat,
  maxBytes: number,
): Promise<StoredFrames> {
  if (element.encapsulated) return decodeAll(instance, element, format, maxBytes);
  return format.bitsAllocated === 1 ? nativeBits(instance, element, format) : nativeSamples(instance, element, format);
}

function nativeBits(instance: ParsedInstance, element: PixelElement, format: FrameFormat): StoredFrames {
  const pixels = format.rows * format.columns;
  const needed = packedBytes(pixels, format.frames);
  const { value, declaredLength } = element;
  if (value.length < needed) throw cutOff(value.length, needed, format.frames);
  // frames that each begin on a byte (against PS3.5 section 8.1.1) are told by the length that they take
  const padded = Math.ceil(pixels / 8) * format.frames;
  const even = (length: number): number => length + (length % 2);
  const aligned = pixels % 8 !== 0 && even(declaredLength) === even(padded) && even(padded) !== even(needed);
  if (aligned && value.length < padded) throw cutOff(value.length, padded, format.frames);
  const swap = !instance.littleEndian && element.vr === 'OW';
  return { bits: 1, stream: swap ? swapped(value) : value, stride: aligned ? Math.ceil(pixels / 8) * 8 : pixels };
}

function nativeSamples(instance: ParsedInstance, element: PixelElement, format: FrameFormat): StoredFrames {
  const { bitsAllocated } = format;
  if (bitsAllocated === 1) throw new RangeError('bits are no samples');
  const pixels = format.rows * format.columns;
  const needed = (pixels * format.frames * bitsAllocated) / 8;
  if (element.value.length < needed) throw cutOff(element.value.length, needed, format.frames);
  const pixelFormat = pixelFormatOf(format.rows, format.columns, bitsAllocated);
  return {
    bits: bitsAllocated,
    samples: (frame) => {
      const bytes = nativeFrame(element, pixelFormat, instance.littleEndian, frame);
      return bitsAllocated === 8 ? bytes : new Uint16Array(bytes.buffer, bytes.byteOffset, pixels);
    },
  };
}

/** Pairs of bytes exchanged, into a copy: 16-bit words of big endian. */
function swapped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (let at = 0; at + 1 < copy.length; at += 2) [copy[at], copy[at + 1]] = [copy[at + 1], copy[at]];
  return copy;
}

async function decodeAll(
  instance: ParsedInstance,
  element: PixelElement,
  format: FrameFormat,
  maxBytes: number,
): Promise<StoredFrames> {
  const { rows, columns, bitsAllocated, frames } = format;
  const pixels = rows * columns;
  const frameBytes = bitsAllocated === 1 ? packedBytes(pixels, 1) : (pixels * bitsAllocated) / 8;
  if (frameBytes * frames > maxBytes) throw tooLarge(`${frames} frames of ${columns}x${rows} pixels`);
  const uid = instance.transferSyntaxUid;
  const { codec, name } = transferSyntax(uid);
  if ((codec === undefined && uid !== DEFLATED_FRAMES) || codec === 'native') {
    throw unsupported(`the transfer syntax ${uid} (${name}) is not supported`);
  }
  const decoded: Uint8Array[] = [];
  for (const fragments of compressedFrames(element, instance.dataset, frames)) {
    decoded.push(await decodeFrame(joinFragments(fragments), uid, format, frameBytes));
  }
  if (bitsAllocated === 1) {
    const stride = frameBytes * 8;
    const stream = new Uint8Array(frameBytes * frames);
    decoded.forEach((packed, frame) => stream.set(packed, frame * frameBytes));
    return { bits: 1, stream, stride };
  }
  return {
    bits: bitsAllocated,
    samples: (frame) => (bitsAllocated === 8 ? decoded[frame] : wordsOf(decoded[frame])),
  };
}

/** One frame as little-endian bytes; one bit per pixel: packed, from its first byte on. */
async function decodeFrame(
  encoded: Uint8Array,
  uid: string,
  { rows, columns, bitsAllocated }: FrameFormat,
  frameBytes: number,
): Promise<Uint8Array> {
  if (uid === DEFLATED_FRAMES) return inflated(encoded, frameBytes);
  if (bitsAllocated !== 1)
    return (await decodeCompressed(encoded, pixelFormatOf(rows, columns, bitsAllocated), uid)).bytes;
  // RLE compresses the bytes of packed pixels (PS3.5 annex G); the image codecs hold pixels of one bit each
  if (transferSyntax(uid).codec === 'rle') {
    return (await decodeCompressed(encoded, pixelFormatOf(1, frameBytes, 8), uid)).bytes;
  }
  const { bytes } = await decodeCompressed(encoded, pixelFormatOf(rows, columns, 8), uid);
  const packed = new Uint8Array(frameBytes);
  packFrame(
    bytes.map((value) => (value === 0 ? 0 : 1)),
    0,
    packed,
  );
  return packed;
}

function inflated(encoded: Uint8Array, frameBytes: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    // fragments are padded to even length
    bytes = inflateRawSync(encoded, { maxOutputLength: frameBytes + 1 });
  } catch (cause) {
    throw unreadable('a deflated frame is damaged or larger than declared', cause);
  }
  if (bytes.length < frameBytes) throw unreadable('a deflated frame is smaller than declared');
  return bytes.subarray(0, frameBytes);
}

const wordsOf = (bytes: Uint8Array): Uint16Array => {
  const own = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(own.buffer, own.byteOffset, own.length >> 1);
};

const pixelFormatOf = (rows: number, columns: number, bits: 8 | 16): PixelFormat => ({
  rows,
  columns,
  samplesPerPixel: 1,
  photometric: 'MONOCHROME2',
  planarConfiguration: 0,
  bitsAllocated: bits,
  bitsStored: bits,
  highBit: bits - 1,
  signed: false,
});

const cutOff = (has: number, needs: number, frames: number): Error =>
  unreadable(`it holds ${has} bytes of pixel data where ${frames} frames need ${needs}`);
