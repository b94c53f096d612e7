/** Voxel storage as read from the source; rescaled intensities that need fractions are Float32Array. */
export type VoxelArray =
  Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/**
 * Where a grid of voxels lies in the patient: LPS millimetres.
 *
 * `world = origin + direction * (spacing . [column, row, slice])`, voxel centres on integers.
 */
export interface GridGeometry {
  readonly columns: number;
  readonly rows: number;
  readonly slices: number;
  /** millimetres between neighbouring columns, rows, slices; always positive */
  readonly spacing: readonly [number, number, number];
  /** centre of voxel [0][0][0], LPS millimetres */
  readonly origin: readonly [number, number, number];
  /** 3x3 row-major; its COLUMNS are the unit vectors of increasing column, row and slice index, LPS */
  readonly direction: readonly [number, number, number, number, number, number, number, number, number];
}

/** Something about the source that a user must know before trusting a result. */
export interface Finding {
  /** stable identifier in kebab-case, e.g. `missing-slices` */
  readonly code: string;
  /** `info`: worth knowing; `warn`: usable, results need care; `reject`: must not be segmented as it is */
  readonly severity: 'info' | 'warn' | 'reject';
  /** one sentence, no patient data */
  readonly message: string;
}

/** Identity of the image a slice was read from, for DICOM sources. */
export interface SliceSource {
  readonly sopInstanceUid: string;
  readonly sopClassUid: string;
  /** 1-based frame number; absent for single-frame instances */
  readonly frameNumber?: number;
  /** ImagePositionPatient exactly as stored (DS strings), when present */
  readonly imagePosition?: readonly [string, string, string];
}

/**
 * How a source file itself states its grid, kept so that a result in the same format repeats it to the digit.
 * Only geometry is kept: text fields of a header can hold patient data.
 */
export type NativeGrid =
  | {
      readonly format: 'nifti';
      /** the header as stored: 348 bytes (NIfTI-1) or 540 bytes (NIfTI-2), in the file's byte order */
      readonly header: Uint8Array;
      readonly littleEndian: boolean;
    }
  | {
      /** `nrrd`: space, space directions ...; `metaimage`: TransformMatrix, Offset ...; in the file's order */
      readonly format: 'nrrd' | 'metaimage';
      readonly fields: readonly (readonly [name: string, value: string])[];
    }
  | {
      readonly format: 'npz';
      /** members as float64, when present */
      readonly spacing?: readonly number[];
      readonly direction?: readonly number[];
      readonly origin?: readonly number[];
    };

/**
 * A stack of images held once in memory.
 *
 * `voxels` is [slice][row][column] for `channels` 1 and [slice][row][column][channel] (R, G, B) for `channels` 3.
 * For DICOM, slices are sorted ascending along the right-handed normal (row direction x column direction);
 * for file formats (NIfTI, NRRD, MHA, npz) slices keep the stored order of the file's third axis.
 */
export interface Volume {
  readonly voxels: VoxelArray;
  readonly channels: 1 | 3;
  readonly geometry: GridGeometry;
  /** `stack`: slices in space; `cine`: frames in time (geometry then is in pixels, spacing 1) */
  readonly kind: 'stack' | 'cine';
  /** DICOM modality (`CT`, `MR`, `PT`, `US` ...) when the source says so */
  readonly modality?: string;
  readonly findings: readonly Finding[];
  /** one per slice, DICOM sources only */
  readonly sliceSources?: readonly SliceSource[];
  /** true when every slice is already 0..255 display intensity (MedSAM2 npz, video frames): no window is applied */
  readonly displayReady?: boolean;
  /** file formats only: the grid as the file states it, for writing a result in the same format */
  readonly native?: NativeGrid;
}

/** A label map on the grid of the volume it was made from: [slice][row][column], 0 = background. */
export interface LabelMap {
  readonly labels: Uint8Array | Uint16Array;
  readonly geometry: GridGeometry;
}

/** Voxels of one slice of a volume as a view (no copy): [row][column] or [row][column][channel]. */
export function sliceView(volume: Volume, slice: number): VoxelArray {
  const { rows, columns } = volume.geometry;
  const size = rows * columns * volume.channels;
  return volume.voxels.subarray(slice * size, (slice + 1) * size);
}
