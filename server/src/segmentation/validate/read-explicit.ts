import type { DicomDataset, DicomElement } from '../../imaging/dicom/index.js';
import { isNumberVr, isTextVr } from '../elements.js';
import { isLongVr } from '../serialise.js';

/**
 * A strict reader of explicit VR little endian (PS3.5 section 7), for checking: what another reader forgives is an error
 * here. dcmjs, which reads sources elsewhere, forgives most, and takes 6 seconds for 10,000 frames.
 */
export class StructureError extends Error {
  override readonly name = 'StructureError';
}

export interface ReadFile {
  /** group 0002 */
  readonly meta: DicomDataset;
  /** bytes of group 0002 behind the element that states them */
  readonly metaLength: number;
  readonly dataset: DicomDataset;
}

const UNDEFINED_LENGTH = 0xffffffff;
const ITEM = 'FFFEE000';
const ITEM_END = 'FFFEE00D';
const SEQUENCE_END = 'FFFEE0DD';
/** Representations whose backslashes are text. */
const SINGLE_TEXT: ReadonlySet<string> = new Set(['ST', 'LT', 'UT', 'UR']);
const BINARY: ReadonlySet<string> = new Set(['OB', 'OW', 'OD', 'OF', 'OL', 'OV', 'UN']);
/** Sequences within sequences; ours go four deep. */
const DEEPEST = 32;

/** @throws StructureError when the bytes are no PS3.10 file in explicit VR little endian, from the first byte to the last */
export function readExplicitFile(bytes: Uint8Array): ReadFile {
  const mark = bytes.length < 132 ? '' : String.fromCharCode(...bytes.subarray(128, 132));
  if (mark !== 'DICM') {
    throw new StructureError('the file does not begin with a preamble and DICM');
  }
  const reader = new Reader(bytes);
  reader.at = 132;
  const meta = reader.elements(bytes.length, (tag) => tag.startsWith('0002'));
  const first = meta['00020000'];
  const metaLength = reader.at - 132 - (first ? 12 : 0);
  const dataset = reader.elements(bytes.length, () => true);
  return { meta, metaLength, dataset };
}

class Reader {
  at = 0;
  private readonly view: DataView;
  private readonly buffer: Buffer;
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private depth = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Elements up to `end`, or to the first one that does not belong, or (undefined length) to the delimiter of the item. */
  elements(end: number, belongs: (tag: string) => boolean, delimited = false): DicomDataset {
    const dataset: Record<string, DicomElement> = {};
    let last = '';
    while (this.at < end) {
      const tag = this.peekTag(end);
      if (delimited && tag === ITEM_END) {
        this.at += 8;
        return dataset;
      }
      if (!belongs(tag)) break;
      if (tag <= last) throw new StructureError(`${tag} does not come in ascending order`);
      last = tag;
      dataset[tag] = this.element(tag, end);
    }
    if (delimited) throw new StructureError('an item has no end');
    return dataset;
  }

  private need(bytes: number, end: number): void {
    if (this.at + bytes > end) throw new StructureError(`an element at byte ${this.at} is longer than what holds it`);
  }

  private peekTag(end: number): string {
    this.need(8, end);
    const hex = (at: number): string => this.view.getUint16(at, true).toString(16).padStart(4, '0');
    return `${hex(this.at)}${hex(this.at + 2)}`.toUpperCase();
  }

  private element(tag: string, end: number): DicomElement {
    const vr = this.buffer.toString('latin1', this.at + 4, this.at + 6);
    if (vr !== 'SQ' && !isNumberVr(vr) && !isTextVr(vr) && !BINARY.has(vr)) {
      throw new StructureError(`${tag} has no known value representation`);
    }
    let length: number;
    if (isLongVr(vr)) {
      this.need(12, end);
      length = this.view.getUint32(this.at + 8, true);
      this.at += 12;
    } else {
      length = this.view.getUint16(this.at + 6, true);
      this.at += 8;
    }
    if (vr === 'SQ') return { vr, Value: this.items(length, end) };
    if (length % 2 === 1) throw new StructureError(`${tag} has an odd length`);
    this.need(length, end);
    const start = this.at;
    this.at += length;
    return { vr, Value: this.values(tag, vr, start, length) };
  }

  private items(length: number, outerEnd: number): DicomDataset[] {
    if (++this.depth > DEEPEST) throw new StructureError('sequences are nested too deeply');
    const isDelimited = length === UNDEFINED_LENGTH;
    if (!isDelimited) this.need(length, outerEnd);
    const end = isDelimited ? outerEnd : this.at + length;
    const found: DicomDataset[] = [];
    for (;;) {
      if (!isDelimited && this.at === end) break;
      const tag = this.peekTag(end);
      const itemLength = this.view.getUint32(this.at + 4, true);
      this.at += 8;
      if (isDelimited && tag === SEQUENCE_END) break;
      if (tag !== ITEM) throw new StructureError(`a sequence holds ${tag} instead of an item`);
      found.push(this.item(itemLength, end));
    }
    this.depth--;
    return found;
  }

  private item(length: number, outerEnd: number): DicomDataset {
    if (length === UNDEFINED_LENGTH) return this.elements(outerEnd, () => true, true);
    this.need(length, outerEnd);
    return this.elements(this.at + length, () => true);
  }

  private values(tag: string, vr: string, start: number, length: number): unknown[] {
    if (length === 0) return [];
    if (BINARY.has(vr)) return [this.bytes.subarray(start, start + length)];
    if (isNumberVr(vr)) return this.numbers(tag, vr, start, length);
    if (vr === 'AT') {
      const parts = this.numbers(tag, 'US', start, length).map((part) => part.toString(16).padStart(4, '0'));
      return parts.flatMap((part, index) => (index % 2 === 1 ? [`${parts[index - 1]}${part}`.toUpperCase()] : []));
    }
    const text = this.text(tag, vr, start, length);
    return SINGLE_TEXT.has(vr) ? [text] : text.split('\\');
  }

  private text(tag: string, vr: string, start: number, length: number): string {
    const padded = this.buffer[start + length - 1] === (vr === 'UI' ? 0 : 0x20);
    const end = start + length - (padded ? 1 : 0);
    if (this.isAscii(start, end)) return this.buffer.toString('latin1', start, end);
    try {
      return this.utf8.decode(this.bytes.subarray(start, end));
    } catch {
      throw new StructureError(`${tag} is not text in UTF-8`);
    }
  }

  private isAscii(start: number, end: number): boolean {
    for (let at = start; at < end; at++) if (this.bytes[at] >= 0x80) return false;
    return true;
  }

  private numbers(tag: string, vr: string, start: number, length: number): number[] {
    const size = vr === 'US' || vr === 'SS' ? 2 : vr === 'FD' ? 8 : 4;
    if (length % size !== 0) throw new StructureError(`${tag} has a length that is no multiple of ${size}`);
    return Array.from({ length: length / size }, (_, index) => {
      const at = start + index * size;
      if (vr === 'US') return this.view.getUint16(at, true);
      if (vr === 'SS') return this.view.getInt16(at, true);
      if (vr === 'UL') return this.view.getUint32(at, true);
      if (vr === 'SL') return this.view.getInt32(at, true);
      return vr === 'FL' ? this.view.getFloat32(at, true) : this.view.getFloat64(at, true);
    });
  }
}
