/** Small numeric rules of the reference that decide parity (specification sections 4.2 to 4.6). */

/**
 * Round every value to bfloat16 (nearest, ties to even) in place, keeping float32 storage.
 *
 * The reference stores spatial memories as bfloat16 on every device; without this, logits drift by up to 0.2 %.
 */
export function roundToBfloat16(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i];
    // torch's quiet NaN: rounded like a number, or cut to its upper half, a NaN could become infinity.
    if ((b & 0x7fffffff) > 0x7f800000) bits[i] = 0x7fc00000;
    else bits[i] = (b + 0x7fff + ((b >>> 16) & 1)) & 0xffff0000;
  }
  return values;
}

/**
 * Sine-cosine code of a normalised distance in time: `[sin(x / d_k) ..., cos(x / d_k) ...]` with
 * `d_k = 10000^(2 floor(k/2) / (dim/2))`; two blocks, not interleaved (specification section 4.6).
 */
export function temporalCode(x: number, dim: number): Float32Array {
  const half = dim / 2;
  const code = new Float32Array(dim);
  for (let k = 0; k < half; k++) {
    const divisor = Math.fround(Math.pow(10000, (2 * Math.floor(k / 2)) / half));
    const angle = Math.fround(Math.fround(x) / divisor);
    code[k] = Math.sin(angle);
    code[half + k] = Math.cos(angle);
  }
  return code;
}

/** y = W x + b for one vector; W is [rows][columns] as in the checkpoint. */
export function linear(weight: Float32Array, bias: Float32Array, x: Float32Array): Float32Array {
  const y = new Float32Array(bias.length);
  for (let r = 0; r < bias.length; r++) {
    let sum = bias[r];
    for (let c = 0, at = r * x.length; c < x.length; c++) sum += weight[at + c] * x[c];
    y[r] = sum;
  }
  return y;
}

/**
 * Stability of a mask: area above `+delta` divided by area above `-delta`; 1 when nothing is above `-delta`
 * (SAM 2.1, `dynamic_multimask_stability_delta`).
 */
export function stability(logits: Float32Array, delta: number): number {
  // torch compares float32 logits with the float32 nearest to the threshold.
  const bound = Math.fround(delta);
  let inner = 0;
  let outer = 0;
  for (const value of logits) {
    if (value > bound) inner++;
    if (value > -bound) outer++;
  }
  return outer === 0 ? 1 : inner / outer;
}

/** Index of the largest value in `[from, to)`; the first one on ties, as torch's argmax on CPU. */
export function argmax(values: ArrayLike<number>, from: number, to: number): number {
  let best = from;
  for (let i = from + 1; i < to; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** Keep the upper halves of float32 values that are already bfloat16: half the memory, nothing lost. */
export function packBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const packed = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) packed[i] = bits[i] >>> 16;
  return packed;
}

/** Inverse of `packBfloat16`. */
export function unpackBfloat16(packed: Uint16Array): Float32Array {
  const bits = new Uint32Array(packed.length);
  for (let i = 0; i < packed.length; i++) bits[i] = packed[i] << 16;
  return new Float32Array(bits.buffer);
}
