import { UserError } from '@medsam2/models';
import { parsePart10, type DicomDataset, type ParsedInstance } from '../imaging/dicom/index.js';

/** One thing that is not as it was sent. Holds no value: values can be about the patient. */
export interface Difference {
  /** `(0062,0002)[1].(0062,0005)`: tags, with the item counted from 0 */
  readonly where: string;
  readonly what: 'missing' | 'changed';
}

/** What is told of differences at most. */
const maxDifferences = 8;
const characterSet = '00080005';

/**
 * Compares an object with what a PACS gives back for it. A PACS may add attributes, and may store in another transfer
 * syntax or character set (the file meta information and (0008,0005) say how the rest is written, not what it is);
 * every attribute that was sent must be there with an equal value, sequences item by item, and every pixel must be equal.
 *
 * @param received as the PACS gave it
 * @returns nothing when they are equal; at most eight differences otherwise
 * @throws UserError `pacs-answer-invalid` when what was received is cut off or no DICOM; `not-comparable` when it is
 *   compressed in a way that cannot be undone here
 */
export function compareInstances(
  sent: Uint8Array,
  received: Uint8Array,
  decode?: (object: Uint8Array) => Uint8Array | undefined,
): Difference[] {
  // Most PACS give back what they got; parsing hundreds of frames takes longer than others should wait.
  if (sameDataset(sent, received)) return [];
  const ours = parsePart10(sent);
  const theirs = whole(received);
  const differences: Difference[] = [];
  compareDatasets(ours.dataset, theirs.dataset, '', differences);
  if (!equalPixels(ours, theirs, () => [decode?.(sent), decode?.(received)])) {
    differences.push({ where: '(7FE0,0010)', what: theirs.pixelData === undefined ? 'missing' : 'changed' });
  }
  return differences.slice(0, maxDifferences);
}

/** `the attributes (0010,0010) (changed), (0020,0010) (missing)` */
export const describeDifferences = (differences: readonly Difference[]): string =>
  differences.map(({ where, what }) => `${where} (${what})`).join(', ');

/** Equal to the byte after the file meta information (PS3.10 section 7.1), and written in the same transfer syntax. */
function sameDataset(sent: Uint8Array, received: Uint8Array): boolean {
  const [ours, theirs] = [metaOf(sent), metaOf(received)];
  if (ours?.syntax === undefined || ours.syntax !== theirs?.syntax) return false;
  return Buffer.compare(sent.subarray(ours.end), received.subarray(theirs.end)) === 0;
}

function metaOf(bytes: Uint8Array): { readonly end: number; readonly syntax?: string } | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.toString('latin1', 128, 132) !== 'DICM') return undefined;
  let [at, syntax]: [number, string | undefined] = [132, undefined];
  while (at + 8 <= file.length && file.readUInt16LE(at) === 2) {
    const isLong = /^(OB|OW|UN|UT)$/.test(file.toString('latin1', at + 4, at + 6));
    if (isLong && at + 12 > file.length) return undefined;
    const value = at + (isLong ? 12 : 8);
    const length = isLong ? file.readUInt32LE(at + 8) : file.readUInt16LE(at + 6);
    if (file.readUInt16LE(at + 2) === 0x10) syntax = plain(file.toString('latin1', value, value + length));
    at = value + length;
  }
  return at <= file.length ? { end: at, syntax } : undefined;
}

function whole(received: Uint8Array): ParsedInstance {
  let parsed: ParsedInstance;
  try {
    parsed = parsePart10(received);
  } catch (error) {
    if (error instanceof UserError) throw cutOff(error);
    throw error;
  }
  const { pixelData, complete } = parsed;
  const missing =
    pixelData !== undefined && !pixelData.encapsulated && pixelData.value.length < pixelData.declaredLength;
  if (!complete || missing) throw cutOff();
  return parsed;
}

