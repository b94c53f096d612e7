import { UserError } from '@medsam2/models';
import type { DicomDataset } from '../imaging/dicom/index.js';
import { storedTexts, text } from '../imaging/dicom/dataset.js';
import { extentOf, packedBytes, packFrame } from './bits.js';
import { elements, type Elements } from './elements.js';
import { encodeFile, type PixelWriter } from './file.js';
import { planFrames, type FramePlan } from './frame-plan.js';
import { dimensionModule, functionalGroups, sliceDimension } from './functional-groups.js';
import { patientAndStudy } from './patient-study.js';
import { contentDescription, contributingEquipment, equipment, seriesDescription } from './provenance.js';
import { references } from './references.js';
import { backgroundItem, segmentItems } from './segments.js';
import { checkSource, sourceWarnings } from './source-checks.js';
import { attributesOf, spaceOf, type SourceSpace } from './source-planes.js';
import { fitText, personName, timestamp, type Timestamp } from './text-values.js';
import type { SegObject, SegRequest, SegSource } from './types.js';
import { newUid } from './uid.js';
import { validateSeg } from './validate.js';

export const SEGMENTATION_STORAGE = '1.2.840.10008.5.1.4.1.1.66.4';
export const LABEL_MAP_STORAGE = '1.2.840.10008.5.1.4.1.1.66.7';
/** The value length of Pixel Data is 32 bits; archives and viewers hold it whole in memory. */
const MAX_PIXEL_BYTES = 2 ** 31 - 2;
/** Problems named in the error when an object is refused. */
const NAMED_PROBLEMS = 3;

/**
 * A DICOM Segmentation (PS3.3 section A.51) of the masks, as a PS3.10 file in explicit VR little endian, checked.
 *
 * Masks are on the pixel grid of the source, slice by slice; nothing is resampled. `binary`: 1 bit per pixel, one frame
 * per segment and slice with pixels. `labelmap`: 8 or 16 bits, one frame per slice. Empty segments are left out with a
 * warning, and the others are numbered 1.. in their order.
 *
 * @throws UserError `nothing-to-save`, `segments-overlap` (label map), `seg-too-large`, `source-incomplete`,
 *   `missing-identifiers`, `source-mixed`; `seg-invalid` when the finished object is not as the standard wants it
 */
export function writeSeg(request: SegRequest): SegObject {
  const { source, provenance } = request;
  checkSource(source);
  const pixels = source.geometry.rows * source.geometry.columns;
  const plan = planFrames(request.segments, request.format, { pixels, slices: source.geometry.slices });
  if (request.format === 'labelmap' && plan.overlap) throw overlapping();
  const space = spaceOf(source);
  const first = attributesOf(source, plan.slices[0]);
  const copied = patientAndStudy(first);
  const identity = {
    sopClassUid: request.format === 'labelmap' ? LABEL_MAP_STORAGE : SEGMENTATION_STORAGE,
    sopInstanceUid: request.sopInstanceUid ?? newUid(),
  };
  const seriesInstanceUid = request.seriesInstanceUid ?? newUid();
  const when = timestamp(request.now, text(first, '00080201'));
  const dataset: Elements = {
    ...copied.elements,
    ...identification(request, identity, seriesInstanceUid, when),
    ...equipment(provenance),
    ...elements({ ContributingEquipmentSequence: contributingEquipment(provenance, when) }),
    ...place(space, first),
    ...image(request, plan),
    ...lossy(source, plan),
    ...elements({ SegmentSequence: segmentSequence(request, plan) }),
    ...dimensionModule(sliceDimension(source, space), request.format === 'labelmap', newUid()),
    ...functionalGroups(source, space, plan),
    ...references(source, request.replaces),
  };
  const bytes = encodeFile(identity, dataset, pixelWriter(request, plan, pixels));
  const warnings = [
    ...plan.empty.map((label) => `Segment "${fitText(label, 64)}" is empty and was left out.`),
    ...sourceWarnings(request, space),
    ...copied.warnings,
    ...checked(bytes, source),
  ];
  const studyInstanceUid = text(first, '0020000D') ?? '';
  return { bytes, ...identity, seriesInstanceUid, studyInstanceUid, warnings };
}

/** General Series, Segmentation Series, SOP Common, Content Identification. */
function identification(
  request: SegRequest,
  identity: { readonly sopClassUid: string; readonly sopInstanceUid: string },
  seriesInstanceUid: string,
  when: Timestamp,
): Elements {
  return elements({
    SpecificCharacterSet: 'ISO_IR 192',
    InstanceCreationDate: when.date,
    InstanceCreationTime: when.time,
    SOPClassUID: identity.sopClassUid,
    SOPInstanceUID: identity.sopInstanceUid,
    Modality: 'SEG',
    SeriesInstanceUID: seriesInstanceUid,
    SeriesNumber: String(request.seriesNumber),
    SeriesDate: when.date,
    SeriesTime: when.time,
    SeriesDescription: seriesDescription(request.description, request.provenance),
    InstanceNumber: String(request.instanceNumber),
    ContentDate: when.date,
    ContentTime: when.time,
    ContentLabel: 'SEGMENTATION',
    ContentDescription: contentDescription(request.provenance),
    ContentCreatorName: personName(request.provenance.creator),
  });
}

