import type { DicomDataset } from '../imaging/dicom/index.js';
import type { Element } from './elements.js';
import { copyElement, isValidValue } from './source-values.js';

/**
 * What a segmentation has in common with its source: the attributes of the Patient, Clinical Trial Subject, General
 * Study, Patient Study and Clinical Trial Study modules (PS3.3 sections C.7.1, C.7.2), the body part, and the time zone
 * that their dates are in. They are copied as they are, so that the archive files the object with the source.
 */

/** Type 2: present even when the source lacks them, then empty. */
const ALWAYS: readonly (readonly [tag: string, vr: string, name: string])[] = [
  ['00080020', 'DA', 'Study Date'],
  ['00080030', 'TM', 'Study Time'],
  ['00080050', 'SH', 'Accession Number'],
  ['00080090', 'PN', "Referring Physician's Name"],
  ['00100010', 'PN', "Patient's Name"],
  ['00100020', 'LO', 'Patient ID'],
  ['00100030', 'DA', "Patient's Birth Date"],
  ['00100040', 'CS', "Patient's Sex"],
  ['00200010', 'SH', 'Study ID'],
];

const IF_PRESENT: readonly string[] = [
  // time zone of all dates and times
  '00080201',
  // patient
  ...['00100021', '00100022', '00100024', '00100032', '00100033', '00100034', '00100035', '00100200', '00101000'],
  ...['00101001', '00101002', '00102160', '00104000', '00102201', '00102202', '00102292', '00102293', '00102294'],
  ...['00102297', '00102298', '00102299', '00120062', '00120063', '00120064'],
  // clinical trial subject and study
  ...['00120010', '00120020', '00120021', '00120030', '00120031', '00120040', '00120042', '00120081', '00120082'],
  ...['00120050', '00120051', '00120052', '00120083'],
  // study
  ...['00080051', '00081030', '00081032', '00080096', '0008009C', '0008009D', '00081048', '00081049', '00081060'],
  ...['00081062', '00401012'],
  // patient in the study
  ...['00081080', '00081084', '00101010', '00101020', '00101021', '00101022', '00101030', '00102000', '00102110'],
  ...['00102180', '001021A0', '001021B0', '001021C0', '001021D0', '00102203', '00321066', '00380010', '00380014'],
  ...['00380060', '00380062', '00380064', '00380500'],
  // what the images show
  '00180015',
];

/** Tags that a segmentation has exactly as its source has them. */
export const COPIED_TAGS: readonly string[] = [...ALWAYS.map(([tag]) => tag), '0020000D', ...IF_PRESENT];

/** @returns the elements, and a warning for everything that is not as DICOM wants it; no values in warnings */
export function patientAndStudy(source: DicomDataset): {
  readonly elements: Record<string, Element>;
  readonly warnings: readonly string[];
} {
  const elements: Record<string, Element> = {};
  const warnings: string[] = [];
  for (const [tag, vr] of ALWAYS) elements[tag] = { vr, text: '' };
  for (const tag of COPIED_TAGS) {
    if (source[tag] === undefined) continue;
    const element = copyElement(source, tag);
    const name = `${ALWAYS.find(([known]) => known === tag)?.[2] ?? 'Attribute'} (${tag.slice(0, 4)},${tag.slice(4)})`;
    if (!element) {
      warnings.push(`${name} of the source cannot be copied, since its value is of no readable kind or too long.`);
      continue;
    }
    elements[tag] = element;
    if ('text' in element && !element.text.split('\\').every((value) => isValidValue(element.vr, value))) {
      warnings.push(`${name} of the source is not as DICOM wants it; it was copied as it is.`);
    }
  }
  return { elements, warnings };
}
