import { UserError } from '@medsam2/models';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import yauzl from 'yauzl';
import { column, gridFromAffine, pixelGrid, scale, fromColumns, type Matrix3 } from '../geometry.js';
import { nonFiniteFindings } from '../non-finite.js';
import type { Finding, GridGeometry, LabelMap, Volume, VoxelArray } from '../volume.js';
import { checkedBytes, chunkedBytes, firstBytes, openBytes, truncated, type ByteSource } from './byte-source.js';
import { shearFindings } from './grid-findings.js';
import type { FileReadOptions } from './nifti.js';
import { readNpyHeader, readNpyText, type NpyHeader } from './npy.js';
import { readValues, readVoxels } from './read-voxels.js';
import { bytesPerVoxel, checkedCount, defaultMaxBytes, viewLike } from './voxel-type.js';

export interface NpyArray {
  /** C order */
  readonly shape: readonly number[];
  readonly values: VoxelArray;
}

export interface NpzOptions extends FileReadOptions {
  /** arrays in Fortran order: `refuse` (default), or `rearrange` into C order, which takes their memory twice */
  readonly fortran?: 'refuse' | 'rearrange';
}

/** Values of one piece of an array read in pieces. */
const pieceValues = 1 << 20;

/**
 * An open npz archive. Arrays are read when asked for, one at a time; nothing else of the file is decompressed.
 * Close it when done.
 */
export class NpzArchive {
  private constructor(
    private readonly path: string,
    private readonly zip: yauzl.ZipFile,
    private readonly entries: ReadonlyMap<string, yauzl.Entry>,
    private readonly options: NpzOptions,
  ) {}

  /** @throws UserError `file-not-found`, `image-empty`, `npz-archive` */
  static async open(path: string, options: NpzOptions = {}): Promise<NpzArchive> {
    await firstBytes(path, 4); // a missing or empty file deserves its own message
    const zip = await openZip(path);
    try {
      return new NpzArchive(path, zip, await listEntries(zip), options);
    } catch (error) {
      zip.close();
      throw error;
    }
  }

  /** names of the arrays, as numpy.load lists them */
  get names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /**
   * Shape and type of an array, from its first bytes.
   *
   * @throws UserError as {@link read}
   */
  async header(name: string): Promise<NpyHeader> {
    return this.#with(name, (source) => this.#header(source, name));
  }

  /**
   * CRC-32 and size of an array's npy file, as the archive states them: equal arrays have equal ones, and reading an array
   * proves its own.
   *
   * @throws UserError `npz-missing-array`
   */
  checksum(name: string): { readonly crc32: number; readonly bytes: number } {
    const { crc32: sum, uncompressedSize } = this.#entry(name);
    return { crc32: sum >>> 0, bytes: uncompressedSize };
  }

  /**
   * The values of an array; bool becomes Uint8Array 0/1.
   *
   * @throws UserError `npz-missing-array`, `npz-object-array`, `npz-dtype`, `npz-fortran-order`, `npy-header`,
   *   `image-too-large`, `image-truncated`, `image-corrupt`
   */
  async read(name: string): Promise<NpyArray> {
    return this.#with(name, async (source, entry) => {
      const header = await this.#header(source, name);
      const count = this.#count(header, entry, name);
      const values = await readVoxels(source, { type: header.type, count, littleEndian: header.littleEndian });
      return { shape: header.shape, values: header.fortranOrder ? toCOrder(values, header.shape) : values };
    });
  }

  /**
   * The values of an array in pieces, in C order, none of which is kept.
   *
   * @throws UserError as {@link read}; `npz-fortran-order` whatever the options say
   */
  async *pieces(name: string): AsyncGenerator<VoxelArray> {
    const entry = this.#entry(name);
    const source = await this.#open(entry);
    try {
      const header = await this.#header(source, name);
      if (header.fortranOrder) throw fortranOrder(name);
      const { type, littleEndian } = header;
      for (let left = this.#count(header, entry, name); left > 0; left -= Math.min(left, pieceValues)) {
        yield await readValues(source, { type, count: Math.min(left, pieceValues), littleEndian });
      }
      await source.finish();
    } finally {
      await source.close();
    }
  }

  /**
   * A single text, as `np.savez(..., labels=json.dumps(...))` writes it.
   *
   * @throws UserError `npz-missing-array`, `npy-header`, `npz-dtype`, `image-truncated`
   */
  async readText(name: string): Promise<string> {
    return this.#with(name, (source) => readNpyText(source, name));
  }

  close(): void {
    this.zip.close();
  }

  async #header(source: ByteSource, name: string): Promise<NpyHeader> {
    const header = await readNpyHeader(source, name);
    if (header.fortranOrder && this.options.fortran !== 'rearrange') throw fortranOrder(name);
    return header;
  }

  /** How many values an array has: as many as its member holds, and no more than the limit. */
  #count(header: NpyHeader, entry: yauzl.Entry, name: string): number {
    const width = bytesPerVoxel[header.type];
    const shape = header.shape.length === 0 ? [1] : header.shape;
    const count = checkedCount(shape, width, this.options.maxBytes ?? defaultMaxBytes);
    const held = entry.uncompressedSize - header.headerBytes;
    if (held !== count * width) throw truncated(`the array ${name}`, count * width, Math.max(0, held));
    return count;
  }

  #entry(name: string): yauzl.Entry {
    const entry = this.entries.get(name);
    if (entry) return entry;
    throw new UserError(
      'npz-missing-array',
      `The npz file has no array ${name}; it holds ${this.names.slice(0, 10).join(', ') || 'nothing'}.`,
      'Save the images under the name imgs, as MedSAM2 expects.',
    );
  }

  async #with<T>(name: string, use: (source: ByteSource, entry: yauzl.Entry) => Promise<T>): Promise<T> {
    const entry = this.#entry(name);
    const source = await this.#open(entry);
    try {
      return await use(source, entry);
    } finally {
      await source.close();
    }
  }

  /** A member's bytes. What is stored without compression comes straight from the file, several times faster. */
  async #open(entry: yauzl.Entry): Promise<ByteSource> {
    if (entry.compressionMethod === 0 && !entry.isEncrypted() && entry.compressedSize === entry.uncompressedSize) {
      const start = await dataStart(this.zip, entry);
      return checkedBytes(await openBytes(this.path, { start }), entry.uncompressedSize, entry.crc32);
    }
    const stream = await openEntry(this.zip, entry);
    const close = (): Promise<void> => Promise.resolve(void stream.destroy());
    // DEFLATE bounds what a member can hold, whatever the archive declares
    const atMost = Math.min(entry.uncompressedSize, entry.compressedSize * 1032 + 64);
    return chunkedBytes(checked(stream, entry), atMost, close);
  }
}

