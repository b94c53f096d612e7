import type { ArrayArchive, NumberArray } from '../archive.js';
import type { ClientVolume } from '../display.js';
import { BridgeError } from '../errors.js';
import { sizeOf, voxelCount, type GridSize } from './geometry.js';
import { readList, readRows } from './numbers.js';

/** What a volume's array is recognised by before it is read. */
export interface VolumeMark {
  readonly crc32: number;
  readonly bytes: number;
}

/** `img_data.npz` of a middle-slice click; rows and range as sent: unsorted, not clipped. */
export interface ImageUpload {
  readonly kind: 'image';
  readonly size: GridSize;
  readonly mark: VolumeMark;
  /** the volume that was read, or the client's earlier one where it is the same to the last voxel */
  readonly volume: ClientVolume;
  /** [i0, j0, i1, j1] */
  readonly boxes: readonly (readonly number[])[];
  /** slices */
  readonly start: number;
  readonly end: number;
  /** the slice that the boxes were drawn on */
  readonly slice: number;
}

/** `gts.npz`: the middle mask, perhaps edited; label n is the n-th segment of the user's list. */
export interface MaskUpload {
  readonly kind: 'mask';
  readonly size: GridSize;
  readonly labels: Uint8Array;
}

/** `img_data.npz` of an improvement. */
export interface PointsUpload {
  readonly kind: 'points';
  readonly size: GridSize;
  readonly boxes: readonly (readonly number[])[];
  readonly start: number;
  readonly end: number;
  /** [i, j, k] */
  readonly additions: readonly (readonly number[])[];
  readonly subtractions: readonly (readonly number[])[];
}

export type Upload = ImageUpload | MaskUpload | PointsUpload;

export interface ReadContext {
  /** the client's volume with this mark, if it has one */
  known(mark: VolumeMark): ClientVolume | undefined;
  /**
   * Told what is about to be held; throws when there is no room.
   *
   * @param of the size of the volume that it is about: the client's volumes of this size must stay
   */
  reserve(bytes: number, of?: GridSize): void;
  /** bytes of one volume */
  readonly maxBytes: number;
}

/** Labels are bytes in the result, and 0 is the background. */
export const maxObjects = 255;
const maxPoints = 4096;

/**
 * Reads what the client sent. Its three uploads are told apart by what they hold; two of them have the same file name.
 *
 * @throws BridgeError `upload-unknown`, `upload-array`, `volume-shape`, `mask-labels`; UserError of the archive's reader
 */
export async function readUpload(archive: ArrayArchive, context: ReadContext): Promise<Upload> {
  if (archive.has('imgs')) return readImage(archive, context);
  if (archive.has('segs')) return readMask(archive, context);
  if (archive.has('img_size')) return readPoints(archive);
  throw new BridgeError(
    422,
    'upload-unknown',
    `The upload holds ${archive.names.slice(0, 8).join(', ') || 'nothing'}; imgs, segs or img_size is expected.`,
    'Use the MedSAMSlicer plug-in unchanged.',
  );
}

async function readImage(archive: ArrayArchive, context: ReadContext): Promise<ImageUpload> {
  const header = await archive.header('imgs');
  const size = sizeOf(header.shape, 'imgs');
  const boxes = await readRows(archive, 'boxes', 4, maxObjects);
  const [start, end, slice] = await readList(archive, 'z_range', 3);
  const mark = archive.checksum('imgs');
  const known = context.known(mark);
  if (known !== undefined && (await isSame(archive, known, size))) {
    return { kind: 'image', size, mark, volume: known, boxes, start, end, slice };
  }
  requireFit(mark.bytes, context);
  // a Fortran array is held twice while it is rearranged
  context.reserve(mark.bytes * (header.fortranOrder ? 2 : 1));
  const { values } = await archive.read('imgs');
  return { kind: 'image', size, mark, volume: { ...size, voxels: values }, boxes, start, end, slice };
}

function requireFit(bytes: number, { maxBytes }: ReadContext): void {
  if (bytes <= maxBytes) return;
  throw new BridgeError(
    413,
    'volume-too-large',
    `The volume takes ${bytes} bytes, above the limit of ${maxBytes}.`,
    'Crop the volume in Slicer, or raise the limit on volumes.',
  );
}

/** Compares voxel by voxel without holding the new volume: equal checksums alone are no proof. */
async function isSame(
  archive: ArrayArchive,
  { voxels, ...known }: ClientVolume,
  size: GridSize & { readonly channels: 1 | 3 },
): Promise<boolean> {
  if (voxelCount(known) !== voxelCount(size) || known.rows !== size.rows || known.columns !== size.columns)
    return false;
  if (known.channels !== size.channels || (await archive.header('imgs')).fortranOrder) return false;
  let at = 0;
  for await (const piece of archive.pieces('imgs')) {
    const held = voxels.subarray(at, at + piece.length);
    if (piece.constructor !== held.constructor || !bytesOf(piece).equals(bytesOf(held))) return false;
    at += piece.length;
  }
  return at === voxels.length;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: NumberArray): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

async function readMask(archive: ArrayArchive, context: ReadContext): Promise<MaskUpload> {
  const { shape, fortranOrder } = await archive.header('segs');
  const { channels, ...size } = sizeOf(shape, 'segs');
  requireFit(voxelCount(size), context);
  // only a Fortran array, which the client never writes, is held as it came
  context.reserve(voxelCount(size) + (fortranOrder ? 2 * archive.checksum('segs').bytes : 0), size);
  const pieces = fortranOrder ? [(await archive.read('segs')).values] : archive.pieces('segs');
  const labels = new Uint8Array(voxelCount(size));
  let at = 0;
  // of a colour volume the mask has three equal channels (older plug-ins); the first one counts
  let skip = 0;
  for await (const piece of pieces) {
    let i = skip;
    for (; i < piece.length; i += channels) labels[at++] = label(piece[i]);
    skip = i - piece.length;
  }
  return { kind: 'mask', size, labels };
}

function label(value: number): number {
  if (value >= 0 && value <= maxObjects && Number.isInteger(value)) return value;
  throw new BridgeError(
    422,
    'mask-labels',
    `The middle mask holds ${value}, which is no label from 0 to ${maxObjects}.`,
    `Keep at most ${maxObjects} segments in the middle mask.`,
  );
}

async function readPoints(archive: ArrayArchive): Promise<PointsUpload> {
  const size = sizeOf(await readList(archive, 'img_size', 3), 'img_size');
  const boxes = await readRows(archive, 'bboxes', 4, maxObjects);
  const [start, end] = await readList(archive, 'zrange', 2);
  const additions = await readRows(archive, 'points_addition', 3, maxPoints);
  const subtractions = await readRows(archive, 'points_subtraction', 3, maxPoints);
  return { kind: 'points', size, boxes, start, end, additions, subtractions };
}
