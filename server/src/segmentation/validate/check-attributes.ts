import type { DicomDataset } from '../../imaging/dicom/index.js';
import { items, texts } from '../../imaging/dicom/dataset.js';
import { keywords, tagOf, vrOf, type Keyword } from '../attributes.js';
import { COPIED_TAGS } from '../patient-study.js';
import { isValidValue } from '../source-values.js';
import { has, numberOf, textOf, textsOf, type Report } from './report.js';

/** Type 1 (present with a value) and type 2 (present) of the modules of the Segmentation IOD (PS3.3 table A.51-1). */
const TYPE_1: readonly Keyword[] = [
  ...(['SpecificCharacterSet', 'SOPClassUID', 'SOPInstanceUID', 'StudyInstanceUID', 'SeriesInstanceUID'] as const),
  ...(['Modality', 'SeriesNumber', 'Manufacturer', 'ManufacturerModelName', 'DeviceSerialNumber'] as const),
  ...(['SoftwareVersions', 'InstanceNumber', 'ContentDate', 'ContentTime', 'ContentLabel', 'ImageType'] as const),
  ...(['SegmentationType', 'SegmentSequence', 'LossyImageCompression', 'SamplesPerPixel'] as const),
  ...(['PhotometricInterpretation', 'NumberOfFrames', 'Rows', 'Columns', 'BitsAllocated', 'BitsStored'] as const),
  ...(['HighBit', 'PixelRepresentation', 'SharedFunctionalGroupsSequence', 'PixelData'] as const),
  ...(['PerFrameFunctionalGroupsSequence', 'DimensionOrganizationSequence', 'DimensionIndexSequence'] as const),
  ...(['ReferencedSeriesSequence', 'SegmentsOverlap', 'ContributingEquipmentSequence'] as const),
];
const TYPE_2: readonly Keyword[] = [
  ...(['PatientName', 'PatientID', 'PatientBirthDate', 'PatientSex', 'StudyDate', 'StudyTime'] as const),
  ...(['AccessionNumber', 'StudyID', 'ReferringPhysicianName', 'ContentDescription', 'ContentCreatorName'] as const),
];

const BINARY_CLASS = '1.2.840.10008.5.1.4.1.1.66.4';
const LABEL_MAP_CLASS = '1.2.840.10008.5.1.4.1.1.66.7';

/** Presence, and values that the standard fixes (PS3.3 sections C.8.20.1, C.8.20.2). */
export function checkAttributes(dataset: DicomDataset, report: Report): void {
  for (const keyword of TYPE_1) {
    const value = dataset[tagOf(keyword)]?.Value;
    const isEmpty = !Array.isArray(value) || value.length === 0 || value[0] === '';
    if (isEmpty) report.error('attribute-missing', `${keyword} is missing or empty.`);
  }
  for (const keyword of TYPE_2) {
    if (!has(dataset, keyword)) report.error('attribute-missing', `${keyword} is missing.`);
  }
  if (has(dataset, 'FrameOfReferenceUID') && !has(dataset, 'PositionReferenceIndicator')) {
    report.error('attribute-missing', 'PositionReferenceIndicator is missing.');
  }
  checkFixedValues(dataset, report);
}

export const isLabelMap = (dataset: DicomDataset): boolean => textOf(dataset, 'SegmentationType') === 'LABELMAP';

function checkFixedValues(dataset: DicomDataset, report: Report): void {
  const expect = (keyword: Keyword, actual: string, ...allowed: string[]): void => {
    if (!allowed.includes(actual)) report.error('attribute-value', `${keyword} is not ${allowed.join(' or ')}.`);
  };
  const labels = isLabelMap(dataset);
  const bits = labels ? numberOf(dataset, 'BitsAllocated') : 1;
  expect('SegmentationType', textOf(dataset, 'SegmentationType'), 'BINARY', 'LABELMAP');
  expect('SOPClassUID', textOf(dataset, 'SOPClassUID'), labels ? LABEL_MAP_CLASS : BINARY_CLASS);
  expect('Modality', textOf(dataset, 'Modality'), 'SEG');
  expect('ImageType', textsOf(dataset, 'ImageType').join('\\'), 'DERIVED\\PRIMARY');
  expect('SpecificCharacterSet', textOf(dataset, 'SpecificCharacterSet'), 'ISO_IR 192');
  expect('PhotometricInterpretation', textOf(dataset, 'PhotometricInterpretation'), 'MONOCHROME2');
  expect('LossyImageCompression', textOf(dataset, 'LossyImageCompression'), '00', '01');
  expect('SegmentsOverlap', textOf(dataset, 'SegmentsOverlap'), ...(labels ? ['NO'] : ['YES', 'NO']));
  const expectNumber = (keyword: Keyword, ...allowed: number[]): void =>
    expect(keyword, String(numberOf(dataset, keyword)), ...allowed.map(String));
  expectNumber('SamplesPerPixel', 1);
  expectNumber('PixelRepresentation', 0);
  expectNumber('BitsAllocated', ...(labels ? [8, 16] : [1]));
  expectNumber('BitsStored', bits ?? 1);
  expectNumber('HighBit', (bits ?? 1) - 1);
  for (const keyword of ['Rows', 'Columns'] as const) {
    if (!((numberOf(dataset, keyword) ?? 0) > 0)) report.error('attribute-value', `${keyword} is not positive.`);
  }
}

const KNOWN = new Map<string, Keyword>(keywords.map((keyword) => [tagOf(keyword), keyword]));
const COPIED: ReadonlySet<string> = new Set(COPIED_TAGS);

/**
 * Representations and values of every attribute that is ours, at every level. What is copied from the source stays as
 * it is, and so do identifiers that the source has itself (`foreign`).
 */
export function checkValues(dataset: DicomDataset, foreign: ReadonlySet<string>, report: Report): void {
  for (const [tag, element] of Object.entries(dataset)) {
    const keyword = KNOWN.get(tag);
    if (COPIED.has(tag) || !element) continue;
    if (!keyword) {
      report.warning(
        'attribute-unknown',
        `(${tag.slice(0, 4)},${tag.slice(4)}) is none of the attributes of a segmentation.`,
      );
      continue;
    }
    const vr = element.vr ?? '';
    // Pixel Data of more than 8 bits is OW
    if (vr !== vrOf(keyword) && !(keyword === 'PixelData' && vr === 'OW')) {
      report.error('attribute-vr', `${keyword} is written as ${vr} instead of ${vrOf(keyword)}.`);
    }
    if (vr === 'SQ') {
      for (const item of items(dataset, tag)) checkValues(item, foreign, report);
    } else if (!texts(dataset, tag).every((value) => isValidValue(vr, value) || foreign.has(value))) {
      report.error('attribute-value', `${keyword} is no valid ${vr}.`);
    }
  }
}
