import { UserError } from '@medsam2/models';
import { gridFromAffine, type Matrix3, type Vector3 } from '../geometry.js';
import { nonFiniteFindings } from '../non-finite.js';
import type { Finding, GridGeometry, Volume, VoxelArray } from '../volume.js';
import { dataFilePath, parseNumbers, readHeaderLines } from './attached-data.js';
import { openBytes, skipBytes } from './byte-source.js';
import { shearFindings } from './grid-findings.js';
import type { FileReadOptions } from './nifti.js';
import { readTextVoxels, readVoxels } from './read-voxels.js';
import { bytesPerVoxel, checkedCount, defaultMaxBytes, refuseColour, type VoxelType } from './voxel-type.js';

/** Fields that state the grid; repeated to the digit when a result is written as MetaImage. */
const gridFields = ['TransformMatrix', 'Offset', 'CenterOfRotation', 'AnatomicalOrientation', 'ElementSpacing'];

/**
 * Reads a MetaImage (.mha, or .mhd with its data file), raw, zlib-compressed or as text.
 *
 * Voxels keep the file's order. Offset and TransformMatrix are LPS mm, as ITK writes them: row i of the matrix is the unit
 * vector of axis i.
 *
 * @throws UserError `metaimage-header`, `metaimage-dimensions`, `voxel-type-unsupported`, `image-data-file`,
 *   `image-dimensions`, `image-too-large`, `image-truncated`, `image-corrupt`, `image-geometry`, `no-finite-voxels`
 */
export async function readMetaImage(path: string, options: FileReadOptions = {}): Promise<Volume> {
  const header = await readHeaderLines(path, (line) => /^\s*ElementDataFile\s*=/.test(line));
  const fields = header ? parseFields(header.lines) : undefined;
  if (!header || !fields?.has('ElementDataFile')) throw badHeader('The file does not start with a MetaImage header.');
  const rank = Number(fields.get('NDims'));
  const sizes = parseNumbers(fields.get('DimSize') ?? '') ?? [];
  if (sizes.length !== rank)
    throw badHeader(`The MetaImage header declares ${rank} dimensions and ${sizes.length} sizes.`);
  const channels = channelsOf(fields, rank, sizes);
  const type = voxelType(fields.get('ElementType') ?? '');
  refuseColour(type, channels);
  const size = { columns: sizes[0], rows: sizes[1], slices: sizes[2] ?? 1 };
  const count = checkedCount(
    [size.columns, size.rows, size.slices],
    bytesPerVoxel[type] * channels,
    options.maxBytes ?? defaultMaxBytes,
  );
  const { geometry, findings } = metaGrid(fields, rank, size);
  const voxels = await readData(path, header.end, fields, type, count * channels);
  return {
    voxels,
    channels,
    geometry,
    kind: 'stack',
    findings: [...findings, ...shearFindings(geometry), ...nonFiniteFindings(voxels)],
    native: { format: 'metaimage', fields: [...fields].filter(([name]) => gridFields.includes(name)) },
  };
}

type Fields = ReadonlyMap<string, string>;

const badHeader = (message: string): UserError =>
  new UserError('metaimage-header', message, 'Check that the file is MetaImage, or write it again.');

function parseFields(lines: readonly string[]): Fields {
  // other names that MetaIO accepts for the same field
  const aliases: Partial<Record<string, string>> = {
    Position: 'Offset',
    Origin: 'Offset',
    Rotation: 'TransformMatrix',
    Orientation: 'TransformMatrix',
    ElementByteOrderMSB: 'BinaryDataByteOrderMSB',
  };
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^\s*([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined) fields.set(aliases[name] ?? name, value);
  }
  return fields;
}

function channelsOf(fields: Fields, rank: number, sizes: readonly number[]): 1 | 3 {
  const channels = Number(fields.get('ElementNumberOfChannels') ?? 1);
  if ((rank === 2 || rank === 3) && (channels === 1 || channels === 3)) return channels;
  throw new UserError(
    'metaimage-dimensions',
    `The MetaImage has ${rank} axes (${sizes.join(' x ')}) and ${channels} values per voxel; one volume of 2 or 3 axes is read, with 1 or 3 (RGB) values.`,
    'Save the volume you want as a file of its own.',
  );
}

