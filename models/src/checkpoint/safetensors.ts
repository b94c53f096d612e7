import { open } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { messageOf } from '../files/errors.js';
import {
  bytesPerElement,
  elementCount,
  isPlainName,
  limits,
  type Checkpoint,
  type Dtype,
  type TensorEntry,
} from './types.js';

const dtypes: Readonly<Record<string, Dtype>> = {
  F64: 'f64',
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  I64: 'i64',
  I32: 'i32',
  I16: 'i16',
  I8: 'i8',
  U8: 'u8',
  BOOL: 'bool',
};

const tensorHeader = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.number().int().nonnegative()).max(limits.dimensions),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});
const metadataHeader = z.record(z.string(), z.string());

/**
 * Reads the table of tensors of a `.safetensors` file: 8 bytes header length, JSON header, then the tensors, which must
 * follow one another without overlap or gap up to the end of the file (format specification of safetensors).
 *
 * @param file path
 * @param bytes the file's size
 * @throws UserError `checkpoint-invalid`, `checkpoint-truncated`, `checkpoint-dtype`
 */
export async function readSafetensors(file: string, bytes: number): Promise<Checkpoint> {
  const handle = await open(file, 'r');
  try {
    const length = Buffer.alloc(8);
    await handle.read(length, 0, 8, 0);
    const headerBytes = Number(length.readBigUInt64LE());
    if (headerBytes > limits.safetensorsHeaderBytes)
      throw invalid(
        file,
        `its header declares ${headerBytes} bytes, more than the ${limits.safetensorsHeaderBytes} allowed`,
      );
    if (8 + headerBytes > bytes) throw truncated(file, 8 + headerBytes, bytes);
    const text = Buffer.alloc(headerBytes);
    await handle.read(text, 0, headerBytes, 8);
    const { metadata, tensors } = parseHeader(file, text, 8 + headerBytes);
    checkLayout(file, tensors, 8 + headerBytes, bytes);
    return { file, format: 'safetensors', bytes, tensors, metadata };
  } finally {
    await handle.close();
  }
}

function parseHeader(file: string, text: Buffer, dataStart: number) {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch (error) {
    throw invalid(file, `its header is not JSON (${messageOf(error).slice(0, 100)})`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw invalid(file, 'its header is no object');
  const tensors = new Map<string, TensorEntry>();
  let metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(header)) {
    if (key === '__metadata__') {
      const parsed = metadataHeader.safeParse(value);
      if (!parsed.success) throw invalid(file, 'its __metadata__ is not a table of texts');
      metadata = parsed.data;
      continue;
    }
    if (!isPlainName(key)) throw invalid(file, 'a tensor name is empty, overlong or holds control characters');
    if (tensors.size >= limits.tensors) throw invalid(file, `it has more than ${limits.tensors} tensors`);
    tensors.set(key, parseTensor(file, key, value, dataStart));
  }
  if (tensors.size === 0) throw invalid(file, 'it holds no tensors');
  return { metadata, tensors };
}

function parseTensor(file: string, key: string, value: unknown, dataStart: number): TensorEntry {
  const parsed = tensorHeader.safeParse(value);
  if (!parsed.success) throw invalid(file, `the entry ${key.slice(0, 100)} is not a tensor description`);
  const { shape, data_offsets: offsets } = parsed.data;
  const dtype = Object.hasOwn(dtypes, parsed.data.dtype) ? dtypes[parsed.data.dtype] : undefined;
  if (!dtype)
    throw new UserError(
      'checkpoint-dtype',
      `${file} stores the tensor ${key} as ${parsed.data.dtype.slice(0, 20)}, which is not supported.`,
      'Save the weights as float32, float16 or bfloat16.',
    );
  const count = elementCount(shape);
  if (count === undefined || offsets[1] - offsets[0] !== count * bytesPerElement[dtype])
    throw invalid(file, `the tensor ${key} has ${offsets[1] - offsets[0]} bytes, not what its shape and type need`);
  return { dtype, shape, offset: dataStart + offsets[0], byteLength: offsets[1] - offsets[0] };
}

function checkLayout(file: string, tensors: ReadonlyMap<string, TensorEntry>, dataStart: number, bytes: number): void {
  let end = dataStart;
  for (const [key, tensor] of [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength)) {
    if (tensor.offset < end) throw invalid(file, `the tensor ${key} overlaps another one`);
    if (tensor.offset > end) throw invalid(file, `there is a gap before the tensor ${key}`);
    end = tensor.offset + tensor.byteLength;
  }
  if (end > bytes) throw truncated(file, end, bytes);
  if (end < bytes) throw invalid(file, `${bytes - end} bytes follow its last tensor`);
}

function invalid(file: string, what: string): UserError {
  return new UserError(
    'checkpoint-invalid',
    `${file} is not a valid .safetensors file: ${what}.`,
    'Get the file again from its source.',
  );
}

function truncated(file: string, needed: number, bytes: number): UserError {
  return new UserError(
    'checkpoint-truncated',
    `${file} is truncated: it needs ${needed} bytes and has ${bytes}.`,
    'Get the file again and compare its size and sha256 with the source.',
  );
}
