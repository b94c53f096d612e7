import type { DicomDataset, DicomElement } from '../imaging/dicom/index.js';
import { items, storedTexts } from '../imaging/dicom/dataset.js';
import { decodeEscapes } from './escaped-text.js';
import { isNumberVr, isTextVr, type Element } from './elements.js';
import { isLongVr, LONGEST_SHORT_VALUE } from './serialise.js';
import { isDecimalString } from './text-values.js';
import { isUid } from './uid.js';

/**
 * Values of a source in the DICOM JSON model (parsed file or DICOMweb metadata) as they are written again: unchanged,
 * whether valid or not.
 */

/** Text of an element with its values separated by backslashes; names with all their component groups. */
export function sourceText(dataset: DicomDataset, tag: string): string {
  const element = dataset[tag];
  const raw = rawText(element);
  if (raw !== undefined) return decodeEscapes(raw).trim();
  if (element?.vr === 'PN') return values(element).map(personName).join('\\');
  return storedTexts(dataset, tag).join('\\');
}

/** Text with code extensions as it stood in a file, before anything was split at bytes that look like separators. */
function rawText(element: DicomElement | undefined): string | undefined {
  const raw = element?._rawValue;
  const text = Array.isArray(raw) ? raw.join('\\') : raw;
  return typeof text === 'string' && text.includes('\u001b') ? text : undefined;
}

/** PN of the DICOM JSON model: an object with up to three component groups (PS3.18 section F.2.2). */
function personName(value: unknown): string {
  if (typeof value === 'string') return value.trim();
  if (typeof value !== 'object' || value === null) return '';
  const groups = value as { Alphabetic?: unknown; Ideographic?: unknown; Phonetic?: unknown };
  const text = (group: unknown): string => (typeof group === 'string' ? group.trim() : '');
  return [text(groups.Alphabetic), text(groups.Ideographic), text(groups.Phonetic)].join('=').replace(/=+$/, '');
}

const values = (element: DicomElement): readonly unknown[] =>
  Array.isArray(element.Value) ? (element.Value as unknown[]) : element.Value === undefined ? [] : [element.Value];

/**
 * An element of a source, to be written as it is.
 *
 * @returns `undefined` for what cannot be written: binary and unknown representations, values longer than their
 *   representation can say
 */
export function copyElement(dataset: DicomDataset, tag: string): Element | undefined {
  const element = dataset[tag];
  const vr = element?.vr;
  if (!vr) return undefined;
  if (vr === 'SQ') return { vr, items: items(dataset, tag).map(copyItem) };
  if (isNumberVr(vr)) {
    const numbers = values(element).filter((value): value is number => typeof value === 'number');
    return { vr, numbers };
  }
  if (!isTextVr(vr)) return undefined;
  const text = sourceText(dataset, tag);
  return !isLongVr(vr) && Buffer.byteLength(text) > LONGEST_SHORT_VALUE ? undefined : { vr, text };
}

function copyItem(item: DicomDataset): Record<string, Element> {
  const copy: Record<string, Element> = {};
  for (const tag of Object.keys(item)) {
    const element = copyElement(item, tag);
    if (element) copy[tag] = element;
  }
  return copy;
}

const LONGEST: Readonly<Record<string, number>> = { AE: 16, CS: 16, SH: 16, LO: 64, ST: 1024, LT: 10240 };

/** Representations that hold no control characters; an escape sequence that stayed is one. */
const ONE_LINE: ReadonlySet<string> = new Set(['LO', 'SH', 'PN', 'UC']);

/** Whether one value is as its representation wants it; an empty one is. */
export function isValidValue(vr: string, value: string): boolean {
  if (value === '') return true;
  const longest = LONGEST[vr];
  if (longest !== undefined && [...value].length > longest) return false;
  if (ONE_LINE.has(vr) && /\p{Cc}/u.test(value)) return false;
  if (vr === 'DA') return /^\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/.test(value);
  if (vr === 'TM') return /^([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?|60(\.\d{1,6})?)?)?$/.test(value);
  if (vr === 'DT') return /^\d{4}(\d{2}){0,5}(\.\d{1,6})?([+-]\d{4})?$/.test(value);
  if (vr === 'AS') return /^\d{3}[DWMY]$/.test(value);
  if (vr === 'CS') return /^[A-Z0-9_ ]*$/.test(value);
  if (vr === 'DS') return isDecimalString(value);
  if (vr === 'IS') return /^[+-]?\d{1,11}$/.test(value);
  if (vr === 'UI') return isUid(value);
  if (vr === 'PN') return value.split('=').length <= 3 && value.split('=').every((group) => [...group].length <= 64);
  return true;
}
