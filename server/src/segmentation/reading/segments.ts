import type { Code, SegmentTerms } from '@medsam2/protocol';
import { item, items, number, numbers, text, type DicomDataset } from '../../imaging/dicom/dataset.js';
import { decodeCieLab } from '../colour.js';
import { currentCode } from '../terms/retired-codes.js';
import type { SegContentsSegment } from '../types.js';
import { unreadable } from './errors.js';

const LABEL_LENGTH = 64;
/** "Background" of PS3.16 CID 7165: what a label map calls everything that is nothing. */
const BACKGROUND = '125040';

/**
 * Segments as SegmentSequence describes them (PS3.3 section C.8.20.2), without the background of a label map.
 *
 * @throws UserError `segmentation-unreadable` when a number is missing or occurs twice
 */
export function readSegments(dataset: DicomDataset, isLabelMap: boolean): SegContentsSegment[] {
  const segments = items(dataset, '00620002').map((entry) => readSegment(entry, isLabelMap));
  if (new Set(segments.map((segment) => segment.number)).size !== segments.length) {
    throw unreadable('two of its segments have the same number');
  }
  return segments.filter(({ number, terms }) => !(isLabelMap && (number === 0 || terms?.type.value === BACKGROUND)));
}

function readSegment(entry: DicomDataset, isLabelMap: boolean): SegContentsSegment {
  const segmentNumber = number(entry, '00620004');
  if (segmentNumber === undefined || !Number.isInteger(segmentNumber) || segmentNumber < (isLabelMap ? 0 : 1)) {
    throw unreadable('a segment has no usable number');
  }
  const terms = readTerms(entry);
  const lab = numbers(entry, '0062000D');
  const label = text(entry, '00620005')?.slice(0, LABEL_LENGTH).trim();
  return {
    number: segmentNumber,
    label: label || terms?.type.meaning || `Segment ${segmentNumber}`,
    ...present({
      description: text(entry, '00620006'),
      terms,
      colour: lab?.length === 3 ? decodeCieLab(lab as [number, number, number]) : undefined,
      trackingId: text(entry, '00620020'),
      trackingUid: text(entry, '00620021'),
      algorithmType: text(entry, '00620008'),
      algorithm: readAlgorithm(entry),
    }),
  };
}

/** Category and type, with modifier and region where they are stated; `undefined` unless both codes are usable. */
function readTerms(entry: DicomDataset): SegmentTerms | undefined {
  const category = readCode(item(entry, '00620003'));
  const typeItem = item(entry, '0062000F');
  const type = readCode(typeItem);
  if (!category || !type) return undefined;
  const regionItem = item(entry, '00082218');
  return {
    category,
    type,
    ...present({
      typeModifier: readCode(item(typeItem ?? {}, '00620011')),
      region: readCode(regionItem),
      regionModifier: readCode(item(regionItem ?? {}, '00082220')),
    }),
  };
}

/** A coded entry (PS3.3 section 8.8); codes that do not fit the protocol's limits are none. */
function readCode(entry: DicomDataset | undefined): Code | undefined {
  if (!entry) return undefined;
  const value = text(entry, '00080100') ?? text(entry, '00080119') ?? text(entry, '00080120');
  const scheme = text(entry, '00080102');
  if (!value || !scheme || value.length > 64 || scheme.length > 16) return undefined;
  return currentCode({ scheme, value, meaning: (text(entry, '00080104') ?? value).slice(0, 64) });
}

function readAlgorithm(entry: DicomDataset): SegContentsSegment['algorithm'] {
  const identification = item(entry, '00620007');
  const name = (identification && text(identification, '00660036')) ?? text(entry, '00620009');
  if (!name) return undefined;
  return {
    name,
    ...present({
      version: identification && text(identification, '00660031'),
      family: readCode(identification && item(identification, '0066002F')),
    }),
  };
}

/** The members that have a value. */
function present<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
