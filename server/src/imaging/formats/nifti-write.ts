import {
  column,
  determinant,
  dot,
  flipLpsRas,
  indexToWorldAffine,
  norm,
  normalise,
  scale,
  fromColumns,
  type Matrix3,
  type Vector3,
} from '../geometry.js';
import type { GridGeometry, LabelMap, NativeGrid } from '../volume.js';
import { UserError } from '@medsam2/models';
import { NiftiFields, nifti1, nifti2 } from './nifti-header.js';

type NativeNifti = Extract<NativeGrid, { format: 'nifti' }>;

/**
 * The bytes before the voxels of a NIfTI label file (header and four extension bytes), and its byte order.
 *
 * With the header of a NIfTI source, its version, byte order, qform, sform, codes, voxel sizes and units are kept to the
 * digit; only what describes the voxels is replaced, and texts are blanked. Otherwise a NIfTI-1 header with the same
 * sform and qform (code 1, scanner) is made; grids that are not at right angles have no qform.
 *
 * @throws UserError `output-format` for more than 32767 voxels along an axis of a NIfTI-1 file
 */
export function niftiLabelHeader(
  labelMap: LabelMap,
  native?: NativeNifti,
): { head: Uint8Array; littleEndian: boolean } {
  const layout = native?.header.length === nifti2.size ? nifti2 : nifti1;
  const littleEndian = native?.littleEndian ?? true;
  const head = new Uint8Array(layout.size + 4);
  if (native) head.set(native.header);
  const fields = new NiftiFields(head, layout, littleEndian);
  const { geometry, labels } = labelMap;
  const size = [geometry.columns, geometry.rows, geometry.slices];
  if (layout.version === 1 && Math.max(...size) > 32767) {
    throw new UserError(
      'output-format',
      `A NIfTI-1 file cannot hold ${size.join(' x ')} voxels; 32767 along an axis is the most.`,
      'Write NRRD or MetaImage instead.',
    );
  }
  new DataView(head.buffer).setInt32(0, layout.size, littleEndian);
  for (const [at, length] of layout.texts) head.fill(0, at, at + length);
  head.set(Buffer.from(layout.version === 1 ? 'n+1\0' : 'n+2\0\r\n\x1a\n', 'latin1'), layout.magic);
  [3, ...size, 1, 1, 1, 1].forEach((value, index) => fields.setDim(index, value));
  fields.setShort(layout.datatype, labels.BYTES_PER_ELEMENT === 1 ? 2 : 512);
  fields.setShort(layout.bitpix, labels.BYTES_PER_ELEMENT * 8);
  fields.setVoxOffset(layout.size + 4);
  fields.setReal(layout.slope, 1);
  fields.setReal(layout.intercept, 0);
  fields.setReal(layout.calMax, 0);
  fields.setReal(layout.calMin, 0);
  fields.setCode(layout.intentCode, 0);
  if (!native) placeGrid(fields, geometry);
  return { head, littleEndian };
}

function placeGrid(fields: NiftiFields, geometry: GridGeometry): void {
  const { layout } = fields;
  const { linear, origin } = flipLpsRas(indexToWorldAffine(geometry));
  fields.setUnits(2); // millimetres
  for (let axis = 0; axis < 3; axis++) {
    [0, 1, 2].forEach((index) => fields.setReal(layout.srow, linear[3 * axis + index], 4 * axis + index));
    fields.setReal(layout.srow, origin[axis], 4 * axis + 3);
  }
  fields.setCode(layout.sformCode, 1);
  geometry.spacing.forEach((value, index) => fields.setReal(layout.pixdim, value, index + 1));
  fields.setReal(layout.pixdim, 1);
  const rotation = orthonormal(linear);
  if (!rotation) return;
  const { qfac, quaternion } = toQuaternion(rotation);
  fields.setReal(layout.pixdim, qfac);
  quaternion.forEach((value, index) => fields.setReal(layout.quatern, value, index));
  origin.forEach((value, index) => fields.setReal(layout.qoffset, value, index));
  fields.setCode(layout.qformCode, 1);
}

/** Unit axes of a step matrix when they are at right angles to within float32 rounding, else undefined. */
function orthonormal(linear: Matrix3): [Vector3, Vector3, Vector3] | undefined {
  const [u, v, w] = [normalise(column(linear, 0)), normalise(column(linear, 1)), normalise(column(linear, 2))];
  if (!u || !v || !w) return undefined;
  return Math.max(Math.abs(dot(u, v)), Math.abs(dot(u, w)), Math.abs(dot(v, w))) < 1e-5 ? [u, v, w] : undefined;
}

/** Rotation (after removing a reflection, qfac) as the quaternion's b, c, d with a >= 0 (nifti1.h, method 2). */
function toQuaternion([u, v, w]: [Vector3, Vector3, Vector3]): { qfac: 1 | -1; quaternion: Vector3 } {
  const qfac = determinant(fromColumns(u, v, w)) < 0 ? -1 : 1;
  const [m00, m01, m02, m10, m11, m12, m20, m21, m22] = fromColumns(u, v, scale(w, qfac));
  // the four squares sum to 4; dividing by the largest component keeps the others exact
  const squares = [1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22];
  const largest = squares.indexOf(Math.max(...squares));
  const products = [
    [squares[0], m21 - m12, m02 - m20, m10 - m01],
    [m21 - m12, squares[1], m01 + m10, m02 + m20],
    [m02 - m20, m01 + m10, squares[2], m12 + m21],
    [m10 - m01, m02 + m20, m12 + m21, squares[3]],
  ][largest];
  const length = Math.hypot(products[0], norm([products[1], products[2], products[3]]));
  const sign = products[0] < 0 ? -1 : 1;
  return { qfac, quaternion: scale([products[1], products[2], products[3]], sign / length) };
}
