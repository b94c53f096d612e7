import type { Code } from '@medsam2/protocol';
import { elements, type Elements, type Values } from './elements.js';
import { fitText } from './text-values.js';

/** Codes that the standard prescribes here (PS3.16 annex D and context groups 7162, 7005, 7202, 7203). */
export const standardCodes = {
  segmentation: { scheme: 'DCM', value: '113076', meaning: 'Segmentation' },
  sourceImage: { scheme: 'DCM', value: '121322', meaning: 'Source image for image processing operation' },
  processingEquipment: { scheme: 'DCM', value: '109102', meaning: 'Processing Equipment' },
  artificialIntelligence: { scheme: 'DCM', value: '123110', meaning: 'Artificial Intelligence' },
  background: { scheme: 'DCM', value: '125040', meaning: 'Background' },
} as const satisfies Record<string, Code>;

/** Longest value of CodeValue (SH); longer ones are LongCodeValue (PS3.3 section 8.1). */
const LONGEST_CODE_VALUE = 16;

/** Item of a code sequence (PS3.3 table 8.8-1), with what the item holds besides. */
export function codeItem(code: Code, more: Values = {}): Elements {
  return elements({
    ...(code.value.length <= LONGEST_CODE_VALUE ? { CodeValue: code.value } : { LongCodeValue: code.value }),
    CodingSchemeDesignator: code.scheme,
    CodeMeaning: fitText(code.meaning, 64),
    ...more,
  });
}

/** Products of the dihedral group of order 10 and the permutation of Verhoeff's check digit. */
const PERMUTATION = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

function dihedral(a: number, b: number): number {
  if (a < 5) return b < 5 ? (a + b) % 5 : ((a + b - 5) % 5) + 5;
  return b < 5 ? ((a - 5 - b + 5) % 5) + 5 : (a - b + 5) % 5;
}

/** Whether a text can be a SNOMED CT identifier: 6 to 18 digits, the last one a Verhoeff check digit. */
export function isSnomedId(value: string): boolean {
  if (!/^[1-9]\d{5,17}$/.test(value)) return false;
  let check = 0;
  [...value].reverse().forEach((character, position) => {
    let digit = Number(character);
    for (let times = 0; times < position % 8; times++) digit = PERMUTATION[digit];
    check = dihedral(check, digit);
  });
  return check === 0;
}
