import { Readable } from 'node:stream';
import yazl from 'yazl';
import { voxelCount, type GridSize } from '../input/geometry.js';

const pieceBytes = 1 << 20;

/**
 * The npz that the client reads: `segs.npy`, uint8 (D, H, W), C order, compressed. Without labels all is background.
 *
 * @param message told beside an empty result, as a text array that the client leaves alone
 */
export async function resultFile(size: GridSize, labels?: Uint8Array, message?: string): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  const output = zip.outputStream as Readable;
  (zip as NodeJS.EventEmitter).on('error', (error: Error) => output.destroy(error));
  const options = { compress: true, compressionLevel: 1, mtime: new Date(1980, 0, 1) };
  const header = npyHeader('|u1', `(${size.slices}, ${size.rows}, ${size.columns})`);
  const bytes = voxelCount(size);
  zip.addReadStream(Readable.from(pieces(header, bytes, labels)), 'segs.npy', {
    ...options,
    size: header.length + bytes,
  });
  if (message !== undefined) {
    const text = [...message.slice(0, 2000)];
    const letters = Buffer.alloc(4 * text.length);
    text.forEach((letter, index) => letters.writeUInt32LE(letter.codePointAt(0) ?? 0, 4 * index));
    zip.addBuffer(Buffer.concat([npyHeader(`<U${text.length}`, '()'), letters]), 'message.npy', options);
  }
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of output as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function* pieces(header: Buffer, bytes: number, labels?: Uint8Array): Generator<Uint8Array> {
  yield header;
  const background = labels === undefined ? new Uint8Array(Math.min(bytes, pieceBytes)) : undefined;
  for (let at = 0; at < bytes; at += pieceBytes) {
    const end = Math.min(at + pieceBytes, bytes);
    yield labels?.subarray(at, end) ?? (background as Uint8Array).subarray(0, end - at);
  }
}

/** npy 1.0, padded so that the data begins at a multiple of 64 bytes. */
function npyHeader(descr: string, shape: string): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(length, ' ');
  header.write('\x93NUMPY\x01\x00', 0, 'latin1');
  header.writeUInt16LE(length - 10, 8);
  header.write(text, 10, 'latin1');
  header[length - 1] = 0x0a;
  return header;
}
