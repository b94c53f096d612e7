import { setImmediate } from 'node:timers/promises';
import type { DicomDataset, DicomElement } from '../imaging/dicom/index.js';
import { invalidAnswer } from './errors.js';

export interface JsonLimits {
  /** bytes of one dataset */
  readonly dataset: number;
  /** bytes of the whole answer */
  readonly answer: number;
}

/** A small answer as text. @throws PacsError `pacs-answer-invalid` when it is larger than `limit` bytes */
export async function readText(pacs: string, body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > limit) throw invalidAnswer(pacs, `it is larger than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
/** Longest stretch of work without letting others run. */
const TURN_MS = 4;

/**
 * Datasets of an answer in the DICOM JSON model (PS3.18 annex F: a list of objects), one at a time as they arrive: the
 * metadata of a series is megabytes, and parsing it in one go would hold up everything else in this process.
 * An empty answer is an empty list.
 *
 * @throws PacsError `pacs-answer-invalid`: malformed, cut off, beyond a limit
 */
export async function* readDatasets(
  pacs: string,
  body: AsyncIterable<Uint8Array>,
  limits: JsonLimits,
): AsyncGenerator<DicomDataset> {
  const splitter = new ListSplitter(pacs, limits.dataset);
  let size = 0;
  let turn = performance.now();
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limits.answer) throw invalidAnswer(pacs, `it is larger than ${limits.answer} bytes`);
    for (const text of splitter.push(chunk)) {
      yield checkedDataset(pacs, parse(pacs, text), 0);
      if (performance.now() - turn > TURN_MS) {
        await setImmediate();
        turn = performance.now();
      }
    }
  }
  splitter.end();
}

function parse(pacs: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw invalidAnswer(pacs, 'it is not JSON', { cause });
  }
}

/** Cuts a JSON list of objects into the texts of its objects; what is between the braces is for the parser to judge. */
class ListSplitter {
  private state: 'before' | 'item-or-end' | 'item' | 'inside' | 'comma-or-end' | 'after' = 'before';
  private depth = 0;
  private inString = false;
  private escaped = false;
  /** pieces of the object that has begun */
  private pieces: Uint8Array[] = [];
  private size = 0;

  constructor(
    private readonly pacs: string,
    private readonly limit: number,
  ) {}

  *push(chunk: Uint8Array): Generator<string> {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.state === 'inside') {
        if (!this.closes(byte)) continue;
        this.keep(chunk.subarray(start, at + 1));
        const text = Buffer.concat(this.pieces).toString('utf8');
        this.pieces = [];
        this.size = 0;
        this.state = 'comma-or-end';
        yield text;
      } else if (!isSpace(byte)) {
        if (this.between(byte)) start = at;
      }
    }
    if (this.state === 'inside') this.keep(chunk.subarray(start));
  }

  end(): void {
    if (this.state !== 'after' && this.state !== 'before')
      throw invalidAnswer(this.pacs, 'it ends early', { transient: true });
  }

  /** Whether this byte closes the object. */
  private closes(byte: number): boolean {
    if (this.inString) {
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else if (byte === QUOTE) this.inString = false;
      return false;
    }
    if (byte === QUOTE) this.inString = true;
    else if (byte === OPEN_OBJECT) this.depth++;
    else if (byte === CLOSE_OBJECT) return --this.depth === 0;
    return false;
  }

  /** A byte outside objects; true when it opens one. */
  private between(byte: number): boolean {
    const { state } = this;
    if (byte === OPEN_OBJECT && (state === 'item' || state === 'item-or-end')) {
      this.state = 'inside';
      this.depth = 1;
      return true;
    }
    if (byte === OPEN_LIST && state === 'before') this.state = 'item-or-end';
    else if (byte === COMMA && state === 'comma-or-end') this.state = 'item';
    else if (byte === CLOSE_LIST && (state === 'comma-or-end' || state === 'item-or-end')) this.state = 'after';
    else throw invalidAnswer(this.pacs, 'it is no list of datasets');
    return false;
  }

  private keep(piece: Uint8Array): void {
    this.size += piece.length;
    if (this.size > this.limit) throw invalidAnswer(this.pacs, `a dataset in it is larger than ${this.limit} bytes`);
    this.pieces.push(piece);
  }
}

const TAG = /^[0-9A-Fa-f]{8}$/;
const MAX_DEPTH = 64;

/** A parsed value as a dataset, with tags in upper case; members that are no tags are left out. */
function checkedDataset(pacs: string, value: unknown, depth: number): DicomDataset {
  if (!isObject(value) || depth > MAX_DEPTH) throw notDicom(pacs);
  const dataset: Record<string, DicomElement> = {};
  for (const [tag, element] of Object.entries(value)) {
    if (TAG.test(tag)) dataset[tag.toUpperCase()] = checkedElement(pacs, element, depth);
  }
  return dataset;
}

function checkedElement(pacs: string, element: unknown, depth: number): DicomElement {
  if (!isObject(element)) throw notDicom(pacs);
  const { vr, Value: values } = element;
  if ((vr !== undefined && typeof vr !== 'string') || (values !== undefined && !Array.isArray(values)))
    throw notDicom(pacs);
  if (vr !== 'SQ' || values === undefined) return element;
  // an empty item may be null (PS3.18 section F.2.5)
  return { ...element, Value: (values as unknown[]).map((item) => checkedDataset(pacs, item ?? {}, depth + 1)) };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const notDicom = (pacs: string): Error => invalidAnswer(pacs, 'it is not in the DICOM JSON model');
