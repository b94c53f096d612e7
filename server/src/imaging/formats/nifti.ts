import { UserError } from '@medsam2/models';
import { access } from 'node:fs/promises';
import { gridFromAffine, isSameGrid, type Affine } from '../geometry.js';
import { nonFiniteFindings } from '../non-finite.js';
import type { Finding, GridGeometry, NativeGrid, Volume } from '../volume.js';
import { firstBytes, openBytes, readExactly, skipBytes, type ByteSource } from './byte-source.js';
import { shearFindings, singleSliceAffine } from './grid-findings.js';
import {
  NiftiFields,
  nifti1,
  nifti2,
  niftiAffine,
  niftiVoxelType,
  preferredOrientation,
  recogniseNifti,
  type NiftiLayout,
} from './nifti-header.js';
import { effectiveRescale, readVoxels, type VoxelLayout } from './read-voxels.js';
import { bytesPerVoxel, checkedCount, defaultMaxBytes } from './voxel-type.js';

export interface FileReadOptions {
  /** limit on the bytes of voxels, default 2^31 */
  readonly maxBytes?: number;
  /** which volume of a 4-D file, from 0; without it a file with several volumes is refused */
  readonly volumeIndex?: number;
}

/**
 * Reads a NIfTI-1 or NIfTI-2 file (.nii, .nii.gz, or an .hdr/.img pair named by its .hdr).
 *
 * Voxels keep the file's order: [third axis][second axis][first axis]. Geometry is LPS mm from the sform if its code is
 * positive, else the qform, else voxel sizes with a finding. scl_slope and scl_inter are applied.
 *
 * @throws UserError `nifti-header`, `nifti-several-volumes`, `voxel-type-unsupported`, `image-dimensions`,
 *   `image-too-large`, `image-truncated`, `image-corrupt`, `image-geometry`, `no-finite-voxels`
 */
export async function readNifti(path: string, options: FileReadOptions = {}): Promise<Volume> {
  const start = await firstBytes(path, 2);
  const source = await openBytes(path, { compressed: isGzip(start) });
  try {
    const header = await readHeader(source);
    const fields = new NiftiFields(header.bytes, header.layout, header.littleEndian);
    const plan = planVoxels(fields, options);
    const { voxels } = header.isPair
      ? await readPair(path, fields, plan)
      : { voxels: await readFrom(source, fields.voxOffset() - header.layout.size, plan) };
    const { geometry, findings } = niftiGrid(fields, plan.size);
    return {
      voxels,
      channels: plan.channels,
      geometry,
      kind: 'stack',
      findings: [...findings, ...nonFiniteFindings(voxels)],
      native: { format: 'nifti', header: header.bytes, littleEndian: header.littleEndian },
    };
  } finally {
    await source.close();
  }
}

const isGzip = (start: Uint8Array): boolean => start[0] === 0x1f && start[1] === 0x8b;

const badHeader = (message: string): UserError =>
  new UserError('nifti-header', message, 'Check that the file is NIfTI, or convert it again.');

interface Header {
  readonly bytes: Uint8Array;
  readonly layout: NiftiLayout;
  readonly littleEndian: boolean;
  /** voxels are in a second file, .img */
  readonly isPair: boolean;
}

async function readHeader(source: ByteSource): Promise<Header> {
  const first = await readExactly(source, 4, 'header');
  const recognised = recogniseNifti(first);
  if (!recognised) throw badHeader('The file does not start with a NIfTI header.');
  const { layout, littleEndian } = recognised;
  const bytes = new Uint8Array(layout.size);
  bytes.set(first);
  bytes.set(await readExactly(source, layout.size - 4, 'header'), 4);
  const magic = Buffer.from(bytes.buffer, layout.magic, 3).toString('latin1');
  const [single, pair] = layout.version === 1 ? ['n+1', 'ni1'] : ['n+2', 'ni2'];
  if (magic !== single && magic !== pair) {
    throw badHeader('The file has a header of NIfTI size without the NIfTI magic (an Analyze 7.5 file, or damaged).');
  }
  return { bytes, layout, littleEndian, isPair: magic === pair };
}

interface VoxelPlan {
  readonly size: { readonly columns: number; readonly rows: number; readonly slices: number };
  readonly channels: 1 | 3;
  readonly layout: VoxelLayout;
  /** bytes of earlier volumes to pass over */
  readonly skip: number;
}

