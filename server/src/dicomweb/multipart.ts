import { invalidAnswer } from './errors.js';

export interface PartLimits {
  /** bytes of one part */
  readonly part: number;
  /** bytes of all parts */
  readonly total: number;
}

export interface Part {
  /** names in lower case */
  readonly headers: Readonly<Record<string, string>>;
  /** bytes of their own, not a view into what is reused */
  readonly body: Uint8Array;
}

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_PREAMBLE_BYTES = 64 * 1024;
const CRLF = '\r\n';
const NOTHING = new Uint8Array(0);
const HEADER_END = Buffer.from('\r\n\r\n');

/**
 * The `boundary` parameter of a multipart media type, quoted or not. It is searched for on its own: Orthanc puts a whole
 * media type with its transfer syntax into the quotes of `type`, which no grammar allows.
 */
export function boundaryOf(contentType: string | undefined): string | undefined {
  if (contentType === undefined || !/^\s*multipart\//i.test(contentType)) return undefined;
  const found = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.){1,200})"|([^\s";,]{1,200}))/i.exec(contentType);
  return found ? (found[1]?.replace(/\\(.)/g, '$1') ?? found[2]) : undefined;
}

/**
 * Parts of a multipart body (RFC 2046 section 5.1) as they arrive, each as soon as it is whole. Bytes are copied once,
 * from what the connection delivers into the part; no more than one part is held.
 *
 * @throws PacsError `pacs-answer-invalid`: cut off, malformed, beyond a limit, or a part of another length than it states
 */
export async function* readParts(
  pacs: string,
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  limits: PartLimits,
): AsyncGenerator<Part> {
  const reader = new PartReader(pacs, boundary, limits);
  for await (const chunk of body) {
    yield* reader.push(chunk);
    if (reader.ended) return; // what follows the last boundary is to be ignored
  }
  throw invalidAnswer(pacs, 'it ends early', { transient: true });
}

class PartReader {
  ended = false;
  private state: 'preamble' | 'boundary' | 'headers' | 'body' = 'preamble';
  private readonly delimiter: Buffer;
  /** bytes that arrived and were not yet attributed: at most a boundary or the headers of a part */
  private rest: Uint8Array = Buffer.from(CRLF); // the first boundary may have nothing before it
  private pieces: Uint8Array[] = [];
  private size = 0;
  private total = 0;
  private headers: Record<string, string> = {};
  /** the first delimiter was met */
  private begun = false;

  constructor(
    private readonly pacs: string,
    boundary: string,
    private readonly limits: PartLimits,
  ) {
    this.delimiter = Buffer.from(`${CRLF}--${boundary}`, 'latin1');
  }

  *push(chunk: Uint8Array): Generator<Part> {
    let bytes = this.joined(chunk);
    for (;;) {
      const next = this.step(bytes);
      if (next === undefined) return;
      if (next.part) yield next.part;
      if (this.ended) return;
      bytes = next.rest;
    }
  }

  /** What is left with what arrived; content that is known to be content is kept first, so that it is not copied here. */
  private joined(chunk: Uint8Array): Buffer {
    const { rest, delimiter, state } = this;
    this.rest = NOTHING;
    if (rest.length === 0) return asBuffer(chunk);
    const isContent = state === 'preamble' || state === 'body';
    if (isContent && chunk.length >= delimiter.length) {
      const seam = Buffer.concat([rest, chunk.subarray(0, delimiter.length - 1)]);
      if (!seam.includes(delimiter)) {
        this.keep(rest);
        return asBuffer(chunk);
      }
    }
    return Buffer.concat([rest, chunk]);
  }

  /** One piece of grammar; undefined when more bytes are needed, with what is left kept in `rest`. */
  private step(bytes: Buffer): { rest: Buffer; part?: Part } | undefined {
    switch (this.state) {
      case 'preamble':
      case 'body':
        return this.untilDelimiter(bytes);
      case 'boundary':
        return this.afterDelimiter(bytes);
      case 'headers':
        return this.partHeaders(bytes);
    }
  }

  private untilDelimiter(bytes: Buffer): { rest: Buffer; part?: Part } | undefined {
    const at = bytes.indexOf(this.delimiter);
    if (at < 0) {
      // the delimiter may have begun at the very end
      const safe = Math.max(0, bytes.length - this.delimiter.length + 1);
      this.keep(bytes.subarray(0, safe));
      this.rest = bytes.subarray(safe);
      return undefined;
    }
    this.keep(bytes.subarray(0, at));
    this.state = 'boundary';
    return { rest: bytes.subarray(at + this.delimiter.length) };
  }

  /** Behind a delimiter: `--` ends everything, a line break begins a part; anything else was content after all. */
  private afterDelimiter(bytes: Buffer): { rest: Buffer; part?: Part } | undefined {
    // padding of spaces is allowed between boundary and line break
    let at = 0;
    while (at < bytes.length && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++;
    if (at + 2 > bytes.length && at <= 64) return this.wait(bytes);
    const sign = bytes.toString('latin1', at, at + 2);
    if (sign === CRLF || (sign === '--' && at === 0)) {
      const part = this.finished();
      if (sign === '--') this.ended = true;
      this.state = 'headers';
      // the line break also begins the empty line of a part without headers
      return { rest: bytes.subarray(sign === '--' ? at + 2 : at), part };
    }
    this.state = this.begun ? 'body' : 'preamble';
    this.keep(this.delimiter);
    return { rest: bytes };
  }

  private partHeaders(bytes: Buffer): { rest: Buffer } | undefined {
    const end = bytes.indexOf(HEADER_END);
    if (end > MAX_HEADER_BYTES || (end < 0 && bytes.length > MAX_HEADER_BYTES))
      throw invalidAnswer(this.pacs, 'a part of it has no end of headers');
    if (end < 0) return this.wait(bytes);
    this.headers = {};
    for (const line of bytes.toString('latin1', 0, end).split(CRLF)) {
      const colon = line.indexOf(':');
      if (colon > 0) this.headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
    }
    this.begun = true;
    this.state = 'body';
    return { rest: bytes.subarray(end + HEADER_END.length) };
  }

  private wait(bytes: Buffer): undefined {
    this.rest = bytes;
    return undefined;
  }

  private keep(piece: Uint8Array): void {
    this.size += piece.length;
    if (!this.begun) {
      if (this.size > MAX_PREAMBLE_BYTES) throw invalidAnswer(this.pacs, 'its boundary does not occur');
      return;
    }
    this.total += piece.length;
    if (this.size > this.limits.part)
      throw invalidAnswer(this.pacs, `an instance in it is larger than ${this.limits.part} bytes`);
    if (this.total > this.limits.total) throw invalidAnswer(this.pacs, `it is larger than ${this.limits.total} bytes`);
    if (piece.length > 0) this.pieces.push(piece);
  }

  /** The part that a delimiter ends; undefined before the first one. */
  private finished(): Part | undefined {
    const { begun, headers, size } = this;
    const stated = headers['content-length'];
    if (begun && stated !== undefined && Number(stated) !== size)
      throw invalidAnswer(this.pacs, `a part of it holds ${size} bytes where ${stated.slice(0, 20)} are stated`);
    // allocUnsafeSlow: bytes outside Node's shared pool, so that a thread can take them over
    const body = Buffer.allocUnsafeSlow(begun ? size : 0);
    let at = 0;
    for (const piece of this.pieces) {
      body.set(piece, at);
      at += piece.length;
    }
    this.pieces = [];
    this.size = 0;
    return begun ? { headers, body: new Uint8Array(body.buffer, 0, body.length) } : undefined;
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
