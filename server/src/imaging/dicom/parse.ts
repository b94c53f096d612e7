import { inflateRawSync } from 'node:zlib';
import { UserError } from '@medsam2/models';
import { data, log } from 'dcmjs';
import type { DicomDataset } from './dataset.js';
import {
  DEFLATED_LITTLE_ENDIAN,
  EXPLICIT_BIG_ENDIAN,
  EXPLICIT_LITTLE_ENDIAN,
  IMPLICIT_LITTLE_ENDIAN,
  transferSyntax,
} from './transfer-syntaxes.js';

/** The Pixel Data element (7FE0,0010) of one instance, as a view into the bytes that were parsed. */
export interface PixelElement {
  readonly vr: string;
  /** fragments in items (undefined length) instead of plain samples */
  readonly encapsulated: boolean;
  /** value field as far as the file has it; for encapsulated data up to the end of the file */
  readonly value: Uint8Array;
  /** value length the file declares; 0xFFFFFFFF for encapsulated data */
  readonly declaredLength: number;
}

/** One DICOM instance: everything before Pixel Data, and where Pixel Data lies. */
export interface ParsedInstance {
  readonly transferSyntaxUid: string;
  readonly littleEndian: boolean;
  readonly dataset: DicomDataset;
  /** absent when the instance has none, or when the header could not be read that far */
  readonly pixelData?: PixelElement;
  /** false when the parser gave up inside the header: `dataset` then lacks what follows */
  readonly complete: boolean;
}

const PIXEL_DATA = '7FE00010';
const PREAMBLE = 128;
/** A deflated dataset must not grow beyond this, whatever its size on disk, unless the caller sets a limit. */
const MAX_INFLATED_BYTES = 2 ** 30;

const ascii = (bytes: Uint8Array, start: number, end: number): string =>
  String.fromCharCode(...bytes.subarray(start, end));
const isVr = (bytes: Uint8Array, at: number): boolean => /^[A-Z]{2}$/.test(ascii(bytes, at, at + 2));
const group = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);

/** Where the first element starts; `undefined` when the bytes are no DICOM. Files without preamble are recognised. */
function firstElement(bytes: Uint8Array): number | undefined {
  if (ascii(bytes, PREAMBLE, PREAMBLE + 4) === 'DICM') return PREAMBLE + 4;
  if (bytes.length < 16) return undefined;
  if (group(bytes, 0) === 2 && isVr(bytes, 4)) return 0;
  // a bare dataset starts in group 8; implicit VR then has a small length where explicit VR has two letters
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  return group(bytes, 0) === 8 && group(bytes, 2) <= 0x18 && (isVr(bytes, 4) || length <= 64) ? 0 : undefined;
}

/** Whether the bytes look like a DICOM instance (PS3.10 file, with or without its preamble). */
export const isDicom = (bytes: Uint8Array): boolean => firstElement(bytes) !== undefined;

/**
 * Parses one instance up to its Pixel Data; pixel bytes are neither copied nor decoded.
 *
 * @param bytes a whole PS3.10 file, or a bare dataset in little endian
 * @param maxInflatedBytes limit of a deflated dataset
 * @throws UserError `dicom-unreadable` when the file meta or the compressed dataset cannot be read
 */
export function parsePart10(bytes: Uint8Array, maxInflatedBytes = MAX_INFLATED_BYTES): ParsedInstance {
  const start = firstElement(bytes);
  if (start === undefined) throw unreadable('it does not start like a DICOM file');
  const meta = readMeta(bytes, start);
  const syntax = meta.transferSyntaxUid ?? guessSyntax(bytes, meta.end);
  if (syntax === DEFLATED_LITTLE_ENDIAN)
    return parseDataset(inflate(bytes.subarray(meta.end), maxInflatedBytes), 0, syntax);
  return parseDataset(bytes, meta.end, syntax);
}

/**
 * The file meta group (0002,xxxx) is always explicit little endian and flat (PS3.10 section 7.1), so its end is
 * found by its elements: its stated length is wrong in real files.
 */
