import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { data } from 'dcmjs';
import { column, indexToWorld } from '../../geometry.js';
import type { Volume } from '../../volume.js';
import { EXPLICIT_LITTLE_ENDIAN } from '../transfer-syntaxes.js';

/** Elements by eight-digit tag, as the DICOM JSON model has them. `undefined` leaves an element out. */
export type Elements = Record<string, { vr: string; Value: unknown[] } | undefined>;

export const CT_IMAGE = '1.2.840.10008.5.1.4.1.1.2';
const ROOT = '1.2.826.0.1.3680043.10.1561';

/** Bytes of a PS3.10 file. Pixel data as fragments: `7FE00010` with one value per frame and a compressed syntax. */
export function writeInstance(elements: Elements, transferSyntaxUid = EXPLICIT_LITTLE_ENDIAN): Uint8Array {
  const dict = Object.fromEntries(Object.entries(elements).filter(([, element]) => element !== undefined));
  const file = new data.DicomDict({
    '00020001': { vr: 'OB', Value: [Uint8Array.of(0, 1).buffer] },
    '00020002': { vr: 'UI', Value: elements['00080016']?.Value ?? [CT_IMAGE] },
    '00020003': { vr: 'UI', Value: elements['00080018']?.Value ?? [`${ROOT}.9`] },
    '00020010': { vr: 'UI', Value: [transferSyntaxUid] },
    '00020012': { vr: 'UI', Value: [`${ROOT}.1`] },
  });
  file.dict = dict as typeof file.dict;
  return new Uint8Array(file.write({ fragmentMultiframe: false }));
}

/**
 * Elements of every slice of a volume as single-frame CT images: unsigned, 16 bits, intercept -1024; ascending.
 *
 * @param name enters the UIDs: another name gives other identities
 */
export function sliceElements(volume: Volume, name: number): Elements[] {
  const { columns, rows, slices, spacing, direction } = volume.geometry;
  const size = rows * columns;
  const orientation = [...column(direction, 0), ...column(direction, 1)];
  return Array.from({ length: slices }, (_, slice): Elements => {
    const stored = Uint16Array.from(volume.voxels.subarray(slice * size, (slice + 1) * size), (value) => value + 1024);
    const text = (value: number): string => String(Number(value.toFixed(6)));
    return {
      '00080005': { vr: 'CS', Value: ['ISO_IR 192'] },
      '00080008': { vr: 'CS', Value: ['ORIGINAL', 'PRIMARY', 'AXIAL'] },
      '00080016': { vr: 'UI', Value: [CT_IMAGE] },
      '00080018': { vr: 'UI', Value: [`${ROOT}.${name}.${slice + 1}`] },
      '00080060': { vr: 'CS', Value: ['CT'] },
      '00100010': { vr: 'PN', Value: ['Phantom^Test'] },
      '0020000D': { vr: 'UI', Value: [`${ROOT}.${name}.1000`] },
      '0020000E': { vr: 'UI', Value: [`${ROOT}.${name}.2000`] },
      '00200013': { vr: 'IS', Value: [String(slice + 1)] },
      '00200032': { vr: 'DS', Value: indexToWorld(volume.geometry, [0, 0, slice]).map(text) },
      '00200037': { vr: 'DS', Value: orientation.map(text) },
      '00200052': { vr: 'UI', Value: [`${ROOT}.${name}.3000`] },
      '00280002': { vr: 'US', Value: [1] },
      '00280004': { vr: 'CS', Value: ['MONOCHROME2'] },
      '00280010': { vr: 'US', Value: [rows] },
      '00280011': { vr: 'US', Value: [columns] },
      '00280030': { vr: 'DS', Value: [text(spacing[1]), text(spacing[0])] },
      '00280100': { vr: 'US', Value: [16] },
      '00280101': { vr: 'US', Value: [16] },
      '00280102': { vr: 'US', Value: [15] },
      '00280103': { vr: 'US', Value: [0] },
      '00281052': { vr: 'DS', Value: ['-1024'] },
      '00281053': { vr: 'DS', Value: ['1'] },
      '7FE00010': { vr: 'OW', Value: [stored.buffer] },
    };
  });
}

/** Writes instances as files `0.dcm`, `1.dcm` ... into a folder, which is made; gives the folder back. */
export function writeFiles(folder: string, instances: readonly Uint8Array[]): string {
  mkdirSync(folder, { recursive: true });
  instances.forEach((bytes, index) => writeFileSync(join(folder, `${index}.dcm`), bytes));
  return folder;
}
