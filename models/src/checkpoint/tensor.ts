import { open } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { explain } from '../files/errors.js';
import type { Checkpoint } from './types.js';

/**
 * Reads one tensor as float32, converted from float16 or bfloat16 where it is stored so (both exactly).
 *
 * @returns the elements in row-major order of the tensor's shape
 * @throws UserError `checkpoint-key`, `checkpoint-dtype`, `checkpoint-truncated`
 */
export async function readTensor(checkpoint: Checkpoint, key: string): Promise<Float32Array> {
  const { file } = checkpoint;
  const tensor = checkpoint.tensors.get(key);
  if (!tensor)
    throw new UserError('checkpoint-key', `${file} has no tensor ${key}.`, 'Use weights of the right architecture.');
  const { dtype, offset, byteLength } = tensor;
  if (dtype !== 'f32' && dtype !== 'f16' && dtype !== 'bf16') throw unsupportedDtype(file, key, dtype);
  try {
    const handle = await open(file, 'r');
    try {
      if ((await handle.stat()).size < offset + byteLength)
        throw new UserError('checkpoint-truncated', `${file} ends before the tensor ${key}.`, 'Get the file again.');
      const bytes = new Uint8Array(byteLength);
      for (let at = 0; at < byteLength;) {
        const { bytesRead } = await handle.read(bytes, at, byteLength - at, offset + at);
        if (bytesRead === 0)
          throw new UserError('checkpoint-truncated', `${file} ends within the tensor ${key}.`, 'Get the file again.');
        at += bytesRead;
      }
      if (dtype === 'f32') return new Float32Array(bytes.buffer);
      return widen(new Uint16Array(bytes.buffer), dtype);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw explain(error, file);
  }
}

/** The error for weights that are not stored as floating-point numbers the graphs can take. */
export function unsupportedDtype(file: string, key: string, dtype: string): UserError {
  return new UserError(
    'checkpoint-dtype',
    `${file} stores the tensor ${key} as ${dtype}, which the graphs cannot take.`,
    'Save the weights as float32, float16 or bfloat16.',
  );
}

function widen(halves: Uint16Array, dtype: 'f16' | 'bf16'): Float32Array {
  const bits = new Uint32Array(halves.length);
  const values = new Float32Array(bits.buffer);
  for (let index = 0; index < halves.length; index++) {
    if (dtype === 'bf16') bits[index] = halves[index] << 16;
    else values[index] = halfToFloat(halves[index]);
  }
  return values;
}

/** IEEE 754 binary16 to a number; exact, subnormals, infinities and NaN included. */
function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