function readMeta(bytes: Uint8Array, start: number): { transferSyntaxUid?: string; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let transferSyntaxUid: string | undefined;
  let at = start;
  while (at + 8 <= bytes.length && group(bytes, at) === 2) {
    const long = /^(OB|OW|OF|UN|UT|SQ)$/.test(ascii(bytes, at + 4, at + 6));
    if (long && at + 12 > bytes.length) throw unreadable('its file meta information is cut off');
    const length = long ? view.getUint32(at + 8, true) : view.getUint16(at + 6, true);
    const value = at + (long ? 12 : 8);
    if (value + length > bytes.length) throw unreadable('its file meta information is cut off');
    if (group(bytes, at + 2) === 0x10) transferSyntaxUid = ascii(bytes, value, value + length).replace(/[\0 ]+$/, '');
    at = value + length;
  }
  // Too little for one more element: the file ends within its tag or length.
  if (at < bytes.length && at + 8 > bytes.length) throw unreadable('its file meta information is cut off');
  return { transferSyntaxUid: transferSyntaxUid || undefined, end: at };
}

const guessSyntax = (bytes: Uint8Array, at: number): string =>
  isVr(bytes, at + 4) ? EXPLICIT_LITTLE_ENDIAN : IMPLICIT_LITTLE_ENDIAN;

function inflate(compressed: Uint8Array, maxOutputLength: number): Uint8Array {
  try {
    return inflateRawSync(compressed, { maxOutputLength });
  } catch (cause) {
    throw unreadable(
      `its deflated dataset is damaged or larger than ${Math.round(maxOutputLength / 2 ** 20)} MiB`,
      cause,
    );
  }
}

function parseDataset(bytes: Uint8Array, start: number, transferSyntaxUid: string): ParsedInstance {
  quietDcmjs();
  const end = bytes.byteOffset + bytes.byteLength;
  const stream = new data.ReadBufferStream(bytes.buffer, null, {
    start: bytes.byteOffset + start,
    stop: end,
    noCopy: true,
  });
  const plain = transferSyntaxUid === IMPLICIT_LITTLE_ENDIAN || transferSyntaxUid === EXPLICIT_BIG_ENDIAN;
  const dataset = data.DicomMessage._read(stream, plain ? transferSyntaxUid : EXPLICIT_LITTLE_ENDIAN, {
    ignoreErrors: true,
    untilTag: PIXEL_DATA,
    includeUntilTagValue: false,
  });
  const reachedPixels = PIXEL_DATA in dataset;
  delete dataset[PIXEL_DATA];
  const littleEndian = transferSyntaxUid !== EXPLICIT_BIG_ENDIAN;
  return {
    transferSyntaxUid,
    littleEndian,
    dataset,
    complete: reachedPixels || stream.offset >= end,
    ...(reachedPixels ? { pixelData: pixelElement(bytes, stream.offset - bytes.byteOffset, transferSyntaxUid) } : {}),
  };
}

/** `at`: just behind the tag of Pixel Data. */
function pixelElement(bytes: Uint8Array, at: number, transferSyntaxUid: string): PixelElement | undefined {
  const implicit = transferSyntaxUid === IMPLICIT_LITTLE_ENDIAN;
  const lengthAt = implicit ? at : at + 4;
  if (lengthAt + 4 > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const declaredLength = view.getUint32(lengthAt, transferSyntaxUid !== EXPLICIT_BIG_ENDIAN);
  const encapsulated = declaredLength === 0xffffffff;
  const valueAt = lengthAt + 4;
  return {
    vr: implicit ? 'OW' : ascii(bytes, at, at + 2),
    encapsulated,
    value: bytes.subarray(valueAt, encapsulated ? bytes.length : Math.min(bytes.length, valueAt + declaredLength)),
    declaredLength,
  };
}

/** dcmjs writes element values to the console on odd input; those can be patient data. */
function quietDcmjs(): void {
  log.setLevel('silent', false);
  log.getLogger('validation.dcmjs').setLevel('silent', false);
}

function unreadable(why: string, cause?: unknown): UserError {
  return new UserError(
    'dicom-unreadable',
    `A DICOM file cannot be read: ${why}.`,
    'Export the series again from its source.',
    { cause },
  );
}

/** UserError for an instance whose transfer syntax is known but has no decoder here, or is unknown. */
export function unsupportedSyntax(uid: string): UserError {
  return new UserError(
    'unsupported-transfer-syntax',
    `The transfer syntax ${uid} (${transferSyntax(uid).name}) is not supported.`,
    'Convert the series to Explicit VR Little Endian (for example with dcmconv, gdcmconv or the archive itself) and try again.',
  );
}
