import type { NumberArray } from './archive.js';
import type { GridSize } from './input/geometry.js';
import type { ImageStack } from './segmenter.js';

/** A volume as the client sent it: [slice][row][column] or [slice][row][column][channel]. */
export interface ClientVolume extends GridSize {
  readonly channels: 1 | 3;
  readonly voxels: NumberArray;
}

/**
 * Intensities as the plug-in's own server makes them (specification section 6.1): a volume whose maximum is 256 or more is
 * stretched from its minimum and maximum to 0..255 and truncated; any other is taken as it is.
 *
 * Where "as it is" would wrap or vanish on the way to bytes (negative values, fractions up to 1) the volume is stretched
 * too. NaN counts as the smallest finite value.
 */
export function compatStack(volume: ClientVolume): ImageStack {
  const { slices, rows, columns, channels, voxels } = volume;
  const size = rows * columns * channels;
  const view = (slice: number): NumberArray => voxels.subarray(slice * size, (slice + 1) * size);
  // the whole volume is looked at when its first image is wanted, not while the client uploads
  let toGrey: ((slice: NumberArray) => Uint8Array) | undefined;
  return { slices, rows, columns, channels, image: (slice) => (toGrey ??= greyFunction(voxels))(view(slice)) };
}

function greyFunction(voxels: NumberArray): (slice: NumberArray) => Uint8Array {
  if (voxels instanceof Uint8Array) return (slice) => slice as Uint8Array;
  const { low, high, whole } = survey(voxels);
  const stretch = high >= 256 || low < 0 || !whole;
  const span = high - low;
  const grey = (value: number): number => {
    const shown = stretch ? (span > 0 ? ((value - low) / span) * 255 : 0) : value;
    // also turns NaN into 0
    return shown > 0 ? Math.min(Math.floor(shown), 255) : 0;
  };
  if (voxels.BYTES_PER_ELEMENT > 2) return (slice) => Uint8Array.from(slice, grey);
  const bits = voxels.BYTES_PER_ELEMENT === 1 ? 0xff : 0xffff;
  const signed = voxels instanceof Int8Array || voxels instanceof Int16Array;
  const table = Uint8Array.from({ length: bits + 1 }, (_, code) =>
    grey(signed && code > bits >> 1 ? code - bits - 1 : code),
  );
  return (slice) => {
    const image = new Uint8Array(slice.length);
    for (let i = 0; i < slice.length; i++) image[i] = table[slice[i] & bits];
    return image;
  };
}

/** Smallest and largest finite value, and whether all are whole numbers. */
function survey(voxels: NumberArray): { low: number; high: number; whole: boolean } {
  let [low, high] = [Infinity, -Infinity];
  let whole = true;
  const isReal = voxels instanceof Float32Array || voxels instanceof Float64Array;
  for (let i = 0; i < voxels.length; i++) {
    const value = voxels[i];
    if (value < low && value !== -Infinity) low = value;
    if (value > high && value !== Infinity) high = value;
    if (isReal && whole && !Number.isInteger(value)) whole = false;
  }
  if (low > high) return { low: 0, high: 0, whole: true };
  // fractions of a range well above 1 are a grey scale of their own; only their fractions are lost
  return { low, high, whole: whole || high > 1 };
}
