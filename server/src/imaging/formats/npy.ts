import { UserError } from '@medsam2/models';
import { readExactly, type ByteSource } from './byte-source.js';
import type { VoxelType } from './voxel-type.js';

/** What the header of an npy array says (numpy.lib.format, versions 1.0 to 3.0). */
export interface NpyHeader {
  readonly type: VoxelType;
  /** stored as bool; read as uint8 0 or 1 */
  readonly isBoolean: boolean;
  readonly littleEndian: boolean;
  readonly shape: readonly number[];
  /** the first axis runs fastest; never set where both orders are the same bytes */
  readonly fortranOrder: boolean;
  /** bytes of magic and header, where the values start */
  readonly headerBytes: number;
}

const maxHeaderBytes = 1 << 16;
const maxTextLength = 1 << 20;

/**
 * Reads the header of an npy array from a source, strictly: what numpy writes, nothing else. The text is matched, never
 * evaluated.
 *
 * @param name of the array, for messages
 * @throws UserError `npy-header`, `npz-object-array`, `npz-dtype`, `image-truncated`
 */
export async function readNpyHeader(source: ByteSource, name: string): Promise<NpyHeader> {
  const { text, headerBytes } = await readHeaderText(source, name);
  return { ...parseDictionary(text, name), headerBytes };
}

/**
 * Reads a single text (a numpy `str` scalar, little-endian) from a source.
 *
 * @throws UserError `npy-header`, `npz-dtype`, `image-truncated`
 */
export async function readNpyText(source: ByteSource, name: string): Promise<string> {
  const { text } = await readHeaderText(source, name);
  const [, length] = /'descr'\s*:\s*'<U(\d{1,7})'.*'shape'\s*:\s*\(\s*\)/s.exec(text) ?? [];
  if (length === undefined || Number(length) > maxTextLength) {
    throw new UserError('npz-dtype', `The array ${name} is no single text.`, 'Save it as a Python str.');
  }
  const bytes = Buffer.from(await readExactly(source, 4 * Number(length), `text ${name}`));
  let characters = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const code = bytes.readUInt32LE(at);
    if (code > 0x10ffff) throw badHeader(name, 'holds what is no text');
    if (code !== 0) characters += String.fromCodePoint(code);
  }
  return characters;
}

async function readHeaderText(source: ByteSource, name: string): Promise<{ text: string; headerBytes: number }> {
  const start = await readExactly(source, 8, `header of the array ${name}`);
  if (Buffer.from(start.subarray(0, 6)).toString('latin1') !== '\x93NUMPY') {
    throw badHeader(name, 'does not start with the npy magic');
  }
  const version = start[6];
  if (version < 1 || version > 3) throw badHeader(name, `has npy version ${version}; 1 to 3 are known`);
  const lengthBytes = version === 1 ? 2 : 4;
  const length = Buffer.from(await readExactly(source, lengthBytes, `header of the array ${name}`)).readUIntLE(
    0,
    lengthBytes,
  );
  if (length > maxHeaderBytes) throw badHeader(name, `declares a header of ${length} bytes`);
  const text = Buffer.from(await readExactly(source, length, `header of the array ${name}`)).toString('latin1');
  return { text, headerBytes: 8 + lengthBytes + length };
}

const badHeader = (name: string, what: string): UserError =>
  new UserError('npy-header', `The array ${name} ${what}.`, 'Write the file again with numpy.savez_compressed.');

function parseDictionary(text: string, name: string): Omit<NpyHeader, 'headerBytes'> {
  const descr = /'descr'\s*:\s*('([^']*)'|\[)/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text);
  const shapeText = /'shape'\s*:\s*\(([0-9,\sL]*)\)/.exec(text);
  if (!/^\{.*\}\s*$/s.test(text) || !descr || !order || !shapeText) {
    throw badHeader(name, 'has a header that numpy does not write');
  }
  const { type, isBoolean, littleEndian } = parseDescr(descr[2], name);
  const shape = shapeText[1]
    .split(',')
    .map((word) => word.trim().replace(/L$/, ''))
    .filter((word) => word !== '')
    .map(Number);
  // with at most one axis longer than 1, both orders are the same bytes
  const fortranOrder = order[1] === 'True' && shape.filter((size) => size > 1).length > 1;
  return { type, isBoolean, littleEndian, shape, fortranOrder };
}

function parseDescr(descr: string | undefined, name: string): Pick<NpyHeader, 'type' | 'isBoolean' | 'littleEndian'> {
  const [, byteOrder, kind, width] = /^([<>|=]?)([a-zA-Z])(\d*)$/.exec(descr ?? '') ?? [];
  if (kind === 'O') {
    throw new UserError(
      'npz-object-array',
      `The array ${name} holds pickled Python objects, which are never loaded because they can run code.`,
      'Save it as a plain numeric array.',
    );
  }
  const types: Partial<Record<string, VoxelType>> = {
    b1: 'uint8',
    i1: 'int8',
    u1: 'uint8',
    i2: 'int16',
    u2: 'uint16',
    i4: 'int32',
    u4: 'uint32',
    i8: 'int64',
    u8: 'uint64',
    f2: 'float16',
    f4: 'float32',
    f8: 'float64',
  };
  const type = types[`${kind ?? ''}${width ?? ''}`];
  if (!type) {
    throw new UserError(
      'npz-dtype',
      `The array ${name} has the dtype ${descr === undefined ? 'of records' : `"${descr.slice(0, 20)}"`}, which is no plain number.`,
      'Save it as an integer or floating-point array.',
    );
  }
  return { type, isBoolean: kind === 'b', littleEndian: byteOrder !== '>' };
}

/** The bytes of an npy header (version 1.0) for C-ordered little-endian values, padded to 64 bytes as numpy does. */
export function npyHeader(descr: '|u1' | '<u2' | '<f8', shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(length, ' ');
  header.write('\x93NUMPY\x01\x00', 0, 'latin1');
  header.writeUInt16LE(length - 10, 8);
  header.write(text, 10, 'latin1');
  header[length - 1] = 0x0a;
  return header;
}
