import type { DicomDataset, DicomElement } from '../imaging/dicom/index.js';

/** Longest text that is kept, characters; longer ones (certificates, protocols in text) are no part of a SEG. */
const MAX_TEXT = 16 * 1024;
/** Pixel data, its offset tables, icons, curves, overlays. */
const BULKY = /^(7FE0....|00880200|50..3000|60..3000)$/;

/**
 * The attributes of an instance that are worth keeping while its series is worked on: without private groups, values by
 * reference or in base64, and long text. Kept elements are the PACS's own, untouched.
 */
export function attributesOf(dataset: DicomDataset): DicomDataset {
  return Object.fromEntries(
    Object.entries(dataset).filter(
      ([tag, element]) => element !== undefined && !BULKY.test(tag) && !isPrivate(tag) && isSmall(element),
    ),
  );
}

const isPrivate = (tag: string): boolean => Number.parseInt(tag.slice(0, 4), 16) % 2 === 1;

function isSmall(element: DicomElement): boolean {
  if ('BulkDataURI' in element || 'InlineBinary' in element) return false;
  const values = Array.isArray(element.Value) ? (element.Value as unknown[]) : [];
  return values.every((value) => !isBinary(value) && (typeof value !== 'string' || value.length <= MAX_TEXT));
}

/** Binary values of a parsed file are views into the file, which they would keep in memory. */
const isBinary = (value: unknown): boolean => value instanceof ArrayBuffer || ArrayBuffer.isView(value);
