import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { inPieces, writeAtomically } from '../atomic-write.js';
import type { GridGeometry } from '../volume.js';
import { niftiLabelHeader } from './nifti-write.js';
import { orderedBytes } from './read-voxels.js';

/** Offset and value of `datatype` for int16 (nifti1.h). */
const datatype = { offset: 70, int16: 4 } as const;

/**
 * Writes 16-bit intensities as a compressed NIfTI-1 file, whole or not at all.
 *
 * @param voxels [slice][row][column]
 * @throws UserError `output-format`, `output-not-written`
 */
export async function writeNiftiImage(path: string, voxels: Int16Array, geometry: GridGeometry): Promise<void> {
  // The header of labels of the same width, but for the type of the voxels.
  const unsigned = new Uint16Array(voxels.buffer, voxels.byteOffset, voxels.length);
  const { head, littleEndian } = niftiLabelHeader({ geometry, labels: unsigned });
  new DataView(head.buffer).setInt16(datatype.offset, datatype.int16, littleEndian);
  const pieces = inPieces(head, orderedBytes(unsigned, littleEndian));
  await writeAtomically(path, Readable.from(pieces).pipe(createGzip()));
}
