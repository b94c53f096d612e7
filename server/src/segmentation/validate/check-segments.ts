import type { DicomDataset } from '../../imaging/dicom/index.js';
import { items } from '../../imaging/dicom/dataset.js';
import { tagOf, type Keyword } from '../attributes.js';
import { isSnomedId, standardCodes } from '../codes.js';
import { isLabelMap } from './check-attributes.js';
import { has, itemOf, itemsOf, numberOf, numbersOf, textOf, type Report } from './report.js';

/** Segment Sequence (PS3.3 section C.8.20.4). */
export function checkSegments(dataset: DicomDataset, report: Report): void {
  const segments = itemsOf(dataset, 'SegmentSequence');
  const first = isLabelMap(dataset) ? 0 : 1;
  segments.forEach((segment, index) => {
    if (numberOf(segment, 'SegmentNumber') !== index + first) {
      report.error('segment-number', `Segment Numbers do not run from ${first} without gaps (item ${index + 1}).`);
    }
    checkSegment(segment, `Segment ${index + first}`, report);
    const isBackground = isLabelMap(dataset) && index === 0;
    const type = itemOf(segment, 'SegmentedPropertyTypeCodeSequence') ?? {};
    if (isBackground !== (textOf(type, 'CodeValue') === standardCodes.background.value)) {
      report.error(
        'background',
        `Segment ${index + first} is mistaken for the background, or the background for a segment.`,
      );
    }
  });
  for (const equipment of itemsOf(dataset, 'ContributingEquipmentSequence')) {
    const isNamed = textOf(equipment, 'Manufacturer') !== '';
    if (!isNamed || itemsOf(equipment, 'PurposeOfReferenceCodeSequence').length !== 1) {
      report.error('equipment', 'A contributing equipment lacks its manufacturer or its purpose.');
    }
  }
}

const ALGORITHM_TYPES: readonly string[] = ['AUTOMATIC', 'SEMIAUTOMATIC', 'MANUAL'];

function checkSegment(segment: DicomDataset, name: string, report: Report): void {
  if (textOf(segment, 'SegmentLabel') === '') report.error('segment-label', `${name} has no label.`);
  for (const keyword of ['SegmentedPropertyCategoryCodeSequence', 'SegmentedPropertyTypeCodeSequence'] as const) {
    if (itemsOf(segment, keyword).length !== 1)
      report.error('segment-terms', `${name} has not exactly one ${keyword}.`);
  }
  const colour = numbersOf(segment, 'RecommendedDisplayCIELabValue');
  if (has(segment, 'RecommendedDisplayCIELabValue') && colour.length !== 3) {
    report.error('segment-colour', `${name} has a colour of ${colour.length} numbers instead of 3.`);
  }
  if ((textOf(segment, 'TrackingID') === '') !== (textOf(segment, 'TrackingUID') === '')) {
    report.error('segment-tracking', `${name} has only one of Tracking ID and Tracking UID.`);
  }
  checkAlgorithm(segment, name, report);
}

function checkAlgorithm(segment: DicomDataset, name: string, report: Report): void {
  const type = textOf(segment, 'SegmentAlgorithmType');
  if (!ALGORITHM_TYPES.includes(type)) report.error('segment-algorithm', `${name} has no known algorithm type.`);
  if (type !== 'MANUAL' && textOf(segment, 'SegmentAlgorithmName') === '') {
    report.error('segment-algorithm', `${name} is not manual and names no algorithm.`);
  }
  for (const algorithm of itemsOf(segment, 'SegmentationAlgorithmIdentificationSequence')) {
    const isComplete =
      itemsOf(algorithm, 'AlgorithmFamilyCodeSequence').length === 1 &&
      textOf(algorithm, 'AlgorithmName') !== '' &&
      textOf(algorithm, 'AlgorithmVersion') !== '';
    if (!isComplete) report.error('segment-algorithm', `${name} has an algorithm without family, name or version.`);
  }
}

const CODE_SEQUENCES: readonly Keyword[] = [
  'SegmentedPropertyCategoryCodeSequence',
  'SegmentedPropertyTypeCodeSequence',
  'SegmentedPropertyTypeModifierCodeSequence',
  'AnatomicRegionSequence',
  'AnatomicRegionModifierSequence',
  'AlgorithmFamilyCodeSequence',
  'PurposeOfReferenceCodeSequence',
  'DerivationCodeSequence',
];
const CODE_TAGS: ReadonlySet<string> = new Set(CODE_SEQUENCES.map(tagOf));

/** Every coded term of ours, at every level (PS3.3 section 8.1 to 8.3). */
export function checkCodes(dataset: DicomDataset, report: Report): void {
  for (const [tag, element] of Object.entries(dataset)) {
    if (element?.vr !== 'SQ') continue;
    for (const item of items(dataset, tag)) {
      if (CODE_TAGS.has(tag)) checkCode(item, report);
      // the frames hold the same two codes thousands of times; their values are checked with the frames
      if (tag !== tagOf('PerFrameFunctionalGroupsSequence')) checkCodes(item, report);
    }
  }
}

function checkCode(code: DicomDataset, report: Report): void {
  const value = textOf(code, 'CodeValue');
  const long = textOf(code, 'LongCodeValue');
  const scheme = textOf(code, 'CodingSchemeDesignator');
  const meaning = textOf(code, 'CodeMeaning');
  const shown = `${value || long} (${scheme}, "${meaning}")`;
  if ((value === '') === (long === '') || scheme === '' || meaning === '') {
    report.error('code-incomplete', `The code ${shown} lacks its value, scheme or meaning.`);
  } else if (scheme === 'SRT' || scheme === 'SNM3' || scheme === '99SDM') {
    report.warning('code-retired', `The code ${shown} is of a retired scheme; SCT has replaced it.`);
  } else if (scheme === 'SCT' && !isSnomedId(value || long)) {
    report.error('code-check-digit', `The code ${shown} is no SNOMED CT identifier: its check digit is wrong.`);
  }
}
