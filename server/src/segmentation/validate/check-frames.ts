import type { DicomDataset } from '../../imaging/dicom/index.js';
import { cross, dot, norm, normalise, type Vector3 } from '../../imaging/geometry.js';
import type { Keyword } from '../attributes.js';
import { standardCodes } from '../codes.js';
import { isLabelMap } from './check-attributes.js';
import { has, itemOf, itemsOf, numberOf, numbersOf, textOf, textsOf, type Report } from './report.js';

/** One frame as its functional groups describe it. */
export interface FrameRecord {
  /** 1-based */
  readonly number: number;
  /** absent in label maps */
  readonly segment?: number;
  /** what tells slices apart: the position, or the source image where frames are in order of time or number */
  readonly sliceKey: string;
  /** temporal or in-stack position, where it is a dimension */
  readonly ordinal?: number;
  readonly position?: readonly string[];
  readonly orientation?: readonly string[];
  readonly pixelSpacing?: readonly string[];
  readonly source: { readonly sopClassUid: string; readonly sopInstanceUid: string; readonly frameNumber?: number };
}

const SPATIAL_GROUPS = ['PixelMeasuresSequence', 'PlaneOrientationSequence', 'PlanePositionSequence'] as const;

/** Functional groups and dimensions (PS3.3 sections C.7.6.16, C.7.6.17, A.51.5). */
export function checkFrames(dataset: DicomDataset, report: Report): FrameRecord[] {
  const shared = itemsOf(dataset, 'SharedFunctionalGroupsSequence');
  if (shared.length !== 1) report.error('groups-shared', 'The shared functional groups are not exactly one item.');
  const perFrame = itemsOf(dataset, 'PerFrameFunctionalGroupsSequence');
  const stated = numberOf(dataset, 'NumberOfFrames');
  if (stated !== perFrame.length) {
    report.error(
      'frame-count',
      `Number of Frames is ${stated ?? 'missing'}, and ${perFrame.length} frames are described.`,
    );
  }
  checkGroupPlaces(dataset, shared[0] ?? {}, perFrame, report);
  const described = new Set(itemsOf(dataset, 'SegmentSequence').map((item) => numberOf(item, 'SegmentNumber')));
  const frames = perFrame.map((frame, index) =>
    readFrame(dataset, described, shared[0] ?? {}, frame, index + 1, report),
  );
  checkDimensions(dataset, perFrame, frames, report);
  checkSpacing(shared[0] ?? {}, frames, report);
  return frames;
}

/** A group is either shared or in every frame; which ones there must be depends on the frame of reference. */
function checkGroupPlaces(
  dataset: DicomDataset,
  shared: DicomDataset,
  perFrame: readonly DicomDataset[],
  report: Report,
): void {
  const inSpace = has(dataset, 'FrameOfReferenceUID');
  const groups: [Keyword, wanted: boolean][] = [
    ['FrameContentSequence', true],
    ['DerivationImageSequence', true],
    ['SegmentIdentificationSequence', !isLabelMap(dataset)],
    ...SPATIAL_GROUPS.map((group): [Keyword, boolean] => [group, inSpace]),
  ];
  for (const [group, wanted] of groups) {
    const inFrames = perFrame.filter((frame) => itemsOf(frame, group).length === 1).length;
    const isShared = itemsOf(shared, group).length === 1;
    if (isShared && inFrames > 0) report.error('group-twice', `${group} is both shared and in frames.`);
    else if (wanted && !isShared && inFrames < perFrame.length) {
      report.error('group-missing', `${group} is missing in ${perFrame.length - inFrames} frames.`);
    } else if (!wanted && (isShared || inFrames > 0)) {
      report.error('group-unexpected', `${group} must not be there: without a frame of reference it means nothing.`);
    }
  }
}

