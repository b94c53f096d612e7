/** Generated scenes as DICOM files that pass for images of a scanner, and name themselves phantoms everywhere. */
import { writeInstance } from '@medsam2/server/testing';
import type { Grid, Scene, Triple } from './scene.js';

type Elements = Record<string, { vr: string; Value: unknown[] }>;

/** what the files of a study have in common */
export interface Identity {
  readonly patientName: string;
  readonly patientId: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly frameOfReferenceUid: string;
  readonly studyDescription: string;
  readonly seriesDescription: string;
}

export const CT_IMAGE = '1.2.840.10008.5.1.4.1.1.2';
export const MR_IMAGE = '1.2.840.10008.5.1.4.1.1.4';
export const US_MULTIFRAME_IMAGE = '1.2.840.10008.5.1.4.1.1.3.1';

const element = (vr: string, ...Value: unknown[]): { vr: string; Value: unknown[] } => ({ vr, Value });
const decimal = (value: number): string => String(Number(value.toFixed(6)));

const text = {
  date: '20260101',
  time: '120000',
  maker: 'MedSAM2 for OHIF',
  model: 'Phantom generator',
};

type Modality = 'CT' | 'MR' | 'US';
const imageFlavour: Readonly<Record<Modality, readonly string[]>> = { CT: ['AXIAL'], MR: ['OTHER'], US: [] };
const bodyParts: Readonly<Record<Modality, string>> = { CT: 'ABDOMEN', MR: 'HEAD', US: 'HEART' };

function common(identity: Identity, sopClass: string, sopInstance: string, modality: Modality): Elements {
  return {
    '00080005': element('CS', 'ISO_IR 192'),
    '00080008': element('CS', 'ORIGINAL', 'PRIMARY', ...imageFlavour[modality]),
    '00080016': element('UI', sopClass),
    '00080018': element('UI', sopInstance),
    '00080020': element('DA', text.date),
    '00080021': element('DA', text.date),
    '00080022': element('DA', text.date),
    '00080023': element('DA', text.date),
    '00080030': element('TM', text.time),
    '00080031': element('TM', text.time),
    '00080032': element('TM', text.time),
    '00080033': element('TM', text.time),
    '00080050': element('SH'),
    '00080060': element('CS', modality),
    '00080070': element('LO', text.maker),
    '00080090': element('PN'),
    '00081030': element('LO', identity.studyDescription),
    '0008103E': element('LO', identity.seriesDescription),
    '00081090': element('LO', text.model),
    '00100010': element('PN', identity.patientName),
    '00100020': element('LO', identity.patientId),
    '00100030': element('DA'),
    '00100040': element('CS', 'O'),
    '00180015': element('CS', bodyParts[modality]),
    '00181000': element('LO', '1'),
    '00181020': element('LO', '1'),
    '0020000D': element('UI', identity.studyUid),
    '0020000E': element('UI', identity.seriesUid),
    '00200010': element('SH', '1'),
    '00200011': element('IS', '1'),
    '00280002': element('US', 1),
    '00280004': element('CS', 'MONOCHROME2'),
  };
}

/** Single-frame CT or MR images, ascending; `origin` in LPS mm. */
export function writeStack(
  identity: Identity,
  modality: 'CT' | 'MR',
  grid: Grid,
  origin: Triple,
  { voxels }: Scene,
  sopInstances: readonly string[],
): Uint8Array[] {
  const area = grid.columns * grid.rows;
  return sopInstances.map((sopInstance, slice) => {
    const height = origin[2] + slice * grid.spacing[2];
    const pixels = Int16Array.from(voxels.subarray(slice * area, (slice + 1) * area));
    return writeInstance({
      ...common(identity, modality === 'CT' ? CT_IMAGE : MR_IMAGE, sopInstance, modality),
      ...(modality === 'CT' ? ctElements : mrElements),
      '00180050': element('DS', decimal(grid.spacing[2])),
      '00185100': element('CS', 'HFS'),
      '00200013': element('IS', String(slice + 1)),
      '00200032': element('DS', decimal(origin[0]), decimal(origin[1]), decimal(height)),
      '00200037': element('DS', '1', '0', '0', '0', '1', '0'),
      '00200052': element('UI', identity.frameOfReferenceUid),
      '00201040': element('LO'),
      '00201041': element('DS', decimal(height)),
      '00280010': element('US', grid.rows),
      '00280011': element('US', grid.columns),
      '00280030': element('DS', decimal(grid.spacing[1]), decimal(grid.spacing[0])),
      '00280100': element('US', 16),
      '00280101': element('US', 16),
      '00280102': element('US', 15),
      '00280103': element('US', 1),
      '7FE00010': element('OW', pixels.buffer),
    });
  });
}

const ctElements: Elements = {
  '00180060': element('DS', '120'),
  '00200012': element('IS', '1'),
  '00281050': element('DS', '50'),
  '00281051': element('DS', '400'),
  '00281052': element('DS', '0'),
  '00281053': element('DS', '1'),
  '00281054': element('LO', 'HU'),
};

const mrElements: Elements = {
  '00180020': element('CS', 'GR'),
  '00180021': element('CS', 'SP'),
  '00180022': element('CS'),
  '00180023': element('CS', '3D'),
  '00180080': element('DS', '8'),
  '00180081': element('DS', '3'),
  '00180091': element('IS', '1'),
  '00281050': element('DS', '420'),
  '00281051': element('DS', '900'),
};

/** One multi-frame ultrasound image, 8 bits; no position in space, as such images have none. */
export function writeClip(
  identity: Identity,
  grid: Grid,
  { voxels }: Scene,
  sopInstance: string,
  frameMilliseconds: number,
): Uint8Array {
  return writeInstance({
    ...common(identity, US_MULTIFRAME_IMAGE, sopInstance, 'US'),
    '00082124': element('IS', '1'),
    '0008212A': element('IS', '1'),
    '00180040': element('IS', String(Math.round(1000 / frameMilliseconds))),
    '00181063': element('DS', String(frameMilliseconds)),
    '00200013': element('IS', '1'),
    '00200020': element('CS'),
    '00280008': element('IS', String(grid.slices)),
    '00280009': element('AT', 0x00181063),
    '00280010': element('US', grid.rows),
    '00280011': element('US', grid.columns),
    '00280100': element('US', 8),
    '00280101': element('US', 8),
    '00280102': element('US', 7),
    '00280103': element('US', 0),
    '00282110': element('CS', '00'),
    '7FE00010': element('OB', Uint8Array.from(voxels).buffer),
  });
}
