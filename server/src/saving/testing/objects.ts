import { randomBytes } from 'node:crypto';
import { writeInstance, type Elements } from '../../imaging/dicom/testing/write-dicom.js';
import type { SegObject } from '../../segmentation/types.js';

const root = '1.2.826.0.1.3680043.10.1561.77';
export const SEGMENTATION = '1.2.840.10008.5.1.4.1.1.66.4';

export interface TestObject extends SegObject {
  readonly elements: Elements;
}

/** An object like a segmentation: enough for a PACS to store it, with sequences and one-bit pixels. */
export function testObject(change: Elements = {}, name = randomBytes(4).readUInt32LE()): TestObject {
  const uid = (part: number): string => `${root}.${name}.${part}`;
  const elements: Elements = {
    '00080005': { vr: 'CS', Value: ['ISO_IR 192'] },
    '00080016': { vr: 'UI', Value: [SEGMENTATION] },
    '00080018': { vr: 'UI', Value: [uid(1)] },
    '00080060': { vr: 'CS', Value: ['SEG'] },
    '0008103E': { vr: 'LO', Value: ['Test object'] },
    '00100010': { vr: 'PN', Value: ['Phantom^Tëst'] },
    '00100020': { vr: 'LO', Value: ['T1'] },
    '00100030': { vr: 'DA', Value: [] },
    '0020000D': { vr: 'UI', Value: [uid(3)] },
    '0020000E': { vr: 'UI', Value: [uid(2)] },
    '00200013': { vr: 'IS', Value: ['1'] },
    '00280002': { vr: 'US', Value: [1] },
    '00280004': { vr: 'CS', Value: ['MONOCHROME2'] },
    '00280008': { vr: 'IS', Value: ['2'] },
    '00280010': { vr: 'US', Value: [8] },
    '00280011': { vr: 'US', Value: [6] },
    '00280100': { vr: 'US', Value: [1] },
    '00280101': { vr: 'US', Value: [1] },
    '00280102': { vr: 'US', Value: [0] },
    '00280103': { vr: 'US', Value: [0] },
    '00620002': {
      vr: 'SQ',
      Value: [
        { '00620004': { vr: 'US', Value: [1] }, '00620005': { vr: 'LO', Value: ['Liver'] } },
        { '00620004': { vr: 'US', Value: [2] }, '00620005': { vr: 'LO', Value: ['Kidney'] } },
      ],
    },
    '7FE00010': { vr: 'OB', Value: [Uint8Array.from({ length: 12 }, (_, at) => (at * 37) & 255).buffer] },
    ...change,
  };
  const text = (tag: string): string => {
    const value = elements[tag]?.Value[0];
    return typeof value === 'string' ? value : '';
  };
  return {
    elements,
    bytes: writeInstance(elements),
    sopClassUid: text('00080016'),
    sopInstanceUid: text('00080018'),
    seriesInstanceUid: text('0020000E'),
    studyInstanceUid: text('0020000D'),
    warnings: [],
  };
}
