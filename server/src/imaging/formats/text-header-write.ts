import { column, type Vector3 } from '../geometry.js';
import type { GridGeometry, LabelMap, NativeGrid } from '../volume.js';

type NativeText = Extract<NativeGrid, { format: 'nrrd' | 'metaimage' }>;

/**
 * The header of a NRRD label file with attached gzip data, ending in the empty line. The grid's fields of a NRRD source
 * are repeated as they were written there; otherwise the grid is stated in LPS.
 */
export function nrrdLabelHeader({ labels, geometry }: LabelMap, native?: NativeText): Uint8Array {
  const lines = [
    'NRRD0004',
    `type: ${labels.BYTES_PER_ELEMENT === 1 ? 'unsigned char' : 'unsigned short'}`,
    'dimension: 3',
    `sizes: ${sizeOf(geometry)}`,
    'kinds: domain domain domain',
    'endian: little',
    'encoding: gzip',
    ...nrrdGridLines(geometry, native),
  ];
  return Buffer.from(`${lines.join('\n')}\n\n`, 'latin1');
}

function nrrdGridLines(geometry: GridGeometry, native?: NativeText): string[] {
  const kept = new Map(native?.fields ?? []);
  // a colour axis of the source has no direction, and the labels have no colour axis
  const directions = kept.get('space directions')?.replace(/none\s*/gi, '');
  if (directions !== undefined) kept.set('space directions', directions);
  const spacings = kept.get('spacings')?.split(/\s+/);
  if (spacings) kept.set('spacings', spacings.slice(-3).join(' '));
  const axes = directions ? (directions.match(/\(/g)?.length ?? 0) : Math.min(spacings?.length ?? 0, 3);
  if (axes === 3) return [...kept].map(([name, value]) => `${name}: ${value}`);
  const vector = (values: readonly number[]): string => `(${values.join(',')})`;
  const step = (axis: 0 | 1 | 2): Vector3 => {
    const [x, y, z] = column(geometry.direction, axis);
    const length = geometry.spacing[axis];
    return [x * length, y * length, z * length];
  };
  return [
    'space: left-posterior-superior',
    `space directions: ${vector(step(0))} ${vector(step(1))} ${vector(step(2))}`,
    `space origin: ${vector(geometry.origin)}`,
  ];
}

/**
 * The header of a compressed MetaImage label file. The grid's fields of a 3-D MetaImage source are repeated as they were
 * written there.
 *
 * @param compressedBytes size of the zlib data behind the header, which MetaIO wants to know
 */
export function metaImageLabelHeader(
  { labels, geometry }: LabelMap,
  compressedBytes: number,
  native?: NativeText,
): Uint8Array {
  const lines = [
    'ObjectType = Image',
    'NDims = 3',
    'BinaryData = True',
    'BinaryDataByteOrderMSB = False',
    'CompressedData = True',
    `CompressedDataSize = ${compressedBytes}`,
    ...metaGridLines(geometry, native),
    `DimSize = ${sizeOf(geometry)}`,
    `ElementType = ${labels.BYTES_PER_ELEMENT === 1 ? 'MET_UCHAR' : 'MET_USHORT'}`,
    'ElementDataFile = LOCAL',
  ];
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

function metaGridLines(geometry: GridGeometry, native?: NativeText): string[] {
  const is3d = native?.fields.some(([name, value]) => name === 'TransformMatrix' && value.split(/\s+/).length === 9);
  if (native && is3d) return native.fields.map(([name, value]) => `${name} = ${value}`);
  const rows = ([0, 1, 2] as const).map((axis) => column(geometry.direction, axis).join(' '));
  return [
    `TransformMatrix = ${rows.join(' ')}`,
    `Offset = ${geometry.origin.join(' ')}`,
    'CenterOfRotation = 0 0 0',
    `ElementSpacing = ${geometry.spacing.join(' ')}`,
  ];
}

const sizeOf = ({ columns, rows, slices }: GridGeometry): string => `${columns} ${rows} ${slices}`;
