/** What the bridge asks of a reader of npz archives (`NpzArchive` of the server package fits). Pickled objects are refused by it. */

/** 64-bit integers come as Float64Array, bool as Uint8Array. */
export type NumberArray =
  Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

export interface ArrayHeader {
  readonly shape: readonly number[];
  /** `int8` … `uint64`, `float16` … `float64` */
  readonly type: string;
  readonly fortranOrder: boolean;
}

export interface ArrayArchive {
  readonly names: readonly string[];
  has(name: string): boolean;
  /** Shape and type, from the array's first bytes. */
  header(name: string): Promise<ArrayHeader>;
  /** CRC-32 and size of the array's file: equal for equal arrays. */
  checksum(name: string): { readonly crc32: number; readonly bytes: number };
  /** All values, in C order. */
  read(name: string): Promise<{ readonly shape: readonly number[]; readonly values: NumberArray }>;
  /** The values piece by piece, in C order; nothing is held. Refuses Fortran order. */
  pieces(name: string): AsyncIterable<NumberArray>;
  close(): void;
}

export interface ArchiveLimits {
  /** bytes of one array */
  readonly maxBytes: number;
  readonly fortran: 'rearrange';
}

export type OpenArchive = (path: string, limits: ArchiveLimits) => Promise<ArrayArchive>;
