import { UserError } from '@medsam2/models';
import { number, text, texts, items, type DicomDataset } from '../imaging/dicom/dataset.js';
import { count } from '../imaging/dicom/findings.js';
import { parsePart10, type ParsedInstance } from '../imaging/dicom/parse.js';
import type { Finding } from '../imaging/volume.js';
import { tooLarge, unreadable, unsupported } from './reading/errors.js';
import { readFrameGroups, type FrameGroups } from './reading/frame-groups.js';
import { bitMask, labelMask, thresholdMask, valuesIn } from './reading/masks.js';
import { readSegments } from './reading/segments.js';
import { openStoredFrames, type FrameFormat, type StoredFrames } from './reading/stored-frames.js';
import type { SegContents, SegContentsFrame, SegContentsSegment } from './types.js';

export interface ReadSegOptions {
  /** limit of the object, of its dataset when deflated, and of its pixel data when compressed; default 512 MiB */
  readonly maxBytes?: number;
  /** limit of frames (label maps: frames times the segments on them); default 200,000 */
  readonly maxFrames?: number;
}

const DEFAULT_MAX_BYTES = 2 ** 29;
const DEFAULT_MAX_FRAMES = 200_000;
/** Pixels of one frame: four times the largest projection images. */
const MAX_FRAME_PIXELS = 2 ** 26;

const SEGMENTATION = '1.2.840.10008.5.1.4.1.1.66.4';
const LABEL_MAP_SEGMENTATION = '1.2.840.10008.5.1.4.1.1.66.7';

type SegmentationType = SegContents['segmentationType'];

/**
 * Reads a DICOM segmentation (PS3.3 A.51): BINARY, FRACTIONAL (thresholded at half, with a finding) or LABELMAP, in any
 * encoding that images are read in, and in deflated frames. Masks are made from the bytes when they are asked for, so
 * `bytes` stays in use as long as the result.
 *
 * @param bytes a whole PS3.10 object
 * @throws UserError `dicom-unreadable`, `not-a-segmentation`, `segmentation-unreadable`, `segmentation-unsupported`,
 *   `segmentation-too-large`; of compressed frames also `truncated-pixel-data`, `frames-not-separable`,
 *   `pixel-data-undecodable`
 */
export async function readSeg(bytes: Uint8Array, options: ReadSegOptions = {}): Promise<SegContents> {
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  if (bytes.length > maxBytes) throw tooLarge(`it has ${bytes.length} bytes, the limit is ${maxBytes}`);
  const instance = parse(bytes, maxBytes);
  const { dataset } = instance;
  const sopClassUid = text(dataset, '00080016') ?? '';
  if (sopClassUid !== SEGMENTATION && sopClassUid !== LABEL_MAP_SEGMENTATION) {
    throw new UserError(
      'not-a-segmentation',
      `The object is no segmentation (SOP class ${sopClassUid.slice(0, 64) || 'not stated'}).`,
      'Choose a DICOM segmentation (SEG).',
    );
  }
  if (!instance.complete || !instance.pixelData) throw unreadable('it is cut off before its pixel data');
  const type = segmentationType(dataset, sopClassUid);
  const groups = readFrameGroups(dataset);
  const format = frameFormat(dataset, type, groups.length);
  if (format.frames > (options.maxFrames ?? DEFAULT_MAX_FRAMES)) throw tooLarge(count(format.frames, 'frame'));
  const stored = await openStoredFrames(instance, instance.pixelData, format, maxBytes);
  const segments = readSegments(dataset, type === 'LABELMAP');
  const findings: Finding[] = [];
  if (stored.bits === 1 && !instance.pixelData.encapsulated && stored.stride !== format.rows * format.columns) {
    findings.push(
      finding('frames-padded', 'info', 'Frames begin on whole bytes, against the standard; they were read that way.'),
    );
  }
  const frames = readFrames(dataset, type, stored, format, groups, segments, findings, options);
  return {
    ...identity(dataset, sopClassUid),
    segmentationType: type,
    referencedSeries: items(dataset, '00081115').flatMap((series) => text(series, '0020000E') ?? []),
    rows: format.rows,
    columns: format.columns,
    segments,
    frames,
    findings,
  };
}

/** The parser was not written for hostile input: whatever it throws means that the object is damaged. */
function parse(bytes: Uint8Array, maxBytes: number): ParsedInstance {
  try {
    return parsePart10(bytes, maxBytes);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw unreadable('its header is damaged', error);
  }
}

function identity(
  dataset: DicomDataset,
  sopClassUid: string,
): Pick<
  SegContents,
  'sopClassUid' | 'sopInstanceUid' | 'seriesInstanceUid' | 'studyInstanceUid' | 'frameOfReferenceUid'
> {
  const [sopInstanceUid, seriesInstanceUid, studyInstanceUid] = ['00080018', '0020000E', '0020000D'].map((tag) =>
    text(dataset, tag),
  );
  if (!sopInstanceUid || !seriesInstanceUid || !studyInstanceUid) {
    throw unreadable('it states no study, series or instance identifier');
  }
  const frameOfReferenceUid = text(dataset, '00200052');
  return {
    sopClassUid,
    sopInstanceUid,
    seriesInstanceUid,
    studyInstanceUid,
    ...(frameOfReferenceUid ? { frameOfReferenceUid } : {}),
  };
}

