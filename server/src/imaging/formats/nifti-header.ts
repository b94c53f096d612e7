import { UserError } from '@medsam2/models';
import { flipLpsRas, fromColumns, type Affine, type Matrix3, type Vector3 } from '../geometry.js';
import type { VoxelType } from './voxel-type.js';

/**
 * Byte positions in NIfTI-1 (nifti1.h, 348 bytes) and NIfTI-2 (nifti2.h, 540 bytes) headers. Positions and value widths
 * are all that differ in what is used here.
 */
export interface NiftiLayout {
  readonly version: 1 | 2;
  readonly size: number;
  readonly dim: number;
  readonly datatype: number;
  readonly bitpix: number;
  readonly pixdim: number;
  readonly voxOffset: number;
  readonly slope: number;
  readonly intercept: number;
  readonly calMax: number;
  readonly calMin: number;
  readonly units: number;
  readonly qformCode: number;
  readonly sformCode: number;
  readonly quatern: number;
  readonly qoffset: number;
  readonly srow: number;
  readonly intentCode: number;
  readonly magic: number;
  /** text fields: never copied into a result, they can name a patient */
  readonly texts: readonly (readonly [at: number, length: number])[];
}

export const nifti1: NiftiLayout = {
  version: 1,
  size: 348,
  dim: 40,
  datatype: 70,
  bitpix: 72,
  pixdim: 76,
  voxOffset: 108,
  slope: 112,
  intercept: 116,
  calMax: 124,
  calMin: 128,
  units: 123,
  qformCode: 252,
  sformCode: 254,
  quatern: 256,
  qoffset: 268,
  srow: 280,
  intentCode: 68,
  magic: 344,
  texts: [
    [4, 34], // data_type, db_name, extents, session_error
    [148, 80], // descrip
    [228, 24], // aux_file
    [328, 16], // intent_name
  ],
};

export const nifti2: NiftiLayout = {
  version: 2,
  size: 540,
  dim: 16,
  datatype: 12,
  bitpix: 14,
  pixdim: 104,
  voxOffset: 168,
  slope: 176,
  intercept: 184,
  calMax: 192,
  calMin: 200,
  units: 500,
  qformCode: 344,
  sformCode: 348,
  quatern: 352,
  qoffset: 376,
  srow: 400,
  intentCode: 504,
  magic: 4,
  texts: [
    [240, 80],
    [320, 24],
    [508, 16],
  ],
};

/** Reads and writes header values whatever the version and byte order. */
export class NiftiFields {
  readonly #view: DataView;

