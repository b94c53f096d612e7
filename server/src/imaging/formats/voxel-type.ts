import { UserError } from '@medsam2/models';
import type { VoxelArray } from '../volume.js';

/** Scalar types that files store. 64-bit integers become Float64Array, 16-bit floats Float32Array. */
export type VoxelType =
  'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32' | 'int64' | 'uint64' | 'float16' | 'float32' | 'float64';

export const bytesPerVoxel: Readonly<Record<VoxelType, number>> = {
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float16: 2,
  float32: 4,
  float64: 8,
};

/** The types that a typed array of numbers holds as they are. */
export type PlainVoxelType = Exclude<VoxelType, 'int64' | 'uint64' | 'float16'>;

/** A typed array of `count` values of `type` over `buffer` from `byteOffset`. */
export function viewAs(type: PlainVoxelType, buffer: ArrayBuffer, byteOffset: number, count: number): VoxelArray {
  switch (type) {
    case 'int8':
      return new Int8Array(buffer, byteOffset, count);
    case 'uint8':
      return new Uint8Array(buffer, byteOffset, count);
    case 'int16':
      return new Int16Array(buffer, byteOffset, count);
    case 'uint16':
      return new Uint16Array(buffer, byteOffset, count);
    case 'int32':
      return new Int32Array(buffer, byteOffset, count);
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, count);
    case 'float32':
      return new Float32Array(buffer, byteOffset, count);
    case 'float64':
      return new Float64Array(buffer, byteOffset, count);
  }
}

/** An empty array of the same type. */
export function viewLike(array: VoxelArray, count: number): VoxelArray {
  const Type = array.constructor as new (count: number) => VoxelArray;
  return new Type(count);
}

/** The bytes of a typed array, without a copy. */
export const bytesOf = (array: VoxelArray): Uint8Array =>
  new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);

/** Voxels may take this many bytes unless the caller says otherwise. */
export const defaultMaxBytes = 2 ** 31;

/**
 * Number of values in an array with these dimensions, checked before anything is allocated.
 *
 * @param dimensions as declared by a file, any numbers
 * @param bytesPerValue size of one value in memory
 * @param maxBytes limit on the product
 * @throws UserError `image-dimensions` (not positive whole numbers), `image-too-large` (above the limit)
 */
export function checkedCount(dimensions: readonly number[], bytesPerValue: number, maxBytes: number): number {
  const text = dimensions.join(' x ');
  if (dimensions.length === 0 || !dimensions.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new UserError(
      'image-dimensions',
      `The file declares impossible dimensions (${text}).`,
      'Check that the file is complete, or write it again.',
    );
  }
  // doubles overflow to Infinity, never to a small number, so the comparison is safe for any product
  const count = dimensions.reduce((product, size) => product * size, 1);
  if (count * bytesPerValue > maxBytes) {
    throw new UserError(
      'image-too-large',
      `The file declares ${text} voxels (${gibibytes(count * bytesPerValue)}), above the limit of ${gibibytes(maxBytes)}.`,
      'Crop the image, or raise the limit on voxel bytes.',
    );
  }
  return count;
}

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toPrecision(3)} GiB`;

/** @throws UserError `voxel-type-unsupported` for three values per voxel that are not bytes: vectors, not colours */
export function refuseColour(type: VoxelType, channels: 1 | 3): void {
  if (channels === 1 || type === 'uint8') return;
  throw new UserError(
    'voxel-type-unsupported',
    `The file stores three ${type} values per voxel; colour images have three uint8 values.`,
    'Convert it to RGB, or save one component as a file of its own.',
  );
}