const fortranOrder = (name: string): UserError =>
  new UserError(
    'npz-fortran-order',
    `The array ${name} is stored in Fortran order, whose axes would have to be rearranged.`,
    'Save numpy.ascontiguousarray(array) instead.',
  );

/** Values whose first axis runs fastest -> values whose last axis runs fastest; shape as declared. */
function toCOrder(values: VoxelArray, shape: readonly number[]): VoxelArray {
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, size) => product * size, 1));
  const out = viewLike(values, values.length);
  const index = shape.map(() => 0);
  for (let at = 0, from = 0; at < out.length; at++) {
    out[at] = values[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

/**
 * Reads a MedSAM2 npz (specification section 8.2): `imgs` (D,H,W) or (D,H,W,3), uint8 display intensities; optional
 * `spacing` (x,y,z) mm, `direction` (3x3 row-major) and `origin`, LPS. `gts` and `recist` are read by {@link readNpzLabels}.
 *
 * Images of another numeric type are read too, and then need a window (finding `npz-not-uint8`).
 *
 * @throws UserError as {@link NpzArchive}, and `npz-shape`, `npz-geometry`, `no-finite-voxels`
 */
export async function readNpzVolume(path: string, options: FileReadOptions = {}): Promise<Volume> {
  const archive = await NpzArchive.open(path, options);
  try {
    const { type, shape } = await archive.header('imgs');
    const layout = stackShape(shape, 'imgs');
    if (layout.channels === 3 && type !== 'uint8') {
      throw new UserError(
        'npz-shape',
        `The colour images of the npz file are ${type}.`,
        'Save colour images as uint8.',
      );
    }
    const { geometry, findings, native } = await readGrid(archive, layout);
    const { values } = await archive.read('imgs');
    if (type !== 'uint8') {
      findings.push({
        code: 'npz-not-uint8',
        severity: 'info',
        message: `The images of the npz file are ${type}, not the 0..255 bytes of MedSAM2 files, so a window is applied.`,
      });
    }
    return {
      voxels: values,
      channels: layout.channels,
      geometry,
      kind: 'stack',
      findings: [...findings, ...nonFiniteFindings(values)],
      displayReady: type === 'uint8',
      native,
    };
  } finally {
    archive.close();
  }
}

/**
 * Reads a label array of a MedSAM2 npz: `gts` (labels), `recist` (lines) or `segs` (results), (D,H,W).
 *
 * @throws UserError as {@link NpzArchive}, and `npz-shape`, `npz-labels` (values that are no labels 0..65535)
 */
export async function readNpzLabels(
  path: string,
  name: 'gts' | 'recist' | 'segs',
  options: FileReadOptions = {},
): Promise<LabelMap> {
  const archive = await NpzArchive.open(path, options);
  try {
    const layout = stackShape((await archive.header(name)).shape, name);
    if (layout.channels === 3)
      throw new UserError('npz-shape', `The array ${name} has colours.`, 'Save labels as (D,H,W).');
    const { geometry } = await readGrid(archive, layout);
    const { values } = await archive.read(name);
    return { labels: asLabels(values, name), geometry };
  } finally {
    archive.close();
  }
}

/** Any whole numbers 0..65535 as labels: the array itself when it is Uint8 or Uint16, else a narrowed copy. */
export function asLabels(values: VoxelArray, name: string): LabelMap['labels'] {
  if (values instanceof Uint8Array || values instanceof Uint16Array) return values;
  let highest = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!(value >= 0 && value <= 65535 && Number.isInteger(value))) {
      throw new UserError(
        'npz-labels',
        `The array ${name} holds ${value}, which is no label from 0 to 65535.`,
        'Save labels as whole numbers.',
      );
    }
    if (value > highest) highest = value;
  }
  return highest < 256 ? Uint8Array.from(values) : Uint16Array.from(values);
}

