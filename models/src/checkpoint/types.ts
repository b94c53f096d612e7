/** What a weights file is to this project: a table of tensors that lie at known places in it. No tensor bytes. */

export type Dtype = 'f64' | 'f32' | 'f16' | 'bf16' | 'i64' | 'i32' | 'i16' | 'i8' | 'u8' | 'bool';

export const bytesPerElement: Readonly<Record<Dtype, number>> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
};

export interface TensorEntry {
  readonly dtype: Dtype;
  /** outermost dimension first; [] is a scalar */
  readonly shape: readonly number[];
  /** byte position of the first element in the file; elements follow in row-major order, little-endian */
  readonly offset: number;
  readonly byteLength: number;
}

export interface Checkpoint {
  /** path of the file the offsets refer to */
  readonly file: string;
  readonly format: 'pt' | 'safetensors';
  /** size of the file in bytes when it was read */
  readonly bytes: number;
  /** checkpoint key -> where the tensor is, in the file's order */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** `.safetensors` metadata; empty for `.pt` */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Limits on what a weights file may declare; far above any SAM 2.1 checkpoint, far below what would hurt. */
export const limits = {
  /** bytes of data.pkl (0.3 MB for a trainer's file with optimiser state) */
  pickleBytes: 16 * 2 ** 20,
  /** values a pickle may create */
  pickleValues: 500_000,
  /** values on the pickle machine's stack at once */
  pickleStack: 100_000,
  /** open MARKs */
  pickleDepth: 1_000,
  /** characters of one string */
  stringBytes: 2 ** 20,
  /** tensors in one file */
  tensors: 100_000,
  /** entries in the ZIP directory */
  zipEntries: 100_000,
  /** bytes of a `.safetensors` header (the format's own limit is 100 MB) */
  safetensorsHeaderBytes: 16 * 2 ** 20,
  /** dimensions of one tensor */
  dimensions: 16,
} as const;

/** Number of elements of a shape, or undefined when a size is not a whole number or the product leaves exact integers. */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    count *= size;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/**
 * Whether a tensor's or entry's name can be shown and used as it is: some characters, none of them control characters,
 * which could rewrite a terminal.
 */
export function isPlainName(name: string): boolean {
  return name.length > 0 && name.length <= 500 && !/\p{Cc}/u.test(name);
}
