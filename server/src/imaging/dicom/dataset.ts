/**
 * Typed reading of single elements from a dataset in the DICOM JSON model (PS3.18 annex F): tags as eight hex digits,
 * values in `Value`. That is the shape of dcmjs's parser and of DICOMweb metadata alike, so all that is built on these
 * functions serves both. Nothing here throws: a missing or malformed value is `undefined`, and its user decides.
 */

export interface DicomElement {
  readonly vr?: string;
  readonly Value?: unknown;
  /** dcmjs only: the text as stored, before numbers were parsed from it */
  readonly _rawValue?: unknown;
}

export type DicomDataset = Readonly<Record<string, DicomElement | undefined>>;

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

/** All values as trimmed text; empty list when absent. */
export function texts(dataset: DicomDataset, tag: string): string[] {
  return list(dataset[tag]?.Value).map((value) =>
    typeof value === 'string' || typeof value === 'number' ? String(value).replace(/\0/g, '').trim() : '',
  );
}

/** First value as trimmed text; `undefined` when absent or empty. */
export function text(dataset: DicomDataset, tag: string): string | undefined {
  return texts(dataset, tag)[0] || undefined;
}

/** All values as finite numbers; `undefined` when absent or when any value is none. */
export function numbers(dataset: DicomDataset, tag: string): number[] | undefined {
  const values = list(dataset[tag]?.Value).map((value) =>
    typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN,
  );
  return values.length > 0 && values.every(Number.isFinite) ? values : undefined;
}

/** First value as a finite number. */
export function number(dataset: DicomDataset, tag: string): number | undefined {
  const value = list(dataset[tag]?.Value)[0];
  const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof parsed === 'number' && Number.isFinite(parsed) ? parsed : undefined;
}

/** Decimal strings exactly as stored (without padding), for writing them back unchanged. */
export function storedTexts(dataset: DicomDataset, tag: string): string[] {
  const raw = list(dataset[tag]?._rawValue);
  if (raw.length > 0 && raw.every((value) => typeof value === 'string')) return raw.map((value) => value.trim());
  return texts(dataset, tag);
}

/** Items of a sequence. */
export function items(dataset: DicomDataset, tag: string): readonly DicomDataset[] {
  return list(dataset[tag]?.Value).filter(
    (item): item is DicomDataset => typeof item === 'object' && item !== null && !isBinary(item),
  );
}

/** First item of a sequence. */
export const item = (dataset: DicomDataset, tag: string): DicomDataset | undefined => items(dataset, tag)[0];

/** Binary value (OB, OW, UN ...) as a view; `undefined` when absent or not binary. */
export function bytes(dataset: DicomDataset, tag: string): Uint8Array | undefined {
  const value = list(dataset[tag]?.Value)[0];
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : undefined;
}

function isBinary(value: object): boolean {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}