function planVoxels(fields: NiftiFields, options: FileReadOptions): VoxelPlan {
  const rank = fields.dim(0);
  if (!(rank >= 2 && rank <= 7)) throw badHeader(`The NIfTI header declares ${rank} dimensions; 2 to 7 are possible.`);
  const dims = Array.from({ length: rank }, (_, index) => fields.dim(index + 1));
  const { type, channels } = niftiVoxelType(fields.short(fields.layout.datatype));
  const bytes = bytesPerVoxel[type] * channels;
  const bits = fields.short(fields.layout.bitpix);
  if (bits !== 0 && bits !== bytes * 8) {
    throw badHeader(`The NIfTI header contradicts itself: ${bits} bits per voxel for a ${bytes * 8}-bit type.`);
  }
  const size = { columns: dims[0], rows: dims[1], slices: dims[2] ?? 1 };
  const count = checkedCount([size.columns, size.rows, size.slices], bytes, options.maxBytes ?? defaultMaxBytes);
  const volumes = checkedCount([1, ...dims.slice(3)], 1, Number.MAX_SAFE_INTEGER);
  const volume = chosenVolume(volumes, dims, options.volumeIndex);
  const slope = fields.real(fields.layout.slope);
  const intercept = fields.real(fields.layout.intercept);
  // slope 0 or not a number: the standard says that stored values are the intensities; RGB is never rescaled
  const scaled = channels === 1 && slope !== 0 && Number.isFinite(slope) && Number.isFinite(intercept);
  return {
    size,
    channels,
    skip: volume * count * bytes,
    layout: {
      type,
      count: count * channels,
      littleEndian: fields.littleEndian,
      rescale: scaled ? effectiveRescale(slope, intercept) : undefined,
    },
  };
}

function chosenVolume(volumes: number, dims: readonly number[], wanted: number | undefined): number {
  if (wanted === undefined && volumes > 1) {
    throw new UserError(
      'nifti-several-volumes',
      `The NIfTI file holds ${volumes} volumes (${dims.join(' x ')}); one is segmented at a time.`,
      'Choose one by its index (0 is the first), or split the file.',
    );
  }
  const volume = wanted ?? 0;
  if (!Number.isInteger(volume) || volume < 0 || volume >= volumes) {
    throw new UserError(
      'nifti-volume-index',
      `Volume ${volume} does not exist; the file holds ${volumes}.`,
      `Choose an index from 0 to ${volumes - 1}.`,
    );
  }
  return volume;
}

async function readFrom(source: ByteSource, gap: number, plan: VoxelPlan): Promise<Volume['voxels']> {
  if (!Number.isInteger(gap) || gap < 0) throw badHeader('The NIfTI header places the voxels inside the header.');
  const total = gap + plan.skip;
  if (total > source.atMost) throw badHeader('The NIfTI header places the voxels behind the end of the file.');
  await skipBytes(source, total, 'data before the voxels');
  return readVoxels(source, plan.layout);
}

/** Voxels of an .hdr/.img pair, from `<name>.img` or `<name>.img.gz`. */
async function readPair(path: string, fields: NiftiFields, plan: VoxelPlan): Promise<{ voxels: Volume['voxels'] }> {
  const stem = path.replace(/\.hdr(\.gz)?$/i, '');
  for (const candidate of [`${stem}.img`, `${stem}.img.gz`]) {
    if (candidate === path || !(await exists(candidate))) continue;
    const source = await openBytes(candidate, { compressed: isGzip(await firstBytes(candidate, 2)) });
    try {
      return { voxels: await readFrom(source, fields.voxOffset(), plan) };
    } finally {
      await source.close();
    }
  }
  throw new UserError(
    'nifti-pair',
    'The header belongs to an .hdr/.img pair, and the .img file is missing.',
    'Keep both files in one folder and name the .hdr file.',
  );
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The grid that the kept header of a NIfTI source states. */
export function niftiGridOf(native: Extract<NativeGrid, { format: 'nifti' }>): GridGeometry {
  const layout = native.header.length === nifti2.size ? nifti2 : nifti1;
  const fields = new NiftiFields(native.header, layout, native.littleEndian);
  const [columns, rows, slices] = [1, 2, 3].map((axis) => (axis <= fields.dim(0) ? fields.dim(axis) : 1));
  return niftiGrid(fields, { columns, rows, slices }).geometry;
}

function niftiGrid(
  fields: NiftiFields,
  size: { columns: number; rows: number; slices: number },
): { geometry: GridGeometry; findings: Finding[] } {
  const used = preferredOrientation(fields);
  const grid = (affine: Affine): GridGeometry | undefined => gridFromAffine(size, singleSliceAffine(size, affine));
  const geometry = grid(niftiAffine(fields));
  if (!geometry) {
    throw new UserError(
      'image-geometry',
      `The NIfTI file's ${used} does not span space (a voxel step has no length or direction).`,
      'Repair the header with a NIfTI tool.',
    );
  }
  const findings: Finding[] = [...shearFindings(geometry)];
  if (used === 'none') {
    findings.push({
      code: 'nifti-no-orientation',
      severity: 'warn',
      message: 'The NIfTI file states no orientation; left and right cannot be known, and its place is assumed.',
    });
  }
  if (used === 'sform' && fields.code(fields.layout.qformCode) > 0) {
    const other = grid(niftiAffine(fields, 'qform'));
    if (other && !isSameGrid(geometry, other, 0.1)) {
      findings.push({
        code: 'nifti-forms-differ',
        severity: 'warn',
        message:
          'The sform and the qform of the NIfTI file place the image differently; the sform is used, other programs may use the qform.',
      });
    }
  }
  return { geometry, findings };
}
