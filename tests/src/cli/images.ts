/** Writers of input images in the formats users have; the product itself only writes label maps. */
import type { Volume } from '@medsam2/server';
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import yazl from 'yazl';

type Stored = Pick<Volume, 'voxels' | 'geometry'>;

const bytesOf = ({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);

/** NRRD, raw, LPS; int16 or float32 */
export function writeNrrd(path: string, { voxels, geometry }: Stored): string {
  const { columns, rows, slices, spacing, origin, direction } = geometry;
  const step = (axis: 0 | 1 | 2): string =>
    `(${[0, 1, 2].map((row) => direction[row * 3 + axis] * spacing[axis]).join(',')})`;
  const header = [
    'NRRD0005',
    `type: ${voxels instanceof Float32Array ? 'float' : voxels instanceof Uint8Array ? 'uint8' : 'int16'}`,
    'dimension: 3',
    'space: left-posterior-superior',
    `sizes: ${columns} ${rows} ${slices}`,
    `space directions: ${step(0)} ${step(1)} ${step(2)}`,
    'kinds: domain domain domain',
    'endian: little',
    'encoding: raw',
    `space origin: (${origin.join(',')})`,
    '',
    '',
  ].join('\n');
  writeFileSync(path, Buffer.concat([Buffer.from(header), bytesOf(voxels)]));
  return path;
}

/** NIfTI-1 with an sform, gzipped when the name says so; int16, or RGB24 from bytes */
export function writeNifti(path: string, { voxels, geometry }: Stored, channels: 1 | 3 = 1): string {
  const { columns, rows, slices, spacing, origin, direction } = geometry;
  const header = Buffer.alloc(352);
  header.writeInt32LE(348, 0);
  [3, columns, rows, slices, 1, 1, 1, 1].forEach((size, at) => header.writeInt16LE(size, 40 + 2 * at));
  header.writeInt16LE(channels === 3 ? 128 : 4, 70);
  header.writeInt16LE(channels === 3 ? 24 : 16, 72);
  [1, ...spacing].forEach((size, at) => header.writeFloatLE(size, 76 + 4 * at));
  header.writeFloatLE(352, 108);
  header.writeFloatLE(1, 112);
  header.writeInt16LE(1, 254);
  [0, 1, 2].forEach((row) => {
    const sign = row < 2 ? -1 : 1; // LPS to RAS
    [0, 1, 2].forEach((axis) => {
      header.writeFloatLE(sign * direction[row * 3 + axis] * spacing[axis], 280 + 16 * row + 4 * axis);
    });
    header.writeFloatLE(sign * origin[row], 280 + 16 * row + 12);
  });
  header.write('n+1\0', 344, 'latin1');
  const content = Buffer.concat([header, bytesOf(voxels)]);
  writeFileSync(path, path.endsWith('.gz') ? gzipSync(content) : content);
  return path;
}

/** A ZIP archive of one file. */
export async function writeZip(path: string, name: string, content: Buffer): Promise<string> {
  const zip = new yazl.ZipFile();
  zip.addBuffer(content, name);
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
  return path;
}

export interface NpzMember {
  readonly name: string;
  /** numpy type, e.g. `|u1` */
  readonly descr: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export async function writeNpz(path: string, members: readonly NpzMember[]): Promise<string> {
  const zip = new yazl.ZipFile();
  for (const { name, descr, shape, bytes } of members) {
    const tuple = `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
    const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
    const length = Math.ceil((10 + text.length + 1) / 64) * 64;
    const head = Buffer.alloc(length, ' ');
    head.write('\x93NUMPY\x01\x00', 0, 'latin1');
    head.writeUInt16LE(length - 10, 8);
    head.write(text, 10, 'latin1');
    head.write('\n', length - 1, 'latin1');
    zip.addBuffer(Buffer.concat([head, bytes]), `${name}.npy`);
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
  return path;
}

/** MedSAM2 npz of a volume: bytes 0..255, and RECIST lines where given. */
export async function writeMedsamNpz(path: string, { voxels, geometry }: Stored, recist?: Uint8Array): Promise<string> {
  const { columns, rows, slices, spacing } = geometry;
  const shape = [slices, rows, columns];
  const image = Uint8Array.from(voxels, (value) => Math.max(0, Math.min(255, Math.round((value + 160) * 0.6))));
  return writeNpz(path, [
    { name: 'imgs', descr: '|u1', shape, bytes: image },
    { name: 'spacing', descr: '<f8', shape: [3], bytes: bytesOf(Float64Array.from(spacing)) },
    ...(recist === undefined ? [] : [{ name: 'recist', descr: '|u1', shape, bytes: recist }]),
  ]);
}

/** Frames of a bright square that moves to the right over a dark colour picture. */
export async function writeFrames(folder: string, count: number, columns = 48, rows = 40): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (let frame = 0; frame < count; frame++) {
    const pixels = new Uint8Array(columns * rows * 3);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const inside = x >= 8 + frame && x < 20 + frame && y >= 10 && y < 24;
        pixels.set(inside ? [220, 180, 160] : [60, 20 + y, 30], (y * columns + x) * 3);
      }
    }
    const name = `${String(frame).padStart(5, '0')}.jpg`;
    await sharp(pixels, { raw: { width: columns, height: rows, channels: 3 } })
      .jpeg({ quality: 95 })
      .toFile(join(folder, name));
  }
  return folder;
}
