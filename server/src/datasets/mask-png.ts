import { UserError } from '@medsam2/models';
import { decode, type DecodedPng } from 'fast-png';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';

/** Object numbers of a mask picture, [row][column]. */
export interface MaskPicture {
  readonly values: Uint8Array | Uint16Array;
  readonly rows: number;
  readonly columns: number;
}

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_PIXELS = 64 * 1024 * 1024;

/**
 * Reads a PNG mask as object numbers: palette indices of a palette PNG (as DAVIS has them, and Pillow gives them), grey
 * values as stored of a grey one.
 *
 * @throws UserError `mask-not-found`, `mask-unreadable`, `mask-too-large`, `mask-colour` (RGB or alpha: colours are no numbers)
 */
export async function readMaskPng(path: string): Promise<MaskPicture> {
  const bytes = await readPngBytes(path);
  let png: DecodedPng;
  try {
    png = decode(bytes);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (png.channels !== 1) {
    throw new UserError(
      'mask-colour',
      `${basename(path)} has ${png.channels} channels.`,
      'Save masks as grey or palette PNG, whose values are object numbers.',
    );
  }
  const { width: columns, height: rows, depth, data } = png;
  const values = depth < 8 ? unpacked(data, rows, columns, depth) : (data as Uint8Array | Uint16Array);
  if (values.length !== rows * columns) throw unreadable(path);
  return { values: values instanceof Uint8ClampedArray ? Uint8Array.from(values) : values, rows, columns };
}

async function readPngBytes(path: string): Promise<Buffer> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new UserError('mask-not-found', `The mask ${path} cannot be read.`, 'Check the path.', { cause });
  });
  if (info.size > MAX_BYTES) throw tooLarge(path, `${info.size} bytes`);
  const bytes = await readFile(path);
  if (bytes.length < 33 || bytes.readUInt32BE(12) !== 0x49484452 /* IHDR */) throw unreadable(path);
  // Declared sizes are believed only as far as they can be held.
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  if (width * height > MAX_PIXELS) throw tooLarge(path, `${width} x ${height} pixels`);
  return bytes;
}

/** Values of 1, 2 or 4 bits, most significant first, rows starting on a byte. */
function unpacked(data: ArrayLike<number>, rows: number, columns: number, depth: number): Uint8Array {
  const perByte = 8 / depth;
  const rowBytes = Math.ceil(columns / perByte);
  const values = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const byte = data[row * rowBytes + Math.floor(column / perByte)];
      const shift = 8 - depth * ((column % perByte) + 1);
      values[row * columns + column] = (byte >> shift) & ((1 << depth) - 1);
    }
  }
  return values;
}

const unreadable = (path: string, cause?: unknown): UserError =>
  new UserError('mask-unreadable', `${basename(path)} is no readable PNG.`, 'Save the mask again as PNG.', { cause });

const tooLarge = (path: string, what: string): UserError =>
  new UserError('mask-too-large', `The mask ${basename(path)} has ${what}.`, 'Give a mask of the size of its image.');
