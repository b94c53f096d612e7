import { UserError } from '@medsam2/models';
import { gridFromAffine, type Matrix3, type Vector3 } from '../geometry.js';
import { nonFiniteFindings } from '../non-finite.js';
import type { Finding, GridGeometry, NativeGrid, Volume, VoxelArray } from '../volume.js';
import { dataFilePath, parseNumbers, readHeaderLines } from './attached-data.js';
import { openBytes, skipBytes } from './byte-source.js';
import { shearFindings, singleSliceAffine } from './grid-findings.js';
import type { FileReadOptions } from './nifti.js';
import { readTextVoxels, readVoxels } from './read-voxels.js';
import { bytesPerVoxel, checkedCount, defaultMaxBytes, refuseColour, type VoxelType } from './voxel-type.js';

/** Fields that state the grid, by their canonical names; repeated to the digit when a result is written as NRRD. */
const gridFields = ['space', 'space dimension', 'space directions', 'space origin', 'space units', 'spacings'];

/**
 * Reads a NRRD file (.nrrd, or a detached .nhdr header), encodings raw, gzip and ascii.
 *
 * Voxels keep the file's order. Three values per voxel on the first axis (RGB) become `channels` 3. Geometry is LPS mm;
 * space RAS and LAS are converted.
 *
 * @throws UserError `nrrd-header`, `nrrd-encoding`, `nrrd-dimensions`, `voxel-type-unsupported`, `image-data-file`,
 *   `image-dimensions`, `image-too-large`, `image-truncated`, `image-corrupt`, `image-geometry`, `no-finite-voxels`
 */
export async function readNrrd(path: string, options: FileReadOptions = {}): Promise<Volume> {
  const header = await readHeaderLines(path, (line) => line === '');
  if (!header || !/^NRRD000\d/.test(header.lines[0])) throw badHeader('The file does not start with a NRRD header.');
  const fields = parseFields(header.lines);
  const type = voxelType(required(fields, 'type'));
  const { sizes, channels } = spatialSizes(fields);
  const size = { columns: sizes[0], rows: sizes[1], slices: sizes[2] ?? 1 };
  refuseColour(type, channels);
  const bytes = bytesPerVoxel[type] * channels;
  const count = checkedCount([size.columns, size.rows, size.slices], bytes, options.maxBytes ?? defaultMaxBytes);
  const { geometry, findings } = nrrdGrid(fields, size);
  const voxels = await readData(path, header.end, fields, type, count * channels);
  return {
    voxels,
    channels,
    geometry,
    kind: 'stack',
    findings: [...findings, ...nonFiniteFindings(voxels)],
    native: nativeFields(fields),
  };
}

type Fields = ReadonlyMap<string, string>;

const badHeader = (message: string): UserError =>
  new UserError('nrrd-header', message, 'Check that the file is NRRD, or write it again.');

/** `name: value` lines; `key:=value` lines (free text, may name a patient) are left out. */
function parseFields(lines: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (const line of lines.slice(1)) {
    if (line.startsWith('#') || line === '' || /^[^:]*:=/.test(line)) continue;
    const [, name, value] = /^([^:]+): ?(.*)$/.exec(line) ?? [];
    if (name === undefined) throw badHeader('A line of the NRRD header is neither a field nor a comment.');
    fields.set(canonicalName(name), value.trim());
    // what follows such a line are file names
    if (canonicalName(name) === 'data file' && value.startsWith('LIST')) break;
  }
  return fields;
}

function canonicalName(name: string): string {
  const lower = name.trim().toLowerCase();
  const aliases: Partial<Record<string, string>> = {
    datafile: 'data file',
    lineskip: 'line skip',
    byteskip: 'byte skip',
    spacedimension: 'space dimension',
    centerings: 'centers',
  };
  return aliases[lower] ?? lower;
}

function required(fields: Fields, name: string): string {
  const value = fields.get(name);
  if (value === undefined || value === '') throw badHeader(`The NRRD header has no field "${name}".`);
  return value;
}

