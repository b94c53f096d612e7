import { UserError } from '@medsam2/models';

/** value = slope * stored + intercept; stored values within `padding` are no tissue. */
export interface SliceTransform {
  readonly slope: number;
  readonly intercept: number;
  readonly padding?: readonly [number, number];
}

/** What voxels are kept as: `bytes` 0..255, `integers` of 16 bits, `floats` of 32 bits. */
export type StoreType = 'bytes' | 'integers' | 'floats';

/**
 * The voxels of a volume while it is filled slice by slice. Integers become floats with the first value that does not
 * fit; bytes are for display intensities, which always do.
 */
export class VoxelSink {
  private store: Int16Array | Uint8Array | Float32Array;
  private written = 0;
  /** range of tissue values written so far */
  low = Infinity;
  high = -Infinity;
  paddingVoxels = 0;

  /**
   * @param sliceSize voxels (times channels) of one slice
   * @param type `floats` when a slope or intercept is known to be no integer, to spare the change of type later
   */
  constructor(
    private readonly sliceSize: number,
    slices: number,
    type: StoreType,
  ) {
    const size = sliceSize * slices;
    this.store =
      type === 'bytes' ? new Uint8Array(size) : type === 'floats' ? new Float32Array(size) : new Int16Array(size);
  }

  get voxels(): Int16Array | Uint8Array | Float32Array {
    return this.store;
  }

  /** Values of slice `slice` as a view. */
  slice(slice: number): Int16Array | Uint8Array | Float32Array {
    return this.store.subarray(slice * this.sliceSize, (slice + 1) * this.sliceSize);
  }

  /** Writes one slice of colour bytes. */
  writeColour(slice: number, rgb: ArrayLike<number>): void {
    this.store.set(rgb, slice * this.sliceSize);
    this.written++;
  }

  /**
   * Writes one slice of stored values through its transform. Padding keeps its (transformed) value where that fits and
   * takes the nearest value that does otherwise: it must not cost the whole volume twice the memory.
   */
  write(slice: number, samples: ArrayLike<number>, transform: SliceTransform): void {
    const { slope, intercept } = transform;
    const [padLow, padHigh] = transform.padding ?? [Infinity, -Infinity];
    let [low, high, padding] = [Infinity, -Infinity, 0];
    for (let i = 0; i < samples.length; i++) {
      const stored = samples[i];
      if (stored >= padLow && stored <= padHigh) padding++;
      else {
        if (stored < low) low = stored;
        if (stored > high) high = stored;
      }
    }
    this.paddingVoxels += padding;
    if (high >= low) this.noteRange([low * slope + intercept, high * slope + intercept]);
    const integral = Number.isInteger(slope) && Number.isInteger(intercept);
    if (this.store instanceof Int16Array && (!integral || this.low < -32768 || this.high > 32767)) this.widen();
    const target = this.slice(slice);
    if (target instanceof Float32Array) {
      for (let i = 0; i < samples.length; i++) target[i] = samples[i] * slope + intercept;
    } else if (padding === 0) {
      for (let i = 0; i < samples.length; i++) target[i] = samples[i] * slope + intercept;
    } else {
      for (let i = 0; i < samples.length; i++) {
        target[i] = Math.min(32767, Math.max(-32768, samples[i] * slope + intercept));
      }
    }
    this.written++;
  }

  /** Turns dark into bright within the range of values present: for images stored to be shown inverted. */
  invert(): void {
    const sum = this.low + this.high;
    for (let i = 0; i < this.store.length; i++) this.store[i] = sum - this.store[i];
  }

  private noteRange(ends: readonly number[]): void {
    if (!ends.every(Number.isFinite)) {
      throw new UserError(
        'bad-rescale',
        'Rescale slope or intercept is not a usable number.',
        'Export the series again.',
      );
    }
    this.low = Math.min(this.low, ...ends);
    this.high = Math.max(this.high, ...ends);
  }

  private widen(): void {
    // an untouched store is simply exchanged; a partly filled one is held twice for a moment
    this.store = this.written === 0 ? new Float32Array(this.store.length) : Float32Array.from(this.store);
  }
}
