import { Busboy, type BusboyHeaders } from '@fastify/busboy';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BridgeError } from '../errors.js';
import type { PrivateFolder } from './private-folder.js';

export interface ReceivedFile {
  /** private; the caller removes it */
  readonly path: string;
  /** what the client calls it, folders cut off: a label, never a path */
  readonly label: string;
  /** the form's other fields */
  readonly fields: Readonly<Record<string, string>>;
}

export interface ReceiveOptions {
  readonly maxBytes: number;
  readonly stallSeconds: number;
  /** name of the part that is the file; default: `file` */
  readonly part?: string;
  /** bytes of another field; default: 1024 */
  readonly fieldBytes?: number;
}

/** What stands around a file in a multipart body. */
const multipartMargin = 64 * 1024;
/** A body that is too large is read to its end so that the client gets its answer, but not for ever. */
const maxDrain = 2 ** 36;

/**
 * Streams the one file of a multipart body to a private file.
 *
 * The body is read to its end whatever happens: the plug-in freezes when a connection breaks while it sends.
 *
 * @throws BridgeError `upload-form`, `upload-too-large`, `upload-incomplete`, `disk-full`; nothing is then left behind
 */
export async function receiveFile(
  request: IncomingMessage,
  folder: PrivateFolder,
  options: ReceiveOptions,
): Promise<ReceivedFile> {
  const { maxBytes, stallSeconds } = options;
  const stalled = (): void => void request.destroy(new Error('the body stalled'));
  request.setTimeout(stallSeconds * 1000, stalled);
  try {
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > maxBytes + multipartMargin) throw tooLarge(maxBytes);
    return await receive(request, folder, options);
  } catch (error) {
    await drain(request);
    throw error;
  } finally {
    request.setTimeout(0);
    request.socket.removeListener('timeout', stalled);
  }
}

async function receive(
  request: IncomingMessage,
  folder: PrivateFolder,
  { maxBytes, part = 'file', fieldBytes = 1024 }: ReceiveOptions,
): Promise<ReceivedFile> {
  // what broke before anybody listened says so no second time
  if (request.destroyed && !request.complete) throw incomplete(new Error('the connection was closed'));
  const parser = openParser(request, part, maxBytes, fieldBytes);
  const fields: Record<string, string> = {};
  const path = await folder.newPath();
  let label: string | undefined;
  let isCut = false;
  try {
    await new Promise<void>((resolve, reject) => {
      let written: Promise<void> = Promise.resolve();
      parser.on('file', (field: string, stream: Readable, fileName: string | undefined) => {
        if (field !== part || label !== undefined) return stream.resume();
        label = fileName ?? '';
        stream.on('limit', () => (isCut = true));
        written = pipeline(stream, createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: 1 << 20 }));
        written.catch((error: unknown) => reject(writeError(error)));
        return stream;
      });
      parser.on('field', (field: string, value: string, _nameCut: boolean, valueCut: boolean) => {
        if (valueCut) reject(fieldTooLong(field));
        else if (/^\w+$/.test(field)) fields[field] = value;
      });
      // a failed write has been told already
      parser.on('finish', () => void written.then(resolve, () => undefined));
      parser.on('error', (error: unknown) => reject(incomplete(error)));
      request.on('error', (error) => reject(incomplete(error)));
      request.on('close', () => {
        if (!request.complete) reject(incomplete(new Error('the connection was closed')));
      });
      // not `pipeline`: that would destroy the connection when the parser fails
      request.pipe(parser);
    });
    if (isCut) throw tooLarge(maxBytes);
    if (label === undefined) throw noFile(part);
    return { path, label, fields };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

function openParser(
  request: IncomingMessage,
  part: string,
  maxBytes: number,
  fieldSize: number,
): InstanceType<typeof Busboy> {
  const limits = { files: 1, fields: 8, parts: 9, fieldSize, fileSize: maxBytes, headerPairs: 32 };
  try {
    return new Busboy({ headers: request.headers as BusboyHeaders, limits });
  } catch (cause) {
    throw noFile(part, cause);
  }
}

/**
 * The fields of a form of which no file is wanted; files in it are passed over.
 *
 * @throws BridgeError `upload-form`, `upload-incomplete`
 */
export async function receiveFields(
  request: IncomingMessage,
  { fieldBytes }: { readonly fieldBytes: number },
): Promise<Record<string, string>> {
  if (request.destroyed && !request.complete) throw incomplete(new Error('the connection was closed'));
  const parser = openParser(request, 'params', 2 ** 30, fieldBytes);
  const fields: Record<string, string> = {};
  await new Promise<void>((resolve, reject) => {
    parser.on('file', (_name: string, stream: Readable) => stream.resume());
    parser.on('field', (field: string, value: string, _nameCut: boolean, valueCut: boolean) => {
      if (valueCut) reject(fieldTooLong(field));
      else if (/^\w+$/.test(field)) fields[field] = value;
    });
    parser.on('finish', resolve);
    parser.on('error', (error: unknown) => reject(incomplete(error)));
    request.on('close', () => {
      if (!request.complete) reject(incomplete(new Error('the connection was closed')));
    });
    request.pipe(parser);
  });
  return fields;
}

/** Reads what is left of a body and forgets it. */
async function drain(request: IncomingMessage): Promise<void> {
  let bytes = 0;
  request.unpipe();
  if (request.complete || request.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = (): void => resolve();
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxDrain) request.destroy();
    });
    request.once('end', done).once('close', done).once('error', done);
    request.resume();
  });
}

const fieldTooLong = (field: string): BridgeError =>
  new BridgeError(
    400,
    'upload-form',
    `The field ${JSON.stringify(field.slice(0, 40))} is too long.`,
    'Use the plug-in unchanged.',
  );

const noFile = (part: string, cause?: unknown): BridgeError =>
  new BridgeError(
    400,
    'upload-form',
    `The request has no multipart part named ${part} with a file name.`,
    'Use the plug-in unchanged.',
    { cause },
  );

const tooLarge = (maxBytes: number): BridgeError =>
  new BridgeError(
    413,
    'upload-too-large',
    `The upload is larger than the ${maxBytes} bytes that are allowed.`,
    'Crop the volume in Slicer, or raise the limit on uploads.',
  );

const incomplete = (cause: unknown): BridgeError =>
  new BridgeError(400, 'upload-incomplete', 'The upload ended before it was complete.', 'Click the button again.', {
    cause,
  });

function writeError(error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'EFBIG') {
    return code === undefined ? incomplete(error) : (error as Error);
  }
  return new BridgeError(
    507,
    'disk-full',
    'The server has no disk space for the upload.',
    'Free space in its folder for temporary files.',
    { cause: error },
  );
}