function readFrame(
  dataset: DicomDataset,
  described: ReadonlySet<number | undefined>,
  shared: DicomDataset,
  own: DicomDataset,
  number: number,
  report: Report,
): FrameRecord {
  const group = (keyword: Keyword): DicomDataset => itemOf(own, keyword) ?? itemOf(shared, keyword) ?? {};
  const segment = numberOf(group('SegmentIdentificationSequence'), 'ReferencedSegmentNumber');
  if (!isLabelMap(dataset) && !described.has(segment)) {
    report.error('frame-segment', `Frame ${number} belongs to segment ${segment ?? 'none'}, which is not described.`);
  }
  const position = textsOf(group('PlanePositionSequence'), 'ImagePositionPatient');
  const orientation = textsOf(group('PlaneOrientationSequence'), 'ImageOrientationPatient');
  const pixelSpacing = textsOf(group('PixelMeasuresSequence'), 'PixelSpacing');
  const inSpace = has(dataset, 'FrameOfReferenceUID');
  if (inSpace) checkPlane(position, orientation, pixelSpacing, number, report);
  const content = group('FrameContentSequence');
  const ordinal = numberOf(content, 'TemporalPositionIndex') ?? numberOf(content, 'InStackPositionNumber');
  const source = checkDerivation(group('DerivationImageSequence'), number, report);
  const isPlaced = inSpace && ordinal === undefined;
  return {
    number,
    ...(segment === undefined ? {} : { segment }),
    sliceKey: isPlaced ? position.map(Number).join(' ') : `${source.sopInstanceUid} ${source.frameNumber ?? ''}`,
    ...(ordinal === undefined ? {} : { ordinal }),
    ...(inSpace ? { position, orientation, pixelSpacing } : {}),
    source,
  };
}

function checkPlane(
  position: readonly string[],
  orientation: readonly string[],
  pixelSpacing: readonly string[],
  number: number,
  report: Report,
): void {
  const isComplete = position.length === 3 && orientation.length === 6 && pixelSpacing.length === 2;
  const [row, column] = [vector(orientation.slice(0, 3)), vector(orientation.slice(3))];
  // 1e-3: cosines are often stored with four digits
  const isOrthogonal =
    Math.abs(norm(row) - 1) < 1e-2 && Math.abs(norm(column) - 1) < 1e-2 && Math.abs(dot(row, column)) < 1e-3;
  if (!isComplete || !isOrthogonal || !pixelSpacing.every((value) => Number(value) > 0)) {
    report.error('frame-plane', `Frame ${number} has no usable position, orientation or pixel spacing.`);
  }
}

const vector = (values: readonly string[]): Vector3 => values.map(Number) as unknown as Vector3;

/** Derivation Image: its codes are prescribed (A.51.5.1). */
function checkDerivation(derivation: DicomDataset, number: number, report: Report): FrameRecord['source'] {
  const images = itemsOf(derivation, 'SourceImageSequence');
  const image = images[0] ?? {};
  const purpose = itemOf(image, 'PurposeOfReferenceCodeSequence') ?? {};
  const code = itemOf(derivation, 'DerivationCodeSequence') ?? {};
  const isCoded =
    textOf(purpose, 'CodeValue') === standardCodes.sourceImage.value &&
    textOf(code, 'CodeValue') === standardCodes.segmentation.value &&
    textOf(code, 'CodingSchemeDesignator') === 'DCM' &&
    textOf(purpose, 'CodingSchemeDesignator') === 'DCM';
  if (!isCoded)
    report.error('frame-derivation', `Frame ${number} does not say by the prescribed codes how it was derived.`);
  const source = {
    sopClassUid: textOf(image, 'ReferencedSOPClassUID'),
    sopInstanceUid: textOf(image, 'ReferencedSOPInstanceUID'),
    frameNumber: numberOf(image, 'ReferencedFrameNumber'),
  };
  if (images.length !== 1 || source.sopClassUid === '' || source.sopInstanceUid === '') {
    report.error('frame-source', `Frame ${number} does not name exactly one source image.`);
  }
  return source;
}