function voxelType(name: string): VoxelType {
  const types: Partial<Record<string, VoxelType>> = {};
  const put = (type: VoxelType, names: string): void => names.split(',').forEach((alias) => (types[alias] = type));
  put('int8', 'signed char,int8,int8_t');
  put('uint8', 'uchar,unsigned char,uint8,uint8_t');
  put('int16', 'short,short int,signed short,signed short int,int16,int16_t');
  put('uint16', 'ushort,unsigned short,unsigned short int,uint16,uint16_t');
  put('int32', 'int,signed int,int32,int32_t');
  put('uint32', 'uint,unsigned int,uint32,uint32_t');
  put('int64', 'longlong,long long,long long int,signed long long,signed long long int,int64,int64_t');
  put('uint64', 'ulonglong,unsigned long long,unsigned long long int,uint64,uint64_t');
  put('float32', 'float');
  put('float64', 'double');
  const type = types[name.toLowerCase()];
  if (type) return type;
  throw new UserError(
    'voxel-type-unsupported',
    `The NRRD file stores voxels of type "${name.slice(0, 40)}", which cannot be read as numbers.`,
    'Convert it to an integer or floating-point type.',
  );
}

/** Sizes of the spatial axes, and the values per voxel of a leading colour axis. */
function spatialSizes(fields: Fields): { sizes: number[]; channels: 1 | 3 } {
  const sizes = parseNumbers(required(fields, 'sizes')) ?? [];
  const rank = Number(required(fields, 'dimension'));
  if (sizes.length !== rank) throw badHeader(`The NRRD header declares ${rank} dimensions and ${sizes.length} sizes.`);
  const text = sizes.join(' x ');
  const kinds = (fields.get('kinds') ?? '').toLowerCase().split(/\s+/);
  const first = axisVectors(fields)?.[0];
  // a `list` axis holds separate volumes, and is never taken as colour
  const isColour = /color|^vector$/.test(kinds[0]) || (first === null && kinds[0] !== 'list');
  if (isColour && rank >= 3 && rank <= 4 && (sizes[0] === 1 || sizes[0] === 3)) {
    return { sizes: sizes.slice(1), channels: sizes[0] };
  }
  if (isColour || first === null || kinds[0] === 'list' || rank < 2 || rank > 3) {
    throw new UserError(
      'nrrd-dimensions',
      `The NRRD file has ${rank} axes (${text}); one volume of 2 or 3 axes is read, with 1 or 3 (RGB) values per voxel.`,
      'Save the volume you want as a file of its own.',
    );
  }
  return { sizes, channels: 1 };
}

/** `space directions`: one vector per axis, null for `none`; undefined when the field is absent. */
function axisVectors(fields: Fields): (number[] | null)[] | undefined {
  const text = fields.get('space directions');
  if (text === undefined) return undefined;
  const words = text.match(/none|\([^)]*\)/gi) ?? [];
  return words.map((word) => {
    if (word.toLowerCase() === 'none') return null;
    const vector = parseNumbers(word.slice(1, -1));
    if (!vector) throw badHeader('The space directions of the NRRD header are no numbers.');
    return vector;
  });
}

function nrrdGrid(
  fields: Fields,
  size: { columns: number; rows: number; slices: number },
): { geometry: GridGeometry; findings: Finding[] } {
  const findings: Finding[] = [];
  const vectors = axisVectors(fields)?.filter((vector) => vector !== null);
  const steps = (vectors ?? spacingVectors(fields)).slice(0, 3);
  while (steps.length < 3) steps.push([0, 0, 0]);
  // 2-D files in a 2-D space have shorter vectors
  for (const vector of steps) while (vector.length < 3) vector.push(0);
  const originText = fields.get('space origin');
  const origin = originText ? parseNumbers(originText.replace(/[()]/g, ' ')) : [0, 0, 0];
  while (origin && origin.length < 3) origin.push(0);
  const [sx, sy] = spaceSigns(fields, findings);
  if (!vectors || !originText) {
    findings.push({
      code: 'no-orientation',
      severity: 'warn',
      message: 'The NRRD file does not state where the image lies in the patient; left and right cannot be known.',
    });
  }
  const [u, v, w] = steps;
  const linear: Matrix3 = [sx * u[0], sx * v[0], sx * w[0], sy * u[1], sy * v[1], sy * w[1], u[2], v[2], w[2]];
  const placed: Vector3 = origin ? [sx * origin[0], sy * origin[1], origin[2]] : [NaN, NaN, NaN];
  const geometry = gridFromAffine(size, singleSliceAffine(size, { linear, origin: placed }));
  if (!geometry) {
    throw new UserError(
      'image-geometry',
      "The NRRD file's space directions do not span space, or its origin is no point.",
      'Write the file again with valid geometry.',
    );
  }
  return { geometry, findings: [...findings, ...shearFindings(geometry)] };
}

