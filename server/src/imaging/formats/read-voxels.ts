import { UserError } from '@medsam2/models';
import type { VoxelArray } from '../volume.js';
import { truncated, type ByteSource } from './byte-source.js';
import { bytesOf, bytesPerVoxel, viewAs, type PlainVoxelType, type VoxelType } from './voxel-type.js';

export interface VoxelLayout {
  readonly type: VoxelType;
  /** number of values (voxels times channels) */
  readonly count: number;
  readonly littleEndian: boolean;
  /** value = stored * slope + intercept; absent when stored values are the intensities */
  readonly rescale?: { readonly slope: number; readonly intercept: number };
}

/**
 * Reads voxels from a source into one array, in the file's order, converting in place so that no second copy exists.
 *
 * Types without a rescale are kept; 64-bit integers become Float64Array, 16-bit floats Float32Array. With a rescale, whole
 * shifts of 8- and 16-bit integers stay Int16Array (Int32Array where that overflows); anything else becomes Float32Array
 * for stored types of at most 16 bits and float32, Float64Array for wider ones. Arithmetic is in doubles, rounded once.
 *
 * @throws UserError `image-truncated`, `image-corrupt`, `voxel-value-too-large` (64-bit integers beyond 2^53)
 */
export async function readVoxels(source: ByteSource, layout: VoxelLayout): Promise<VoxelArray> {
  const { type, count } = layout;
  const storedBytes = count * bytesPerVoxel[type];
  // a declared size that the file cannot hold is refused before memory is taken
  if (source.atMost < storedBytes) throw truncated('voxels', storedBytes, source.atMost);
  const voxels = await readValues(source, layout);
  await source.finish();
  return voxels;
}

/** The next `count` values of a source, converted as {@link readVoxels} does; what comes behind them is left alone. */
export async function readValues(source: ByteSource, layout: VoxelLayout): Promise<VoxelArray> {
  const { type, count } = layout;
  const width = bytesPerVoxel[type];
  const storedBytes = count * width;
  const target = targetType(layout);
  const buffer = new ArrayBuffer(count * bytesPerVoxel[target]);
  // stored values go to the END of the buffer: converting from the front then never overwrites what is still to be read
  const stored = new Uint8Array(buffer, buffer.byteLength - storedBytes, storedBytes);
  const got = await source.fill(stored);
  if (got < storedBytes) throw truncated('voxels', storedBytes, got);
  if (!layout.littleEndian) swapBytes(stored, width);
  return convert(buffer, stored.byteOffset, target, layout);
}

/** Reverses the bytes of every `width`-byte value, in place. */
export function swapBytes(bytes: Uint8Array, width: number): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) view.swap16();
  else if (width === 4) view.swap32();
  else if (width === 8) view.swap64();
}

/** The rescale to apply, or undefined when it changes nothing (slope 1, intercept 0). */
export function effectiveRescale(slope: number, intercept: number): VoxelLayout['rescale'] {
  return slope === 1 && intercept === 0 ? undefined : { slope, intercept };
}

function targetType({ type, rescale }: VoxelLayout): PlainVoxelType {
  if (type === 'int64' || type === 'uint64') return 'float64';
  if (type === 'float16') return 'float32';
  if (!rescale) return type;
  const narrow = bytesPerVoxel[type] <= 2;
  if (narrow && rescale.slope === 1 && Number.isInteger(rescale.intercept)) {
    return Math.abs(rescale.intercept) < 2 ** 24 ? 'int16' : 'float64';
  }
  return narrow || type === 'float32' ? 'float32' : 'float64';
}

function convert(buffer: ArrayBuffer, storedAt: number, target: PlainVoxelType, layout: VoxelLayout): VoxelArray {
  const { type, count, rescale } = layout;
  const out = viewAs(target, buffer, 0, count);
  const slope = rescale?.slope ?? 1;
  const intercept = rescale?.intercept ?? 0;
  if (type === 'int64' || type === 'uint64') return convertInt64(buffer, count, type, slope, intercept);
  if (type === 'float16') {
    const bits = new Uint16Array(buffer, storedAt, count);
    for (let i = 0; i < count; i++) out[i] = halfToNumber(bits[i]) * slope + intercept;
    return out;
  }
  if (!rescale) return out;
  const stored = viewAs(type, buffer, storedAt, count);
  if (target === 'int16' && !fitsInt16(stored, intercept)) {
    const wide = new Int32Array(count);
    for (let i = 0; i < count; i++) wide[i] = stored[i] + intercept;
    return wide;
  }
  for (let i = 0; i < count; i++) out[i] = stored[i] * slope + intercept;
  return out;
}

function fitsInt16(stored: VoxelArray, intercept: number): boolean {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < stored.length; i++) {
    if (stored[i] < low) low = stored[i];
    if (stored[i] > high) high = stored[i];
  }
  return low + intercept >= -32768 && high + intercept <= 32767;
}

function convertInt64(
  buffer: ArrayBuffer,
  count: number,
  type: 'int64' | 'uint64',
  slope: number,
  intercept: number,
): Float64Array {
  const stored = type === 'int64' ? new BigInt64Array(buffer) : new BigUint64Array(buffer);
  const out = new Float64Array(buffer);
  for (let i = 0; i < count; i++) {
    const value = Number(stored[i]);
    if (!Number.isSafeInteger(value)) {
      throw new UserError(
        'voxel-value-too-large',
        'The file holds 64-bit integers beyond 2^53, which cannot be kept exactly.',
        'Store the image as 16- or 32-bit integers.',
      );
    }
    out[i] = value * slope + intercept;
  }
  return out;
}

/** IEEE 754 binary16 bits -> number. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * Reads voxels written as decimal text (NRRD `ascii`, MetaImage `BinaryData = False`).
 *
 * @param maxTextBytes limit on the text, which is held while it is parsed
 * @throws UserError `image-truncated`, `image-corrupt`
 */
export async function readTextVoxels(source: ByteSource, type: VoxelType, count: number): Promise<VoxelArray> {
  // at most 32 characters a number keeps a hostile file from growing without bound
  const limit = count * 32;
  // at least one digit and one separator each, the last separator excepted
  if (source.atMost < count * 2 - 1) throw truncated('voxels as text', count * 2 - 1, source.atMost);
  const text = new Uint8Array(Math.min(limit, source.atMost));
  const got = await source.fill(text);
  const words = Buffer.from(text.buffer, 0, got)
    .toString('latin1')
    .trim()
    .split(/[\s,]+/);
  if (words.length < count) throw truncated('voxels as text', count, words.length);
  const plain: PlainVoxelType =
    type === 'int64' || type === 'uint64' ? 'float64' : type === 'float16' ? 'float32' : type;
  const out = viewAs(plain, new ArrayBuffer(count * bytesPerVoxel[plain]), 0, count);
  for (let i = 0; i < count; i++) {
    const value = Number(words[i]);
    if (Number.isNaN(value) && !/^nan$/i.test(words[i])) {
      throw new UserError(
        'image-corrupt',
        'The voxels of the file contain text that is no number.',
        'Write the file again.',
      );
    }
    out[i] = value;
  }
  return out;
}

/** Bytes of voxels for writing, in the wanted byte order; a copy only when bytes must be swapped. */
export function orderedBytes(array: VoxelArray, littleEndian: boolean): Uint8Array {
  const bytes = bytesOf(array);
  if (littleEndian || array.BYTES_PER_ELEMENT === 1) return bytes;
  const copy = bytes.slice();
  swapBytes(copy, array.BYTES_PER_ELEMENT);
  return copy;
}