const cutOff = (cause?: unknown): UserError =>
  new UserError(
    'pacs-answer-invalid',
    'What the PACS gave back is cut off or no DICOM object.',
    'It is asked again by itself; if this stays, look at the connection and at what stands between.',
    { cause },
  );

function compareDatasets(ours: DicomDataset, theirs: DicomDataset, path: string, found: Difference[]): void {
  for (const [tag, element] of Object.entries(ours)) {
    if (found.length >= maxDifferences) return;
    // Group lengths and the character set tell how a dataset is written.
    if (element === undefined || tag.endsWith('0000') || tag === characterSet) continue;
    const where = `${path}(${tag.slice(0, 4)},${tag.slice(4)})`;
    const other = theirs[tag];
    if (other === undefined) found.push({ where, what: 'missing' });
    else compareValues(valuesOf(element.Value), valuesOf(other.Value), where, found);
  }
}

function compareValues(ours: readonly unknown[], theirs: readonly unknown[], where: string, found: Difference[]): void {
  if (ours.some(isItem)) {
    if (ours.length !== theirs.length || !theirs.every(isItem)) {
      found.push({ where, what: 'changed' });
      return;
    }
    ours.forEach((item, at) =>
      compareDatasets(item as DicomDataset, theirs[at] as DicomDataset, `${where}[${at}].`, found),
    );
    return;
  }
  const equal = ours.length === theirs.length && ours.every((value, at) => equalValues(value, theirs[at]));
  if (!equal) found.push({ where, what: 'changed' });
}

/** An element without a value, with an empty one, and with a padded empty one say the same. */
function valuesOf(value: unknown): readonly unknown[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  const isEmpty = (one: unknown): boolean =>
    one === null || one === undefined || (typeof one === 'string' && plain(one) === '');
  return values.every(isEmpty) ? [] : values;
}

const plain = (text: string): string => text.replace(/[\0 ]+$/, '');

function equalValues(a: unknown, b: unknown): boolean {
  const [left, right] = [binary(a), binary(b)];
  if (left !== undefined && right !== undefined) return equalBytes(left, right);
  if (typeof a === 'object' && typeof b === 'object') return JSON.stringify(a) === JSON.stringify(b);
  return textOf(a) === textOf(b);
}

/** Numbers that one transfer syntax gives as such are text in another, whose value representation is not known. */
const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? plain(String(value)) : '';

/** An item of a sequence: an object by tags. Names of persons are objects too, by kind of writing. */
const isItem = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  binary(value) === undefined &&
  Object.keys(value).every((key) => /^[0-9A-F]{8}$/i.test(key));

function binary(value: unknown): Uint8Array | undefined {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : undefined;
}

/** Values of odd length are padded with one byte when they are written (PS3.5 section 7.1.1). */
function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (long.length - short.length > short.length % 2) return false;
  return (
    Buffer.compare(short, long.subarray(0, short.length)) === 0 && long.subarray(short.length).every((pad) => pad === 0)
  );
}

function equalPixels(
  { pixelData: ours, littleEndian }: ParsedInstance,
  { pixelData: theirs, littleEndian: theirOrder, transferSyntaxUid }: ParsedInstance,
  decoded: () => readonly [Uint8Array | undefined, Uint8Array | undefined],
): boolean {
  if (ours === undefined || theirs === undefined) return ours === theirs;
  // Words of another byte order do not compare; of single bits and bytes there are no words unless they are stored as such.
  if (ours.encapsulated === theirs.encapsulated && littleEndian === theirOrder) {
    if (equalBytes(ours.value, theirs.value)) return true;
    if (!ours.encapsulated) return false;
  }
  const [left, right] = decoded();
  if (left !== undefined && right !== undefined) return equalBytes(left, right);
  throw new UserError(
    'not-comparable',
    `The PACS stores the object in the transfer syntax ${transferSyntaxUid}, which cannot be undone here to compare it.`,
    'Look at the object in the PACS, or let the PACS keep segmentations as they are sent.',
  );
}