  constructor(
    header: Uint8Array,
    readonly layout: NiftiLayout,
    readonly littleEndian: boolean,
  ) {
    this.#view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  }

  short(at: number): number {
    return this.#view.getInt16(at, this.littleEndian);
  }
  setShort(at: number, value: number): void {
    this.#view.setInt16(at, value, this.littleEndian);
  }
  /** a code (qform, sform, intent): int16 in NIfTI-1, int32 in NIfTI-2 */
  code(at: number): number {
    return this.layout.version === 1 ? this.short(at) : this.#view.getInt32(at, this.littleEndian);
  }
  setCode(at: number, value: number): void {
    if (this.layout.version === 1) this.setShort(at, value);
    else this.#view.setInt32(at, value, this.littleEndian);
  }
  /** element `index` of dim[] */
  dim(index: number): number {
    if (this.layout.version === 1) return this.short(this.layout.dim + 2 * index);
    return Number(this.#view.getBigInt64(this.layout.dim + 8 * index, this.littleEndian));
  }
  setDim(index: number, value: number): void {
    if (this.layout.version === 1) this.setShort(this.layout.dim + 2 * index, value);
    else this.#view.setBigInt64(this.layout.dim + 8 * index, BigInt(value), this.littleEndian);
  }
  /** element `index` of a floating-point field: float32 in NIfTI-1, float64 in NIfTI-2 */
  real(at: number, index = 0): number {
    if (this.layout.version === 1) return this.#view.getFloat32(at + 4 * index, this.littleEndian);
    return this.#view.getFloat64(at + 8 * index, this.littleEndian);
  }
  setReal(at: number, value: number, index = 0): void {
    if (this.layout.version === 1) this.#view.setFloat32(at + 4 * index, value, this.littleEndian);
    else this.#view.setFloat64(at + 8 * index, value, this.littleEndian);
  }
  voxOffset(): number {
    if (this.layout.version === 1) return this.real(this.layout.voxOffset);
    return Number(this.#view.getBigInt64(this.layout.voxOffset, this.littleEndian));
  }
  setVoxOffset(value: number): void {
    if (this.layout.version === 1) this.setReal(this.layout.voxOffset, value);
    else this.#view.setBigInt64(this.layout.voxOffset, BigInt(value), this.littleEndian);
  }
  /** unit codes: bits 0-2 space, 3-5 time */
  units(): number {
    return this.layout.version === 1
      ? this.#view.getUint8(this.layout.units)
      : this.#view.getInt32(this.layout.units, this.littleEndian);
  }
  setUnits(value: number): void {
    if (this.layout.version === 1) this.#view.setUint8(this.layout.units, value);
    else this.#view.setInt32(this.layout.units, value, this.littleEndian);
  }
}

/** Version and byte order of a header by its first 4 bytes (sizeof_hdr), or undefined when it is no NIfTI header. */
export function recogniseNifti(first: Uint8Array): { layout: NiftiLayout; littleEndian: boolean } | undefined {
  if (first.length < 4) return undefined;
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength);
  for (const layout of [nifti1, nifti2]) {
    for (const littleEndian of [true, false]) {
      if (view.getInt32(0, littleEndian) === layout.size) return { layout, littleEndian };
    }
  }
  return undefined;
}

/** Stored types by NIfTI datatype code; RGB24 has three uint8 a voxel. */
export function niftiVoxelType(code: number): { type: VoxelType; channels: 1 | 3 } {
  const types: Partial<Record<number, VoxelType>> = {
    2: 'uint8',
    4: 'int16',
    8: 'int32',
    16: 'float32',
    64: 'float64',
    256: 'int8',
    512: 'uint16',
    768: 'uint32',
    1024: 'int64',
    1280: 'uint64',
  };
  if (code === 128) return { type: 'uint8', channels: 3 };
  const type = types[code];
  if (type) return { type, channels: 1 };
  const names: Partial<Record<number, string>> = {
    1: 'binary',
    32: 'complex64',
    1536: 'float128',
    1792: 'complex128',
    2048: 'complex256',
    2304: 'RGBA32',
  };
  throw new UserError(
    'voxel-type-unsupported',
    `The NIfTI file stores voxels of type ${names[code] ?? `code ${code}`}, which cannot be shown as intensities.`,
    'Convert it to an integer, floating-point or RGB type.',
  );
}

export type NiftiOrientation = 'sform' | 'qform' | 'none';

/**
 * Index -> world of a header, LPS millimetres, and where it comes from.
 *
 * The sform is used when its code is positive, else the qform, else voxel sizes alone (nifti1.h methods 3, 2, 1, in the
 * order nibabel uses). Spatial units metre and micrometre are converted; unknown units are taken as millimetres.
 */
export function niftiAffine(fields: NiftiFields, orientation = preferredOrientation(fields)): Affine {
  const unit = { 1: 1000, 3: 0.001 }[fields.units() & 7] ?? 1;
  const ras = orientation === 'sform' ? sform(fields) : orientation === 'qform' ? qform(fields) : unoriented(fields);
  return flipLpsRas({
    linear: ras.linear.map((value) => value * unit) as unknown as Matrix3,
    origin: [ras.origin[0] * unit, ras.origin[1] * unit, ras.origin[2] * unit],
  });
}

export function preferredOrientation(fields: NiftiFields): NiftiOrientation {
  if (fields.code(fields.layout.sformCode) > 0) return 'sform';
  return fields.code(fields.layout.qformCode) > 0 ? 'qform' : 'none';
}

/** Voxel sizes; zero, as some 2-D writers leave them, counts as 1, and signs are dropped (both as nibabel does). */
export function niftiVoxelSizes(fields: NiftiFields): Vector3 {
  const size = (axis: number): number => Math.abs(fields.real(fields.layout.pixdim, axis)) || 1;
  return [size(1), size(2), size(3)];
}

function sform(fields: NiftiFields): Affine {
  const row = (axis: number, index: number): number => fields.real(fields.layout.srow, 4 * axis + index);
  return {
    linear: [row(0, 0), row(0, 1), row(0, 2), row(1, 0), row(1, 1), row(1, 2), row(2, 0), row(2, 1), row(2, 2)],
    origin: [row(0, 3), row(1, 3), row(2, 3)],
  };
}

/** Method 2 of nifti1.h: unit quaternion (b, c, d), voxel sizes, and qfac = pixdim[0] for left-handed grids. */
function qform(fields: NiftiFields): Affine {
  const [b, c, d] = [0, 1, 2].map((index) => fields.real(fields.layout.quatern, index));
  const rest = 1 - (b * b + c * c + d * d);
  // rounding to float32 can leave a tiny negative rest; the rotation is then by 180 degrees
  const a = rest > 1e-7 ? Math.sqrt(rest) : 0;
  const length = a === 0 ? Math.hypot(b, c, d) || 1 : 1;
  const [x, y, z] = [b / length, c / length, d / length];
  const [sx, sy, sz] = niftiVoxelSizes(fields);
  const qfac = fields.real(fields.layout.pixdim, 0) < 0 ? -1 : 1;
  const step = (unit: Vector3, size: number): Vector3 => [unit[0] * size, unit[1] * size, unit[2] * size];
  return {
    linear: fromColumns(
      step([a * a + x * x - y * y - z * z, 2 * (x * y + a * z), 2 * (x * z - a * y)], sx),
      step([2 * (x * y - a * z), a * a + y * y - x * x - z * z, 2 * (y * z + a * x)], sy),
      step([2 * (x * z + a * y), 2 * (y * z - a * x), a * a + z * z - x * x - y * y], sz * qfac),
    ),
    origin: [0, 1, 2].map((index) => fields.real(fields.layout.qoffset, index)) as unknown as Vector3,
  };
}

/** Neither form is set: voxel sizes, x to the left, centred, the convention nibabel keeps from Analyze files. */
function unoriented(fields: NiftiFields): Affine {
  const [sx, sy, sz] = niftiVoxelSizes(fields);
  const middle = (axis: number): number => (Math.max(1, fields.dim(axis)) - 1) / 2;
  return {
    linear: [-sx, 0, 0, 0, sy, 0, 0, 0, sz],
    origin: [middle(1) * sx, -middle(2) * sy, -middle(3) * sz],
  };
}