/** Indices start at 1 without gaps, one slice has one index over all segments, and frames come in their order. */
function checkDimensions(
  dataset: DicomDataset,
  perFrame: readonly DicomDataset[],
  frames: readonly FrameRecord[],
  report: Report,
): void {
  const organization = textOf(itemOf(dataset, 'DimensionOrganizationSequence') ?? {}, 'DimensionOrganizationUID');
  const dimensions = itemsOf(dataset, 'DimensionIndexSequence');
  const expected = isLabelMap(dataset) ? 1 : 2;
  const isOrganized = dimensions.every(
    (dimension) =>
      textOf(dimension, 'DimensionOrganizationUID') === organization &&
      textOf(dimension, 'DimensionIndexPointer') !== '' &&
      textOf(dimension, 'FunctionalGroupPointer') !== '',
  );
  if (organization === '' || dimensions.length !== expected || !isOrganized) {
    report.error('dimensions', 'The dimensions are not organized as (segment, slice).');
  }
  const indices = perFrame.map((frame) =>
    numbersOf(itemOf(frame, 'FrameContentSequence') ?? {}, 'DimensionIndexValues'),
  );
  const wrong = indices.findIndex((values) => values.length !== dimensions.length);
  if (wrong >= 0) {
    report.error('dimension-index', `Frame ${wrong + 1} has not one index per dimension.`);
    return;
  }
  checkIndexValues(indices, frames, report);
}

function checkIndexValues(indices: readonly number[][], frames: readonly FrameRecord[], report: Report): void {
  const slices = new Map<number, string>();
  const keys = new Map<string, number>();
  indices.forEach((values, index) => {
    const slice = values[values.length - 1];
    const { sliceKey, segment, number, ordinal } = frames[index];
    if ((slices.get(slice) ?? sliceKey) !== sliceKey || (keys.get(sliceKey) ?? slice) !== slice) {
      report.error('dimension-index', `Frame ${number} gives a slice another index than other frames do.`);
    }
    slices.set(slice, sliceKey);
    keys.set(sliceKey, slice);
    if (ordinal !== undefined && ordinal !== slice) {
      report.error('dimension-index', `Frame ${number} has another index than its place in the order.`);
    }
    if (segment !== undefined && values[0] !== segment) {
      report.error('dimension-index', `Frame ${number} has another index than its segment number.`);
    }
    if (index > 0 && compare(indices[index - 1], values) >= 0) {
      report.error('frame-order', `Frame ${number} does not come in the order of the dimensions.`);
    }
  });
  const highest = Math.max(0, ...slices.keys());
  if (slices.size !== highest || slices.has(0)) {
    report.error('dimension-index', 'The indices of the slices do not run from 1 without gaps.');
  }
}

const compare = (a: readonly number[], b: readonly number[]): number =>
  a.map((value, index) => value - b[index]).find((difference) => difference !== 0) ?? 0;

/** Spacing Between Slices must hold for all frames: their distances are multiples of it. */
function checkSpacing(shared: DicomDataset, frames: readonly FrameRecord[], report: Report): void {
  const spacing = numberOf(itemOf(shared, 'PixelMeasuresSequence') ?? {}, 'SpacingBetweenSlices');
  const [first] = frames;
  if (spacing === undefined || !first?.position || !first.orientation) return;
  const normal = normalise(cross(vector(first.orientation.slice(0, 3)), vector(first.orientation.slice(3))));
  if (!normal) return;
  const start = dot(vector(first.position), normal);
  const odd = frames.find((frame) => {
    const steps = (dot(vector(frame.position ?? []), normal) - start) / spacing;
    return !(Math.abs(steps - Math.round(steps)) <= 0.01);
  });
  if (odd) report.error('slice-spacing', `Frame ${odd.number} does not lie on the stated Spacing Between Slices.`);
}
