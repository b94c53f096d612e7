import { isNumberVr, type Element, type Elements, type NumberVr } from './elements.js';

/**
 * Writes elements as explicit VR little endian (PS3.5 section 7.1.2), text as UTF-8. Own code: dcmjs refuses values of
 * sources that are slightly wrong, and takes half a second for 200 frames (docs/dependencies.md has the figures).
 */

const LONG_VRS: ReadonlySet<string> = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));
const NUMBER_BYTES: Record<NumberVr, number> = { US: 2, SS: 2, UL: 4, SL: 4, FL: 4, FD: 8 };
/** Longest value whose length fits 16 bits and is even. */
export const LONGEST_SHORT_VALUE = 0xfffe;

/** Whether the length of values of this representation is written in 32 bits. */
export const isLongVr = (vr: string): boolean => LONG_VRS.has(vr);

/** A buffer that grows; lengths of sequences are filled in when they are known. */
class ByteWriter {
  private buffer = Buffer.allocUnsafe(1 << 16);
  private at = 0;

  get offset(): number {
    return this.at;
  }

  private reserve(bytes: number): number {
    const start = this.at;
    this.at += bytes;
    if (this.at > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.at, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, start);
      this.buffer = larger;
    }
    return start;
  }

  uint16(value: number): void {
    const at = this.reserve(2);
    this.buffer.writeUInt16LE(value, at);
  }

  uint32(value: number): void {
    const at = this.reserve(4);
    this.buffer.writeUInt32LE(value, at);
  }

  patch32(at: number, value: number): void {
    this.buffer.writeUInt32LE(value, at);
  }

  tag(tag: string): void {
    this.uint16(parseInt(tag.slice(0, 4), 16));
    this.uint16(parseInt(tag.slice(4), 16));
  }

  text(value: string, bytes: number, encoding: 'latin1' | 'utf8'): void {
    const at = this.reserve(bytes);
    this.buffer.write(value, at, bytes, encoding);
  }

  bytes(value: Uint8Array): void {
    const at = this.reserve(value.length);
    this.buffer.set(value, at);
  }

  numbers(vr: NumberVr, values: readonly number[]): void {
    const size = NUMBER_BYTES[vr];
    let at = this.reserve(size * values.length);
    for (const value of values) {
      if (vr === 'US') this.buffer.writeUInt16LE(value, at);
      else if (vr === 'SS') this.buffer.writeInt16LE(value, at);
      else if (vr === 'UL') this.buffer.writeUInt32LE(value, at);
      else if (vr === 'SL') this.buffer.writeInt32LE(value, at);
      else if (vr === 'FL') this.buffer.writeFloatLE(value, at);
      else this.buffer.writeDoubleLE(value, at);
      at += size;
    }
  }

  result(): Uint8Array {
    return this.buffer.subarray(0, this.at);
  }
}

/**
 * The elements of a dataset or of the file meta information, ascending by tag.
 *
 * @throws RangeError for a value too long for its representation, or a number outside of it
 */
export function encodeElements(dataset: Elements): Uint8Array {
  const writer = new ByteWriter();
  writeElements(writer, dataset);
  return writer.result();
}

/** Tag, representation and length of an element whose value the caller writes behind it. */
export function encodeHeader(tag: string, vr: 'OB' | 'OW', length: number): Uint8Array {
  const writer = new ByteWriter();
  writeHeader(writer, tag, vr, length);
  return writer.result();
}

function writeElements(writer: ByteWriter, dataset: Elements): void {
  // sorted as text, since an object lists keys like 52009230 before keys like 00080005
  for (const tag of Object.keys(dataset).sort()) writeElement(writer, tag, dataset[tag]);
}

function writeElement(writer: ByteWriter, tag: string, element: Element): void {
  if ('items' in element) {
    writeSequence(writer, tag, element.items);
  } else if ('numbers' in element) {
    if (!isNumberVr(element.vr)) throw new RangeError(`${tag}: ${String(element.vr)} holds no numbers`);
    writeHeader(writer, tag, element.vr, NUMBER_BYTES[element.vr] * element.numbers.length);
    writer.numbers(element.vr, element.numbers);
  } else if ('bytes' in element) {
    const { length } = element.bytes;
    writeHeader(writer, tag, element.vr, length + (length % 2));
    writer.bytes(element.bytes);
    if (length % 2 === 1) writer.text('\0', 1, 'latin1');
  } else if (element.vr === 'AT') {
    const tags = element.text === '' ? [] : element.text.split('\\');
    writeHeader(writer, tag, 'AT', tags.length * 4);
    for (const value of tags) writer.tag(value);
  } else {
    writeText(writer, tag, element.vr, element.text);
  }
}

function writeText(writer: ByteWriter, tag: string, vr: string, text: string): void {
  const length = Buffer.byteLength(text, 'utf8');
  writeHeader(writer, tag, vr, length + (length % 2));
  writer.text(text, length, length === text.length ? 'latin1' : 'utf8');
  if (length % 2 === 1) writer.text(vr === 'UI' ? '\0' : ' ', 1, 'latin1');
}

function writeSequence(writer: ByteWriter, tag: string, items: Iterable<Elements>): void {
  const start = writeOpen(writer, tag, 'SQ');
  for (const item of items) {
    writer.tag('FFFEE000');
    writer.uint32(0);
    const itemStart = writer.offset;
    writeElements(writer, item);
    writer.patch32(itemStart - 4, writer.offset - itemStart);
  }
  writer.patch32(start - 4, writer.offset - start);
}

/** Header of a sequence with a length to be filled in; where its value starts. */
function writeOpen(writer: ByteWriter, tag: string, vr: 'SQ'): number {
  writeHeader(writer, tag, vr, 0);
  return writer.offset;
}

function writeHeader(writer: ByteWriter, tag: string, vr: string, length: number): void {
  writer.tag(tag);
  writer.text(vr, 2, 'latin1');
  if (isLongVr(vr)) {
    writer.uint16(0);
    writer.uint32(length);
  } else {
    if (length > LONGEST_SHORT_VALUE) throw new RangeError(`${tag}: ${length} bytes are too many for ${vr}`);
    writer.uint16(length);
  }
}