function segmentationType(dataset: DicomDataset, sopClassUid: string): SegmentationType {
  const type = text(dataset, '00620001') ?? (sopClassUid === LABEL_MAP_SEGMENTATION ? 'LABELMAP' : '');
  if (type === 'BINARY' || type === 'FRACTIONAL' || type === 'LABELMAP') return type;
  throw unreadable('its SegmentationType is none of BINARY, FRACTIONAL and LABELMAP');
}

/** Size and storage, checked against each other before anything is allocated. */
function frameFormat(dataset: DicomDataset, type: SegmentationType, groups: number): FrameFormat {
  const [rows, columns, samples] = ['00280010', '00280011', '00280002'].map((tag) => number(dataset, tag) ?? 0);
  const bitsAllocated = number(dataset, '00280100') ?? 0;
  const frames = number(dataset, '00280008') ?? 1;
  if (!isCount(rows) || !isCount(columns) || !isCount(frames)) throw unreadable('it states no usable size');
  if (rows * columns > MAX_FRAME_PIXELS) throw tooLarge(`frames of ${columns}x${rows} pixels`);
  if (texts(dataset, '00209311')[0] === 'TILED_FULL') throw unsupported('it is made of tiles of a slide');
  if (groups !== frames) throw unreadable(`it describes ${groups} of ${count(frames, 'frame')}`);
  const allowed = type === 'BINARY' ? [1] : type === 'FRACTIONAL' ? [8] : [8, 16];
  if (samples > 1 || !allowed.includes(bitsAllocated)) {
    throw unreadable(`a ${type} segmentation has no ${count(samples, 'sample')} of ${count(bitsAllocated, 'bit')}`);
  }
  return { rows, columns, frames, bitsAllocated: bitsAllocated as FrameFormat['bitsAllocated'] };
}

const isCount = (value: number): boolean => Number.isInteger(value) && value > 0;

function readFrames(
  dataset: DicomDataset,
  type: SegmentationType,
  stored: StoredFrames,
  format: FrameFormat,
  groups: readonly FrameGroups[],
  segments: readonly SegContentsSegment[],
  findings: Finding[],
  options: ReadSegOptions,
): SegContentsFrame[] {
  if (type === 'LABELMAP' && stored.bits !== 1)
    return labelFrames(dataset, stored, groups, segments, findings, options);
  const known = new Set(segments.map((segment) => segment.number));
  const maximum = number(dataset, '0062000E') ?? 0;
  if (type === 'FRACTIONAL') {
    if (maximum < 1) throw unreadable('it is FRACTIONAL and states no maximum');
    const message = 'Fractions were turned into yes or no at half of their maximum; the fractions themselves are lost.';
    findings.push(finding('fractional-thresholded', 'warn', message));
  }
  return groups.map((group, frame) => {
    // with a single segment there is nothing to mistake
    const segment = group.segment ?? (segments.length === 1 ? segments[0].number : undefined);
    if (segment === undefined || !known.has(segment)) throw unreadable(`frame ${frame + 1} names no segment of it`);
    const mask =
      stored.bits === 1
        ? bitMask(stored, frame, format.rows * format.columns)
        : thresholdMask(() => stored.samples(frame), maximum);
    return { ...placeOf(group), segment, ...mask };
  });
}

/** Each stored frame of a label map as one frame for every segment on it. */
function labelFrames(
  dataset: DicomDataset,
  stored: Exclude<StoredFrames, { bits: 1 }>,
  groups: readonly FrameGroups[],
  segments: readonly SegContentsSegment[],
  findings: Finding[],
  { maxFrames = DEFAULT_MAX_FRAMES }: ReadSegOptions,
): SegContentsFrame[] {
  const known = new Set(segments.map((segment) => segment.number));
  // what is not listed and no background; items of SegmentSequence left out by `readSegments` are background too
  const background = new Set([
    0,
    number(dataset, '00280120') ?? 0,
    ...items(dataset, '00620002').flatMap((entry) => number(entry, '00620004') ?? []),
  ]);
  const strangers = new Set<number>();
  const frames: SegContentsFrame[] = [];
  groups.forEach((group, frame) => {
    for (const label of valuesIn(stored.samples(frame))) {
      if (known.has(label))
        frames.push({ ...placeOf(group), segment: label, ...labelMask(() => stored.samples(frame), label) });
      else if (!background.has(label)) strangers.add(label);
    }
    if (frames.length > maxFrames) throw tooLarge(`more than ${maxFrames} masks`);
  });
  if (strangers.size > 0) {
    const message = `${count(strangers.size, 'label')} without a description in the segmentation; their pixels were left out.`;
    findings.push(finding('label-without-segment', 'warn', message));
  }
  return frames;
}

/** Without the segment, which a label map does not have from its groups. */
function placeOf({ position, orientation, pixelSpacing, source }: FrameGroups): Omit<FrameGroups, 'segment'> {
  return {
    ...(position ? { position } : {}),
    ...(orientation ? { orientation } : {}),
    ...(pixelSpacing ? { pixelSpacing } : {}),
    ...(source ? { source } : {}),
  };
}

const finding = (code: string, severity: Finding['severity'], message: string): Finding => ({
  code,
  severity,
  message,
});
