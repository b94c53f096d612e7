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
}

export interface ReceiveOptions {
  readonly maxBytes: number;
  readonly stallSeconds: number;
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
  { maxBytes, stallSeconds }: ReceiveOptions,
): Promise<ReceivedFile> {
  const stalled = (): void => void request.destroy(new Error('the body stalled'));
  request.setTimeout(stallSeconds * 1000, stalled);
  try {
    const declared = Number(request.headers['content-length'] ?? 0);
    if (declared > maxBytes + multipartMargin) throw tooLarge(maxBytes);
    return await receive(request, folder, maxBytes);
  } catch (error) {
    await drain(request);
    throw error;
  } finally {
    request.setTimeout(0);
    request.socket.removeListener('timeout', stalled);
  }
}

async function receive(request: IncomingMessage, folder: PrivateFolder, maxBytes: number): Promise<ReceivedFile> {
  const parser = openParser(request, maxBytes);
  const path = await folder.newPath();
  let label: string | undefined;
  let isCut = false;
  try {
    await new Promise<void>((resolve, reject) => {
      let written: Promise<void> = Promise.resolve();
      parser.on('file', (field: string, stream: Readable, fileName: string | undefined) => {
        if (field !== 'file' || label !== undefined) return stream.resume();
        label = fileName ?? '';
        stream.on('limit', () => (isCut = true));
        written = pipeline(stream, createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: 1 << 20 }));
        written.catch((error: unknown) => reject(writeError(error)));
        return stream;
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
    if (label === undefined) throw noFile();
    return { path, label };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

function openParser(request: IncomingMessage, maxBytes: number): InstanceType<typeof Busboy> {
  const limits = { files: 1, fields: 8, parts: 9, fieldSize: 1024, fileSize: maxBytes, headerPairs: 32 };
  try {
    return new Busboy({ headers: request.headers as BusboyHeaders, limits });
  } catch (cause) {
    throw noFile(cause);
  }
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

const noFile = (cause?: unknown): BridgeError =>
  new BridgeError(
    400,
    'upload-form',
    'The request has no multipart part named file with a file name.',
    'Use the MedSAMSlicer plug-in unchanged.',
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
