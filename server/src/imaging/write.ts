import { UserError } from '@medsam2/models';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, deflate } from 'node:zlib';
import { inPieces, writeAtomically } from './atomic-write.js';
import { niftiGridOf } from './formats/nifti.js';
import { niftiLabelHeader } from './formats/nifti-write.js';
import { npzLabelStream } from './formats/npz-write.js';
import { orderedBytes } from './formats/read-voxels.js';
import { metaImageLabelHeader, nrrdLabelHeader } from './formats/text-header-write.js';
import { isSameGrid } from './geometry.js';
import type { LabelMap, NativeGrid } from './volume.js';

export type LabelFileFormat = 'nii' | 'nii.gz' | 'nrrd' | 'mha' | 'npz';

/** Labels compress well at any level; 4 is where time stops buying size. */
const gzipLevel = 4;

/**
 * The format that a path's ending asks for.
 *
 * @throws UserError `output-format`
 */
export function labelFileFormat(path: string): LabelFileFormat {
  const [, ending] = /\.(nii|nii\.gz|nrrd|mha|npz)$/i.exec(path) ?? [];
  if (ending) return ending.toLowerCase() as LabelFileFormat;
  throw new UserError(
    'output-format',
    'The name of the result does not end in a format that can be written.',
    'End it in .nii.gz, .nii, .nrrd, .mha or .npz.',
  );
}

/**
 * Writes a label map in the format of the path's ending, whole or not at all.
 *
 * Voxels keep their order [slice][row][column], value 0 is background. When the source had the same format, its grid is
 * repeated to the digit (NIfTI header bytes, NRRD and MetaImage fields, npz arrays); otherwise the grid is written from
 * `labelMap.geometry`, in float64 text or, for NIfTI-1, float32 (below 1e-4 mm for positions within a metre).
 *
 * @param source the volume the labels were made from, or its `native` part; optional
 * @throws UserError `output-format`, `output-not-written`
 * @throws RangeError when labels, geometry and source do not belong together: a defect of the caller, not of the input
 */
export async function writeLabelMap(
  path: string,
  labelMap: LabelMap,
  source: { readonly native?: NativeGrid } = {},
): Promise<void> {
  return writeAtomically(path, await labelFileContent(labelFileFormat(path), labelMap, source));
}

/**
 * The bytes of a label map in a format, piece by piece: what `writeLabelMap` puts into a file.
 *
 * @throws RangeError when labels, geometry and source do not belong together
 */
export async function labelFileContent(
  format: LabelFileFormat,
  labelMap: LabelMap,
  source: { readonly native?: NativeGrid } = {},
): Promise<AsyncIterable<Uint8Array>> {
  const { labels, geometry } = labelMap;
  if (labels.length !== geometry.columns * geometry.rows * geometry.slices) {
    throw new RangeError(`${labels.length} labels do not fill the grid`);
  }
  const { native } = source;
  switch (format) {
    case 'nii':
    case 'nii.gz': {
      const kept = native?.format === 'nifti' ? native : undefined;
      if (kept && !isSameGrid(niftiGridOf(kept), geometry, 0.01)) {
        throw new RangeError('the labels are not on the grid of the NIfTI source');
      }
      const { head, littleEndian } = niftiLabelHeader(labelMap, kept);
      const pieces = inPieces(head, orderedBytes(labels, littleEndian));
      return format === 'nii.gz' ? gzipped(pieces) : Readable.from(pieces);
    }
    case 'nrrd': {
      const header = nrrdLabelHeader(labelMap, native?.format === 'nrrd' ? native : undefined);
      return headed(header, gzipped(inPieces(orderedBytes(labels, true))));
    }
    case 'mha': {
      const data = await promisify(deflate)(orderedBytes(labels, true), { level: gzipLevel });
      const header = metaImageLabelHeader(labelMap, data.length, native?.format === 'metaimage' ? native : undefined);
      return Readable.from(inPieces(header, data));
    }
    case 'npz':
      return npzLabelStream(labelMap, native?.format === 'npz' ? native : undefined);
  }
}

const gzipped = (pieces: Iterable<Uint8Array>): AsyncIterable<Uint8Array> =>
  Readable.from(pieces).pipe(createGzip({ level: gzipLevel }));

/** A header, then compressed data as it comes. */
async function* headed(header: Uint8Array, data: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield header;
  yield* data;
}