/** Without directions: axes along x, y, z with the `spacings` (1 where they are missing). */
function spacingVectors(fields: Fields): number[][] {
  const spacings = (fields.get('spacings') ?? '')
    .split(/\s+/)
    .map(Number)
    .filter((value) => value > 0);
  return [0, 1, 2].map((axis) => [0, 1, 2].map((at) => (at === axis ? (spacings[axis] ?? 1) : 0)));
}

/** Signs that turn x and y of the file's space into LPS. */
function spaceSigns(fields: Fields, findings: Finding[]): [number, number] {
  const space = fields.get('space')?.toLowerCase();
  if (space === undefined) return [1, 1];
  if (/^(left-posterior-superior|lps)/.test(space)) return [1, 1];
  if (/^(right-anterior-superior|ras)/.test(space)) return [-1, -1];
  if (/^(left-anterior-superior|las)/.test(space)) return [1, -1];
  findings.push({
    code: 'nrrd-space-unknown',
    severity: 'warn',
    message: 'The NRRD file uses a space that is not anatomical; its axes are taken as left, posterior, superior.',
  });
  return [1, 1];
}

async function readData(
  path: string,
  end: number,
  fields: Fields,
  type: VoxelType,
  count: number,
): Promise<VoxelArray> {
  const named = fields.get('data file');
  const file = named ? dataFilePath(path, named) : path;
  const encoding = required(fields, 'encoding').toLowerCase();
  const isText = ['ascii', 'txt', 'text'].includes(encoding);
  const isGzip = ['gzip', 'gz'].includes(encoding);
  if (!isText && !isGzip && encoding !== 'raw') {
    throw new UserError(
      'nrrd-encoding',
      `The NRRD file uses the encoding "${encoding.slice(0, 20)}"; raw, gzip and ascii are read.`,
      'Save it with gzip encoding.',
    );
  }
  const lineSkip = Number(fields.get('line skip') ?? 0);
  const byteSkip = Number(fields.get('byte skip') ?? 0);
  if (lineSkip !== 0 || !Number.isInteger(byteSkip) || byteSkip < 0) {
    throw new UserError(
      'nrrd-encoding',
      `The NRRD file uses "line skip: ${lineSkip}" and "byte skip: ${byteSkip}"; only a positive byte skip is read.`,
      'Save it with an attached header.',
    );
  }
  const endian = fields.get('endian')?.toLowerCase();
  if (!isText && bytesPerVoxel[type] > 1 && endian !== 'little' && endian !== 'big') {
    throw badHeader('The NRRD header has no byte order ("endian: little" or "endian: big").');
  }
  const source = await openBytes(file, { start: named ? 0 : end, compressed: isGzip });
  try {
    if (byteSkip > source.atMost) throw badHeader('The NRRD header places the voxels behind the end of the file.');
    await skipBytes(source, byteSkip, 'data before the voxels');
    if (isText) return await readTextVoxels(source, type, count);
    return await readVoxels(source, { type, count, littleEndian: endian !== 'big' });
  } finally {
    await source.close();
  }
}

function nativeFields(fields: Fields): NativeGrid {
  return {
    format: 'nrrd',
    fields: gridFields.flatMap((name) => {
      const value = fields.get(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  };
}
