import type { DicomDataset, DicomElement } from '../../imaging/dicom/index.js';
import { bytes as binary, items } from '../../imaging/dicom/dataset.js';
import { tagOf, type Keyword } from '../attributes.js';
import type { Element } from '../elements.js';
import { encodeFile } from '../file.js';
import { copyElement } from '../source-values.js';
import { readExplicitFile } from '../validate/read-explicit.js';

/** A dataset as the strict reader gives it, to be changed at will. */
export type Changeable = Record<string, DicomElement>;

/** The same object with its elements changed, written again as it was (file meta information included). */
export function changed(object: Uint8Array, change: (dataset: Changeable) => void): Uint8Array {
  const { dataset } = readExplicitFile(object);
  const copy = structuredClone(dataset) as Changeable;
  change(copy);
  const pixels = binary(copy, tagOf('PixelData'));
  const elements: Record<string, Element> = {};
  for (const [tag, element] of Object.entries(copy)) {
    if (tag === tagOf('PixelData')) continue;
    const made = copyElement(copy, tag);
    if (made) elements[tag] = made;
    else if (element.Value) throw new Error(`${tag} cannot be written`);
  }
  const value = (keyword: Keyword): string => String((dataset[tagOf(keyword)]?.Value as unknown[])[0]);
  return encodeFile({ sopClassUid: value('SOPClassUID'), sopInstanceUid: value('SOPInstanceUID') }, elements, {
    vr: copy[tagOf('PixelData')].vr === 'OW' ? 'OW' : 'OB',
    length: pixels?.length ?? 0,
    write: (target) => target.set(pixels ?? []),
  });
}

/** Items of a sequence, to be changed. */
export const itemsIn = (dataset: DicomDataset, keyword: Keyword): Changeable[] =>
  items(dataset, tagOf(keyword)) as Changeable[];

/** Gives an attribute other values, or (`undefined`) takes it away. */
export function set(dataset: Changeable, keyword: Keyword, ...values: unknown[]): void {
  if (values.length === 0) delete dataset[tagOf(keyword)];
  else dataset[tagOf(keyword)] = { ...dataset[tagOf(keyword)], Value: values };
}