function voxelType(name: string): VoxelType {
  const types: Partial<Record<string, VoxelType>> = {
    MET_CHAR: 'int8',
    MET_UCHAR: 'uint8',
    MET_SHORT: 'int16',
    MET_USHORT: 'uint16',
    MET_INT: 'int32',
    MET_UINT: 'uint32',
    // MetaIO fixes long at 4 bytes whatever the machine
    MET_LONG: 'int32',
    MET_ULONG: 'uint32',
    MET_LONG_LONG: 'int64',
    MET_ULONG_LONG: 'uint64',
    MET_FLOAT: 'float32',
    MET_DOUBLE: 'float64',
  };
  const type = types[name.replace(/_ARRAY$/, '')];
  if (type) return type;
  throw new UserError(
    'voxel-type-unsupported',
    `The MetaImage stores voxels of type "${name.slice(0, 40)}", which cannot be read as numbers.`,
    'Convert it to an integer or floating-point type.',
  );
}

function metaGrid(
  fields: Fields,
  rank: number,
  size: { columns: number; rows: number; slices: number },
): { geometry: GridGeometry; findings: Finding[] } {
  const numbers = (name: string, count: number): number[] | undefined => {
    const text = fields.get(name);
    if (text === undefined) return undefined;
    const values = parseNumbers(text);
    if (values?.length !== count) throw badHeader(`The field ${name} of the MetaImage header needs ${count} numbers.`);
    return values;
  };
  const matrix = numbers('TransformMatrix', rank * rank);
  const offset = numbers('Offset', rank);
  const spacing = numbers('ElementSpacing', rank) ?? numbers('ElementSize', rank);
  const findings: Finding[] = [];
  if (!matrix || !offset || !spacing) {
    findings.push({
      code: 'no-orientation',
      severity: 'warn',
      message: 'The MetaImage does not state where the image lies in the patient; left and right cannot be known.',
    });
  }
  const axis = (index: number): Vector3 => {
    const row = matrix?.slice(index * rank, (index + 1) * rank) ?? [];
    const identity = [0, 1, 2].map((at) => (at === index ? 1 : 0));
    const unit = index < rank && matrix ? [row[0], row[1], row[2] ?? 0] : identity;
    const length = spacing?.[index] ?? 1;
    return [unit[0] * length, unit[1] * length, unit[2] * length];
  };
  const [u, v, w] = [axis(0), axis(1), axis(2)];
  const linear: Matrix3 = [u[0], v[0], w[0], u[1], v[1], w[1], u[2], v[2], w[2]];
  const geometry = gridFromAffine(size, { linear, origin: [offset?.[0] ?? 0, offset?.[1] ?? 0, offset?.[2] ?? 0] });
  if (!geometry) {
    throw new UserError(
      'image-geometry',
      "The MetaImage's TransformMatrix and ElementSpacing do not span space.",
      'Write the file again with valid geometry.',
    );
  }
  return { geometry, findings };
}

async function readData(
  path: string,
  end: number,
  fields: Fields,
  type: VoxelType,
  count: number,
): Promise<VoxelArray> {
  const isTrue = (name: string): boolean => /^true$/i.test(fields.get(name) ?? '');
  const named = fields.get('ElementDataFile') ?? 'LOCAL';
  const isLocal = /^LOCAL$/i.test(named);
  const file = isLocal ? path : dataFilePath(path, named);
  const isText = /^false$/i.test(fields.get('BinaryData') ?? 'True');
  const headerSize = Number(fields.get('HeaderSize') ?? 0);
  if (!Number.isInteger(headerSize) || headerSize < 0) {
    throw badHeader(`The MetaImage header declares "HeaderSize = ${headerSize}"; only 0 or more is read.`);
  }
  const source = await openBytes(file, { start: isLocal ? end : 0, compressed: isTrue('CompressedData') });
  try {
    if (headerSize > source.atMost)
      throw badHeader('The MetaImage header places the voxels behind the end of the file.');
    await skipBytes(source, headerSize, 'data before the voxels');
    if (isText) return await readTextVoxels(source, type, count);
    return await readVoxels(source, { type, count, littleEndian: !isTrue('BinaryDataByteOrderMSB') });
  } finally {
    await source.close();
  }
}
