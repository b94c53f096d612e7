import type { Architecture } from '@medsam2/models';
import { open } from 'node:fs/promises';

/**
 * Write a `.safetensors` file with random weights of an architecture: the right keys and shapes, reproducible, no meaning.
 * Speed and memory do not depend on the values, so that benchmarks need no download.
 */
export async function writeSyntheticWeights(architecture: Architecture, path: string, seed = 1): Promise<void> {
  const header: Record<string, { dtype: 'F32'; shape: readonly number[]; data_offsets: [number, number] }> = {};
  let end = 0;
  for (const [key, { shape }] of Object.entries(architecture.tensors)) {
    const start = end;
    end += 4 * shape.reduce((product, size) => product * size, 1);
    header[key] = { dtype: 'F32', shape, data_offsets: [start, end] };
  }
  let json = JSON.stringify(header);
  json += ' '.repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  const file = await open(path, 'wx');
  try {
    await file.write(Buffer.concat([length, Buffer.from(json)]));
    let state = seed >>> 0;
    for (const [key, { shape }] of Object.entries(architecture.tensors)) {
      const count = shape.reduce((product, size) => product * size, 1);
      const values = new Float32Array(count);
      const isScale = shape.length <= 1 && key.endsWith('weight');
      const spread = shape.length <= 1 ? 0.1 : 1 / Math.sqrt(Math.max(1, count / shape[0]));
      for (let i = 0; i < count; i++) {
        // A linear congruential generator (Numerical Recipes) is random enough for weights that mean nothing.
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        values[i] = (isScale ? 1 : 0) + spread * 1.7 * (state / 2 ** 31 - 1);
      }
      await file.write(new Uint8Array(values.buffer));
    }
  } finally {
    await file.close();
  }
}
