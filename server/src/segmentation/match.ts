import { UserError } from '@medsam2/models';
import { text } from '../imaging/dicom/dataset.js';
import { count } from '../imaging/dicom/findings.js';
import type { Finding } from '../imaging/volume.js';
import { findByReference } from './matching/references.js';
import { SlicePlanes } from './matching/slice-planes.js';
import type { SegContents, SegContentsFrame, SegContentsSegment, SegSource } from './types.js';

/** A segment of a segmentation on the slices of a volume. */
export interface MatchedSegment extends SegContentsSegment {
  /** slices of the volume with at least one pixel, ascending */
  readonly slices: readonly number[];
  /** [row][column] 0 or 1 of one of `slices`, a new array at every call */
  mask(slice: number): Uint8Array;
}

export interface MatchedSeg {
  /** in the order of the segmentation, those without pixels on the volume included; segments may overlap */
  readonly segments: readonly MatchedSegment[];
  /** those of the segmentation, and what was odd about matching it */
  readonly findings: readonly Finding[];
}

/**
 * Puts the frames of a segmentation onto the slices of a volume, pixel for pixel: nothing is resampled or turned.
 *
 * A frame belongs to the image that it names (SOP instance and frame number), and must lie where that image lies. When
 * the segmentation was made on other images of the same frame of reference, frames are placed by position and
 * orientation, to a tenth of a pixel and of a slice distance, and a finding says so.
 *
 * @throws UserError `segmentation-other-study`, `segmentation-other-frame-of-reference`, `segmentation-other-grid` (size,
 *   pixel spacing, orientation, or a frame that lies elsewhere than its image), `segmentation-not-on-series` (no frame
 *   belongs to a slice)
 */
export function matchSeg(contents: SegContents, source: SegSource): MatchedSeg {
  checkIdentity(contents, source);
  const planes = source.kind === 'stack' ? new SlicePlanes(source) : undefined;
  const { slices, byPosition } = placeFrames(contents, source, planes);
  const placed = slices.filter((slice) => slice !== undefined).length;
  if (placed === 0) {
    throw new UserError(
      'segmentation-not-on-series',
      `None of the ${count(contents.frames.length, 'frame')} of the segmentation belongs to a slice of this volume.`,
      'Open the series that the segmentation was made on, or another volume of it.',
    );
  }
  const findings = [...contents.findings];
  if (byPosition) {
    const message =
      'The segmentation was made on other images of the same frame of reference; it was placed by position.';
    findings.push({ code: 'matched-by-position', severity: 'warn', message });
  }
  const outside = slices.length - placed;
  if (outside > 0) {
    const message = `${count(outside, 'frame')} of ${slices.length} in the segmentation without a slice in this volume, left out.`;
    findings.push({ code: 'frames-without-slice', severity: 'warn', message });
  }
  const { segments, joined } = collect(contents, slices);
  if (joined > 0) {
    const message = `${count(joined, 'slice')} with more than one frame of the same segment; their pixels were joined.`;
    findings.push({ code: 'frames-joined', severity: 'warn', message });
  }
  return { segments, findings };
}

/** Same study, same frame of reference, same size. */
function checkIdentity(contents: SegContents, source: SegSource): void {
  for (const { sopInstanceUid } of source.sliceSources) {
    const dataset = source.attributes.get(sopInstanceUid);
    const study = dataset && text(dataset, '0020000D');
    if (study && study !== contents.studyInstanceUid) {
      throw new UserError(
        'segmentation-other-study',
        'The segmentation belongs to another study.',
        'Open the study that the segmentation belongs to.',
      );
    }
    const frameOfReference = dataset && text(dataset, '00200052');
    if (
      source.kind === 'stack' &&
      frameOfReference &&
      contents.frameOfReferenceUid &&
      frameOfReference !== contents.frameOfReferenceUid
    ) {
      throw new UserError(
        'segmentation-other-frame-of-reference',
        'The segmentation has another frame of reference than the images, so that their positions cannot be compared.',
        'Open the series that the segmentation was made on.',
      );
    }
  }
  const { rows, columns } = source.geometry;
  if (contents.rows !== rows || contents.columns !== columns) {
    throw otherGrid(`has frames of ${contents.columns}x${contents.rows} pixels, the images ${columns}x${rows}`);
  }
}