/**
 * Frame of Reference module. Where positions are not known it is left out (PS3.3 section A.51.5.1), and Patient
 * Orientation says what the images say of their sides (type 2C of General Image).
 */
function place(space: SourceSpace | undefined, source: DicomDataset): Elements {
  if (!space) return elements({ PatientOrientation: storedTexts(source, '00200020') });
  return elements({
    FrameOfReferenceUID: space.frameOfReferenceUid,
    PositionReferenceIndicator: space.positionReference,
  });
}

/** Image Pixel and Segmentation Image modules. */
function image(request: SegRequest, plan: FramePlan): Elements {
  const isLabelMap = request.format === 'labelmap';
  const bits = isLabelMap ? labelBits(plan) : 1;
  return elements({
    ImageType: ['DERIVED', 'PRIMARY'],
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    NumberOfFrames: String(plan.frames.length),
    Rows: request.source.geometry.rows,
    Columns: request.source.geometry.columns,
    BitsAllocated: bits,
    BitsStored: bits,
    HighBit: bits - 1,
    PixelRepresentation: 0,
    PixelPaddingValue: isLabelMap ? 0 : undefined,
    SegmentationType: isLabelMap ? 'LABELMAP' : 'BINARY',
    SegmentsOverlap: plan.overlap ? 'YES' : 'NO',
  });
}

const labelBits = (plan: FramePlan): 8 | 16 => (plan.segments.length > 255 ? 16 : 8);

/** What was lossy once stays marked, with ratio and method as far as the source states them (C.8.20.2.2). */
function lossy(source: SegSource, plan: FramePlan): Elements {
  const isLossy = (dataset: DicomDataset): boolean => text(dataset, '00282110') === '01';
  const slice = plan.slices.find((used) => isLossy(attributesOf(source, used)));
  if (slice === undefined) {
    const decoded = source.findings.some(({ code }) => code === 'lossy-compression');
    return elements({ LossyImageCompression: decoded ? '01' : '00' });
  }
  const dataset = attributesOf(source, slice);
  const stated = (tag: string): string[] | undefined => {
    const values = storedTexts(dataset, tag);
    return values.length > 0 ? values : undefined;
  };
  return elements({
    LossyImageCompression: '01',
    LossyImageCompressionRatio: stated('00282112'),
    LossyImageCompressionMethod: stated('00282114'),
  });
}

function segmentSequence(request: SegRequest, plan: FramePlan): Elements[] {
  const items = segmentItems(plan.segments, request.provenance);
  return request.format === 'labelmap' ? [backgroundItem(items[0]), ...items] : items;
}

/** Frames are packed one after the other into the file's own bytes. */
function pixelWriter(request: SegRequest, plan: FramePlan, pixels: number): PixelWriter {
  const frames = plan.frames.length;
  const bytesPerLabel = labelBits(plan) / 8;
  const length = request.format === 'labelmap' ? pixels * frames * bytesPerLabel : packedBytes(pixels, frames);
  if (length > MAX_PIXEL_BYTES) throw tooLarge(length);
  if (request.format === 'labelmap') {
    return {
      vr: bytesPerLabel === 1 ? 'OB' : 'OW',
      length,
      write: (target) => writeLabels(plan, pixels, bytesPerLabel, target),
    };
  }
  return {
    vr: 'OB',
    length,
    write: (target) =>
      plan.frames.forEach(({ segment = 1, slice }, frame) => {
        packFrame(plan.segments[segment - 1].mask(slice), frame, target);
      }),
  };
}

function writeLabels(plan: FramePlan, pixels: number, bytesPerLabel: number, target: Uint8Array): void {
  const frameOf = new Map(plan.frames.map(({ slice }, frame) => [slice, frame]));
  plan.segments.forEach((segment, index) => {
    for (const slice of segment.slices) {
      const frame = frameOf.get(slice);
      if (frame === undefined) continue;
      const mask = segment.mask(slice);
      const label = index + 1;
      const { first, end } = extentOf(mask);
      for (let pixel = first; pixel < end; pixel++) {
        if (mask[pixel] !== 1) continue;
        const at = (frame * pixels + pixel) * bytesPerLabel;
        target[at] = label & 0xff;
        if (bytesPerLabel === 2) target[at + 1] = label >> 8;
      }
    }
  });
}

/** Reads the finished object again and refuses it when it is wrong; the warnings otherwise. */
function checked(bytes: Uint8Array, source: SegSource): string[] {
  const problems = validateSeg(bytes, source);
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) {
    const named = errors.slice(0, NAMED_PROBLEMS).map(({ message }) => message);
    const others = errors.length > named.length ? ` (and ${errors.length - named.length} more)` : '';
    throw new UserError(
      'seg-invalid',
      `The segmentation would not be valid and was not saved: ${named.join(' ')}${others}`,
      'Correct what is named when it is yours (terms, labels, identifiers); otherwise report it as a defect of this program.',
    );
  }
  return problems.map(({ message }) => message);
}

const overlapping = (): UserError =>
  new UserError(
    'segments-overlap',
    'Segments overlap, and a label map has room for one segment per pixel.',
    'Save as a binary segmentation, or remove the overlap.',
  );

const tooLarge = (bytes: number): UserError =>
  new UserError(
    'seg-too-large',
    `The segmentation would have ${Math.ceil(bytes / 2 ** 20)} MiB of pixel data, more than one object can hold.`,
    'Save fewer segments at a time.',
  );
