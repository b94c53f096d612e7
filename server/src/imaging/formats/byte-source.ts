import { UserError } from '@medsam2/models';
import { open, type FileHandle } from 'node:fs/promises';
import { crc32, createUnzip } from 'node:zlib';

/** Bytes in order, delivered straight into the caller's memory. */
export interface ByteSource {
  /** The most bytes that can still come; exact for plain files, an upper bound for compressed ones. */
  readonly atMost: number;
  /** Fills `target` from its start and returns how many bytes came; fewer than asked only at the end. */
  fill(target: Uint8Array): Promise<number>;
  /** Reads on (up to a small limit) so that a checksum behind the data is verified. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** DEFLATE expands at most 1032 times (RFC 1951: 258 bytes from 2 bits), so a declared size can be checked early. */
const maxExpansion = 1032;
const chunkBytes = 1 << 20;

/**
 * Opens a file for reading from `start`.
 *
 * @param compressed gunzip or inflate (recognised by its first bytes) everything from `start` on
 * @throws UserError `file-not-found`, `file-unreadable`, `image-empty`
 */
export async function openBytes(
  path: string,
  options: { start?: number; compressed?: boolean } = {},
): Promise<ByteSource> {
  const start = options.start ?? 0;
  const handle = await openFile(path);
  try {
    const { size } = await handle.stat();
    const left = Math.max(0, size - start);
    if (!options.compressed) return new FileBytes(handle, start, left);
    const raw = handle.createReadStream({ start, highWaterMark: chunkBytes, autoClose: false });
    const unzip = createUnzip({ chunkSize: chunkBytes });
    raw.on('error', (error) => unzip.destroy(error));
    const close = async (): Promise<void> => {
      raw.destroy();
      unzip.destroy();
      await handle.close();
    };
    const chunks = raw.pipe(unzip) as AsyncIterable<Uint8Array>;
    return new ChunkedBytes(chunks[Symbol.asyncIterator](), left * maxExpansion, close);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * A source over chunks that someone else inflates, such as a member of a ZIP archive; closing it ends the iteration.
 *
 * @param release frees what the chunks come from
 */
export function chunkedBytes(
  chunks: AsyncIterable<Uint8Array>,
  atMost: number,
  release: () => Promise<void> = () => Promise.resolve(),
): ByteSource {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ChunkedBytes(iterator, atMost, async () => {
    await iterator.return?.();
    await release();
  });
}

/** The first `size` bytes of a source, whose CRC-32 is compared when the last one was read. */
export const checkedBytes = (source: ByteSource, size: number, sum: number): ByteSource =>
  new CheckedBytes(source, size, sum);

/** Up to `count` first bytes of a file, for recognising its format. */
export async function firstBytes(path: string, count: number): Promise<Uint8Array> {
  const handle = await openFile(path);
  try {
    const target = Buffer.alloc(count);
    const { bytesRead } = await handle.read(target, 0, count, 0);
    if (bytesRead === 0) {
      throw new UserError('image-empty', 'The file is empty (0 bytes).', 'Copy or export the file again.');
    }
    return target.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** `size` bytes exactly. @throws UserError `image-truncated` when the source ends before */
export async function readExactly(source: ByteSource, size: number, what: string): Promise<Uint8Array> {
  const target = new Uint8Array(size);
  const got = await source.fill(target);
  if (got < size) throw truncated(what, size, got);
  return target;
}

/** Passes over `size` bytes. @throws UserError `image-truncated` */
export async function skipBytes(source: ByteSource, size: number, what: string): Promise<void> {
  const scratch = new Uint8Array(Math.min(size, chunkBytes));
  for (let left = size; left > 0;) {
    const got = await source.fill(scratch.subarray(0, Math.min(left, scratch.length)));
    if (got === 0) throw truncated(what, size, size - left);
    left -= got;
  }
}

export const truncated = (what: string, declared: number, found: number): UserError =>
  new UserError(
    'image-truncated',
    `The file is cut short: it declares ${declared} bytes of ${what} and holds ${found > 0 ? 'at most ' : ''}${found}.`,
    'Copy or export the file again.',
  );

async function openFile(path: string): Promise<FileHandle> {
  try {
    const handle = await open(path, 'r');
    if ((await handle.stat()).isDirectory()) {
      await handle.close();
      throw new UserError('file-unreadable', `${path} is a folder, not a file.`, 'Name a file.');
    }
    return handle;
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new UserError('file-not-found', `There is no file ${path}.`, 'Check the path.', { cause: error });
    }
    throw new UserError('file-unreadable', `The file ${path} cannot be opened (${code}).`, 'Check its permissions.', {
      cause: error,
    });
  }
}

class FileBytes implements ByteSource {
  #position: number;
  #left: number;

  constructor(
    private readonly handle: FileHandle,
    start: number,
    size: number,
  ) {
    this.#position = start;
    this.#left = size;
  }

  get atMost(): number {
    return this.#left;
  }

  async fill(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      // the kernel reads at most 2 GiB at once; smaller pieces also keep one read from blocking a pool thread for long
      const want = Math.min(target.length - filled, 64 * chunkBytes);
      const { bytesRead } = await this.handle.read(target, filled, want, this.#position);
      if (bytesRead === 0) break;
      filled += bytesRead;
      this.#position += bytesRead;
      this.#left = Math.max(0, this.#left - bytesRead);
    }
    return filled;
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

class CheckedBytes implements ByteSource {
  #left: number;
  #sum = 0;

  constructor(
    private readonly inner: ByteSource,
    size: number,
    private readonly expected: number,
  ) {
    this.#left = size;
  }

  get atMost(): number {
    return Math.min(this.#left, this.inner.atMost);
  }

  async fill(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length && this.#left > 0) {
      // small enough that the sum is made while the bytes are still near, and nobody else waits long for it
      const piece = target.subarray(filled, filled + Math.min(target.length - filled, this.#left, 4 * chunkBytes));
      const got = await this.inner.fill(piece);
      this.#sum = crc32(piece.subarray(0, got), this.#sum);
      this.#left -= got;
      filled += got;
      if (got < piece.length) break;
      if (this.#left === 0) this.#compare();
    }
    return filled;
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  #compare(): void {
    if (this.#sum >>> 0 === this.expected >>> 0) return;
    throw new UserError(
      'image-corrupt',
      'The data of the file is damaged (its checksum differs).',
      'Copy or export the file again.',
    );
  }
}

class ChunkedBytes implements ByteSource {
  #rest: Uint8Array = new Uint8Array(0);
  #delivered = 0;

  constructor(
    private readonly chunks: AsyncIterator<Uint8Array>,
    private readonly bound: number,
    private readonly release: () => Promise<void>,
  ) {}

  get atMost(): number {
    return Math.max(0, this.bound - this.#delivered);
  }

  async fill(target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      if (this.#rest.length === 0 && !(await this.#next())) break;
      const piece = this.#rest.subarray(0, target.length - filled);
      target.set(piece, filled);
      this.#rest = this.#rest.subarray(piece.length);
      filled += piece.length;
    }
    this.#delivered += filled;
    return filled;
  }

  async finish(): Promise<void> {
    this.#rest = new Uint8Array(0);
    // bounded: what comes behind the voxels is of no use, and may be a bomb
    for (let chunks = 0; chunks < 16 && (await this.#next()); chunks++) this.#rest = new Uint8Array(0);
  }

  async close(): Promise<void> {
    await this.release();
  }

  async #next(): Promise<boolean> {
    try {
      const next = await this.chunks.next();
      if (next.done) return false;
      this.#rest = next.value;
      return true;
    } catch (error) {
      if (error instanceof UserError) throw error;
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (code === 'Z_BUF_ERROR') {
        throw new UserError(
          'image-truncated',
          'The file is cut short: its compressed data ends too early.',
          'Copy or export the file again.',
          { cause: error },
        );
      }
      throw new UserError(
        'image-corrupt',
        `The compressed data of the file is damaged (${(error as Error).message}).`,
        'Copy or export the file again.',
        { cause: error },
      );
    }
  }
}