function otherGrid(how: string): UserError {
  return new UserError(
    'segmentation-other-grid',
    `The segmentation ${how}.`,
    'Open the series that the segmentation was made on; segmentations are not resampled here.',
  );
}

/** The slice of every frame, or `undefined`. */
function placeFrames(
  contents: SegContents,
  source: SegSource,
  planes: SlicePlanes | undefined,
): { slices: (number | undefined)[]; byPosition: boolean } {
  const referenced = findByReference(contents.frames, source.sliceSources);
  if (referenced.some((slice) => slice !== undefined)) {
    contents.frames.forEach((frame, index) => {
      const slice = referenced[index];
      if (slice !== undefined) checkPlace(frame, index, slice, planes);
    });
    // a frame without any reference beside others that have one may still have a position
    let byPosition = false;
    const slices = referenced.map((slice, index) => {
      const frame = contents.frames[index];
      if (slice !== undefined || frame.source) return slice;
      const found = planes?.sliceAt(frame);
      byPosition ||= found !== undefined;
      return found;
    });
    return { slices, byPosition };
  }
  // references to images of this series that are not in the volume mean another volume of it: another phase, say
  const ofThisSeries = isOfSeries(contents, source);
  if (!planes || !contents.frameOfReferenceUid || (ofThisSeries && contents.frames.some((frame) => frame.source))) {
    return { slices: contents.frames.map(() => undefined), byPosition: false };
  }
  const slices = contents.frames.map((frame) => planes.sliceAt(frame));
  const mismatch =
    slices.every((slice) => slice === undefined) &&
    contents.frames.map((frame) => planes.mismatch(frame)).find(Boolean);
  if (mismatch) throw otherGrid(mismatch);
  return { slices, byPosition: true };
}

function isOfSeries({ referencedSeries }: SegContents, source: SegSource): boolean {
  return source.sliceSources.some(({ sopInstanceUid }) => {
    const series = text(source.attributes.get(sopInstanceUid) ?? {}, '0020000E');
    return series !== undefined && referencedSeries.includes(series);
  });
}

/** A frame must lie where the image lies that it names: one of the two would be wrong otherwise. */
function checkPlace(frame: SegContentsFrame, index: number, slice: number, planes: SlicePlanes | undefined): void {
  if (!planes) return;
  const mismatch = planes.mismatch(frame);
  if (mismatch) throw otherGrid(mismatch);
  const distance = planes.distance(frame, slice);
  if (distance === undefined || distance.matches) return;
  throw otherGrid(
    `says that its frame ${index + 1} was made on an image that lies ${distance.millimetres.toFixed(2)} mm away from it`,
  );
}

/** Frames by segment and slice; frames without pixels are dropped. */
function collect(
  contents: SegContents,
  slices: readonly (number | undefined)[],
): { segments: MatchedSegment[]; joined: number } {
  const bySegment = new Map(contents.segments.map(({ number }) => [number, new Map<number, SegContentsFrame[]>()]));
  let joined = 0;
  contents.frames.forEach((frame, index) => {
    const slice = slices[index];
    if (slice === undefined || frame.isEmpty()) return;
    const own = bySegment.get(frame.segment);
    const same = own?.get(slice);
    if (same) {
      if (same.length === 1) joined++;
      same.push(frame);
    } else own?.set(slice, [frame]);
  });
  const segments = contents.segments.map((segment): MatchedSegment => {
    const frames = bySegment.get(segment.number) ?? new Map<number, SegContentsFrame[]>();
    return {
      ...segment,
      slices: [...frames.keys()].sort((a, b) => a - b),
      mask: (slice) => union(frames.get(slice) ?? [], contents.rows * contents.columns),
    };
  });
  return { segments, joined };
}

function union(frames: readonly SegContentsFrame[], pixels: number): Uint8Array {
  const [first, ...others] = frames;
  const mask = first?.mask() ?? new Uint8Array(pixels);
  for (const frame of others) {
    const more = frame.mask();
    for (let pixel = 0; pixel < pixels; pixel++) mask[pixel] |= more[pixel];
  }
  return mask;
}
