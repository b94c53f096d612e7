/** The plug-in's requests from this process, for what Python would be too slow: many clients, broken requests. */
import { NpzArchive } from '@medsam2/server';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { request, type OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import yazl from 'yazl';

export interface NpyArray {
  /** of numpy, e.g. `<i2` */
  readonly descr: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
  readonly fortran?: boolean;
}

const bytesOf = (array: { buffer: ArrayBufferLike; byteOffset: number; byteLength: number }): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

export const int16 = (shape: readonly number[], values: Int16Array): NpyArray => ({
  descr: '<i2',
  shape,
  data: bytesOf(values),
});
export const int64 = (shape: readonly number[], values: readonly number[]): NpyArray => ({
  descr: '<i8',
  shape,
  data: bytesOf(BigInt64Array.from(values, BigInt)),
});
export const float64 = (shape: readonly number[], values: ArrayLike<number>): NpyArray => ({
  descr: '<f8',
  shape,
  data: bytesOf(Float64Array.from(values)),
});

export function npy({ descr, shape, data, fortran = false }: NpyArray): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${tuple}, }`;
  const length = Math.ceil((11 + text.length) / 64) * 64;
  const header = Buffer.alloc(length, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(length - 10, 8);
  header.write(`${text}`, 10, 'latin1');
  header[length - 1] = 0x0a;
  return Buffer.concat([header, data]);
}

export interface NpzForm {
  readonly compress?: boolean;
  readonly zip64?: boolean;
}

/** `numpy.savez` (or `savez_compressed`) of arrays, or of members as given. */
export async function npz(arrays: Readonly<Record<string, NpyArray | Buffer>>, form: NpzForm = {}): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  const options = { compress: form.compress ?? false, forceZip64Format: form.zip64, mtime: new Date(1980, 0, 1) };
  for (const [name, array] of Object.entries(arrays)) {
    zip.addBuffer(Buffer.isBuffer(array) ? array : npy(array), `${name}.npy`, options);
  }
  zip.end({ forceZip64Format: form.zip64 ?? false, comment: '' });
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream as Readable) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export interface Reply {
  readonly status: number;
  readonly body: Buffer;
}

export interface PlugInOptions {
  readonly port: number;
  /** what stands behind the port in the plug-in's field, e.g. `/u/alice` */
  readonly prefix?: string;
  /** what stands before the address, e.g. `alice:secret` */
  readonly credentials?: string;
  /** the address that the client has; this machine has all of 127.0.0.0/8 */
  readonly address?: string;
}

/** One Slicer. */
export class PlugIn {
  constructor(private readonly options: PlugInOptions) {}

  /** The answer, however long it takes; rejects when the connection breaks, which would freeze Slicer. */
  send(method: string, path: string, body: Buffer | string, headers: OutgoingHttpHeaders = {}): Promise<Reply> {
    const { port, prefix = '', credentials, address } = this.options;
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port,
          method,
          path: `${prefix}${path}`,
          auth: credentials,
          localAddress: address,
          agent: false,
          headers: { 'User-Agent': 'python-requests/2.32.3', 'Content-Length': Buffer.byteLength(body), ...headers },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) }));
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }

  form(method: string, path: string, fields: Readonly<Record<string, string>>): Promise<Reply> {
    const body = new URLSearchParams(fields).toString();
    return this.send(method, path, body, { 'Content-Type': 'application/x-www-form-urlencoded' });
  }

  upload(body: Buffer, fileName = 'img_data.npz', path = '/upload'): Promise<Reply> {
    const boundary = randomUUID().replaceAll('-', '');
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${fileName}"\r\n\r\n`;
    const whole = Buffer.concat([Buffer.from(head), body, Buffer.from(`\r\n--${boundary}--\r\n`)]);
    return this.send('POST', path, whole, { 'Content-Type': `multipart/form-data; boundary=${boundary}` });
  }

  run(propagate: 'Y' | 'N', checkpoint = 'MedSAM2_latest.pt'): Promise<Reply> {
    const gts = propagate === 'Y' ? 'gts.npz' : 'X';
    return this.form('POST', '/run_script', {
      checkpoint,
      input: 'img_data.npz',
      gts,
      propagate,
      config: 'MedSAM2_tiny512.yaml',
    });
  }

  improve(): Promise<Reply> {
    return this.form('POST', '/improve', { input: 'img_data.npz' });
  }

  download(): Promise<Reply> {
    return this.form('GET', '/download_file', { output: 'data/video/segs_tiny/img_data.npz' });
  }
}

export interface Labels {
  readonly shape: readonly number[];
  readonly values: Uint8Array;
  /** why it is empty, where it is */
  readonly message: string | undefined;
}

/** A download as the plug-in reads it; throws for what it could not read. */
export async function labelsOf({ body }: Reply): Promise<Labels> {
  const path = join(tmpdir(), `medsam2-download-${randomUUID()}`);
  await writeFile(path, body);
  try {
    const archive = await NpzArchive.open(path);
    try {
      const { shape, values } = await archive.read('segs');
      if (!(values instanceof Uint8Array)) throw new Error('segs is not uint8');
      return { shape, values, message: archive.has('message') ? await archive.readText('message') : undefined };
    } finally {
      archive.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}
