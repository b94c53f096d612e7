import type { PixelFormat } from '../header.js';

export type Samples = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array;

/**
 * Sample values from little-endian bytes: bits above BitsStored are dropped (old overlays live there) and the sign is
 * extended from bit HighBit (PS3.5 section 8.1.1). The result may share memory with `bytes`.
 */
export function toSamples(bytes: Uint8Array, format: PixelFormat): Samples {
  const raw = typed(bytes, format.bitsAllocated, format.signed);
  const { bitsAllocated, bitsStored, highBit, signed } = format;
  if (bitsStored === bitsAllocated) return raw;
  const up = 32 - highBit - 1;
  const down = 32 - bitsStored;
  if (signed) for (let i = 0; i < raw.length; i++) raw[i] = (raw[i] << up) >> down;
  else for (let i = 0; i < raw.length; i++) raw[i] = (raw[i] << up) >>> down;
  return raw;
}

function typed(bytes: Uint8Array, bitsAllocated: number, signed: boolean): Samples {
  const width = bitsAllocated / 8;
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  const [buffer, offset, length] = [aligned.buffer, aligned.byteOffset, Math.floor(bytes.length / width)];
  if (bitsAllocated === 8)
    return signed ? new Int8Array(buffer, offset, length) : new Uint8Array(buffer, offset, length);
  if (bitsAllocated === 16)
    return signed ? new Int16Array(buffer, offset, length) : new Uint16Array(buffer, offset, length);
  return signed ? new Int32Array(buffer, offset, length) : new Uint32Array(buffer, offset, length);
}
