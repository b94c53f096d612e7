import type { Readable } from 'node:stream';
import { Readable as ReadableStream } from 'node:stream';
import yazl from 'yazl';
import { inPieces } from '../atomic-write.js';
import type { LabelMap, NativeGrid } from '../volume.js';
import { npyHeader } from './npy.js';
import { bytesOf } from './voxel-type.js';

type NativeNpz = Extract<NativeGrid, { format: 'npz' }>;

/**
 * The bytes of an npz with `segs` (D,H,W) uint8 (uint16 above 255 labels) as the research scripts write it, plus `spacing`
 * (x,y,z), `direction` and `origin` as float64: those of an npz source exactly, else from the grid (LPS mm).
 */
export function npzLabelStream({ labels, geometry }: LabelMap, native?: NativeNpz): Readable {
  const zip = new yazl.ZipFile();
  // a fixed date: equal results are equal files
  const options = { compress: true, compressionLevel: 4, mtime: new Date(1980, 0, 1) };
  const header = npyHeader(labels.BYTES_PER_ELEMENT === 1 ? '|u1' : '<u2', [
    geometry.slices,
    geometry.rows,
    geometry.columns,
  ]);
  const bytes = bytesOf(labels);
  zip.addReadStream(ReadableStream.from(inPieces(header, bytes)), 'segs.npy', {
    ...options,
    size: header.length + bytes.length,
  });
  const { spacing, direction, origin } = native ?? geometry;
  for (const [name, values] of Object.entries({ spacing, direction, origin })) {
    if (values) zip.addBuffer(float64Array(values), `${name}.npy`, options);
  }
  zip.end();
  const output = zip.outputStream as Readable;
  // an archive that cannot be finished must fail the write, not end it quietly
  (zip as NodeJS.EventEmitter).on('error', (error: Error) => output.destroy(error));
  return output;
}

const float64Array = (values: readonly number[]): Buffer =>
  Buffer.concat([npyHeader('<f8', [values.length]), bytesOf(Float64Array.from(values))]);