interface StackShape {
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  readonly channels: 1 | 3;
}

function stackShape(shape: readonly number[], name: string): StackShape {
  if (shape.length === 2) return { slices: 1, rows: shape[0], columns: shape[1], channels: 1 };
  if (shape.length === 3) return { slices: shape[0], rows: shape[1], columns: shape[2], channels: 1 };
  if (shape.length === 4 && shape[3] === 3) {
    return { slices: shape[0], rows: shape[1], columns: shape[2], channels: 3 };
  }
  throw new UserError(
    'npz-shape',
    `The array ${name} has the shape (${shape.join(', ')}); (slices, rows, columns) is expected, or (slices, rows, columns, 3).`,
    'Rearrange the axes before saving.',
  );
}

async function readGrid(
  archive: NpzArchive,
  layout: StackShape,
): Promise<{ geometry: GridGeometry; findings: Finding[]; native: Volume['native'] }> {
  const numbers = async (name: string, count: number): Promise<number[] | undefined> => {
    if (!archive.has(name)) return undefined;
    const { shape } = await archive.header(name);
    const held = shape.reduce((product, size) => product * size, 1);
    const values = held === count ? [...(await archive.read(name)).values] : [];
    if (values.length === count && values.every(Number.isFinite)) return values;
    throw new UserError(
      'npz-geometry',
      `The array ${name} of the npz file is not ${count} finite numbers.`,
      `Save ${name} as ${count} numbers, or leave it out.`,
    );
  };
  const spacing = await numbers('spacing', 3);
  const direction = await numbers('direction', 9);
  const origin = await numbers('origin', 3);
  const [sx, sy, sz] = spacing ?? [1, 1, 1];
  const unit = (direction ?? pixelGrid(1, 1, 1).direction) as unknown as Matrix3;
  const linear = fromColumns(scale(column(unit, 0), sx), scale(column(unit, 1), sy), scale(column(unit, 2), sz));
  const [ox, oy, oz] = origin ?? [0, 0, 0];
  const geometry = gridFromAffine(layout, { linear, origin: [ox, oy, oz] });
  if (!geometry) {
    throw new UserError(
      'npz-geometry',
      'The spacing and direction of the npz file do not span space.',
      'Save valid numbers, or leave both out.',
    );
  }
  const findings: Finding[] = shearFindings(geometry);
  if (!spacing) {
    findings.push({
      code: 'npz-no-spacing',
      severity: 'warn',
      message: 'The npz file has no spacing; sizes are in voxels, not millimetres.',
    });
  }
  return { geometry, findings, native: { format: 'npz', spacing, direction, origin } };
}

const badArchive = (cause: unknown): UserError =>
  new UserError(
    'npz-archive',
    'The file is no readable npz archive (a ZIP file that is cut short, damaged, or something else).',
    'Copy it again, or write it again with numpy.savez_compressed.',
    { cause },
  );

function openZip(path: string): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: false }, (error, zip) => {
      if (error) reject(badArchive(error));
      else resolve(zip);
    });
  });
}

function listEntries(zip: yauzl.ZipFile): Promise<ReadonlyMap<string, yauzl.Entry>> {
  return new Promise((resolve, reject) => {
    const entries = new Map<string, yauzl.Entry>();
    zip.on('error', (error) => reject(badArchive(error)));
    zip.on('end', () => resolve(entries));
    zip.on('entry', (entry: yauzl.Entry) => {
      const name = entry.fileName.replace(/\.npy$/, '');
      if (entries.has(name) || entries.size >= 1000)
        return reject(badArchive(new Error('duplicate or too many members')));
      entries.set(name, entry);
      zip.readEntry();
    });
    zip.readEntry();
  });
}

function openEntry(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    try {
      zip.openReadStream(entry, (error, stream) => {
        if (error) reject(badArchive(error));
        else resolve(stream);
      });
    } catch (error) {
      reject(badArchive(error));
    }
  });
}

/** Where a member's data begins in the file: behind its own header, whose length the directory does not tell. */
function dataStart(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<number> {
  return new Promise((resolve, reject) => {
    zip.readLocalFileHeader(entry, { minimal: true }, (error, header) => {
      if (error) reject(badArchive(error));
      else resolve(header.fileDataStart);
    });
  });
}

/** The chunks of a member, with its CRC-32 compared at the end: ZIP readers leave that to their callers. */
function checked(stream: Readable, entry: yauzl.Entry): AsyncIterable<Uint8Array> {
  return (async function* () {
    let sum = 0;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      sum = crc32(chunk, sum);
      yield chunk;
    }
    if (sum >>> 0 !== entry.crc32 >>> 0) throw new Error('checksum of the archive member differs');
  })();
}
