import type { DicomDataset } from '../../imaging/dicom/index.js';
import { items, numbers, text, texts } from '../../imaging/dicom/dataset.js';
import { column, dot, type Vector3 } from '../../imaging/geometry.js';
import { COPIED_TAGS } from '../patient-study.js';
import { attributesOf, spaceOf } from '../source-planes.js';
import { copyElement } from '../source-values.js';
import type { Element } from '../elements.js';
import type { SegSource } from '../types.js';
import type { FrameRecord } from './check-frames.js';
import { has, itemsOf, numberOf, textOf, type Report } from './report.js';

/** Agreement with the images: patient and study, references, place of every frame. */
export function checkAgainstSource(
  dataset: DicomDataset,
  frames: readonly FrameRecord[],
  source: SegSource,
  report: Report,
): void {
  const first = attributesOf(source, 0);
  checkPatientAndStudy(dataset, first, report);
  const { rows, columns } = source.geometry;
  if (numberOf(dataset, 'Rows') !== rows || numberOf(dataset, 'Columns') !== columns) {
    report.error('source-size', `The frames have another size than the images (${columns} x ${rows}).`);
  }
  const isReused =
    source.sliceSources.some(({ sopInstanceUid }) => sopInstanceUid === textOf(dataset, 'SOPInstanceUID')) ||
    text(first, '0020000E') === textOf(dataset, 'SeriesInstanceUID');
  if (isReused)
    report.error('identity-reused', 'The object has the identifier of an image, or lies in the series of the images.');
  checkPlanes(dataset, frames, source, report);
}

function checkPatientAndStudy(dataset: DicomDataset, source: DicomDataset, report: Report): void {
  for (const tag of COPIED_TAGS) {
    const wanted = copyElement(source, tag);
    const written = dataset[tag];
    // attributes of type 2 are there even when the source lacks them
    const isEqual = wanted ? isSameElement(wanted, dataset, tag) : !written || texts(dataset, tag).length === 0;
    if (!isEqual) {
      report.error('patient-study', `(${tag.slice(0, 4)},${tag.slice(4)}) differs from the value of the images.`);
    }
  }
}

function isSameElement(wanted: Element, dataset: DicomDataset, tag: string): boolean {
  if (dataset[tag]?.vr !== wanted.vr) return false;
  if ('items' in wanted) {
    const written = items(dataset, tag);
    const expected = [...wanted.items];
    return (
      written.length === expected.length &&
      expected.every((item, index) => Object.keys(item).every((key) => isSameElement(item[key], written[index], key)))
    );
  }
  if ('numbers' in wanted) return (numbers(dataset, tag) ?? []).join() === wanted.numbers.join();
  return 'text' in wanted && rawTexts(dataset, tag).join('\\').trim() === wanted.text.trim();
}

/** Values as they stand in the file: no trimming within. */
const rawTexts = (dataset: DicomDataset, tag: string): string[] => {
  const value = dataset[tag]?.Value;
  return Array.isArray(value) ? (value as unknown[]).map(String) : [];
};

/** Positions may differ by what 16 characters cannot hold, never by more (mm). */
const ROUNDING = 1e-6;

function checkPlanes(dataset: DicomDataset, frames: readonly FrameRecord[], source: SegSource, report: Report): void {
  const space = spaceOf(source);
  const stated = textOf(dataset, 'FrameOfReferenceUID');
  if (stated !== (space?.frameOfReferenceUid ?? '')) {
    report.error('frame-of-reference', 'The frame of reference is not that of the images.');
  }
  const sliceOf = new Map(
    source.sliceSources.map(({ sopInstanceUid, frameNumber }, slice) => [
      `${sopInstanceUid} ${frameNumber ?? ''}`,
      slice,
    ]),
  );
  const listed = listedInstances(dataset);
  const distances = new Map<string, number>();
  const normal = column(source.geometry.direction, 2);
  for (const frame of frames) {
    const { sopInstanceUid, sopClassUid, frameNumber } = frame.source;
    const slice = sliceOf.get(`${sopInstanceUid} ${frameNumber ?? ''}`);
    if (slice === undefined || source.sliceSources[slice].sopClassUid !== sopClassUid) {
      report.error('frame-source', `Frame ${frame.number} refers to an image that is none of the volume.`);
      continue;
    }
    const series = text(attributesOf(source, slice), '0020000E') ?? '';
    if (listed.get(sopInstanceUid) !== series) {
      report.error('reference-unlisted', `The image of frame ${frame.number} is not listed in its series.`);
    }
    if (!space || !frame.position) continue;
    const plane = space.planes[slice];
    const known = source.sliceSources[slice].imagePosition ?? plane.position;
    if (!isNear(frame.position, known)) {
      report.error('frame-position', `Frame ${frame.number} does not lie where its image lies.`);
    }
    if (!isNear(frame.orientation ?? [], plane.orientation) || !isNear(frame.pixelSpacing ?? [], plane.pixelSpacing)) {
      report.error('frame-plane', `Frame ${frame.number} has another orientation or pixel spacing than its image.`);
    }
    distances.set(frame.sliceKey, dot(frame.position.map(Number) as unknown as Vector3, normal));
  }
  if (source.kind === 'stack') checkSliceOrder(frames, distances, report);
}

/** Indices of slices ascend along the normal, as slices of volumes do. */
function checkSliceOrder(frames: readonly FrameRecord[], distances: ReadonlyMap<string, number>, report: Report): void {
  for (let index = 1; index < frames.length; index++) {
    const [before, frame] = [frames[index - 1], frames[index]];
    const [a, b] = [distances.get(before.sliceKey), distances.get(frame.sliceKey)];
    if (before.segment === frame.segment && a !== undefined && b !== undefined && b <= a) {
      report.error('frame-order', `Frame ${frame.number} does not lie beyond frame ${before.number} along the normal.`);
    }
  }
}

const isNear = (values: readonly string[], others: readonly string[]): boolean =>
  values.length === others.length &&
  values.every((value, index) => Math.abs(Number(value) - Number(others[index])) <= ROUNDING);

/** Series by instance, as Referenced Series Sequence lists them. */
function listedInstances(dataset: DicomDataset): Map<string, string> {
  const listed = new Map<string, string>();
  for (const series of itemsOf(dataset, 'ReferencedSeriesSequence')) {
    for (const instance of itemsOf(series, 'ReferencedInstanceSequence')) {
      listed.set(textOf(instance, 'ReferencedSOPInstanceUID'), textOf(series, 'SeriesInstanceUID'));
    }
  }
  return listed;
}

/** What can be said of references without the images: series and instances are named, and every frame's image is listed. */
export function checkReferences(dataset: DicomDataset, frames: readonly FrameRecord[], report: Report): void {
  for (const series of itemsOf(dataset, 'ReferencedSeriesSequence')) {
    const instances = itemsOf(series, 'ReferencedInstanceSequence');
    const isComplete =
      has(series, 'SeriesInstanceUID') &&
      instances.length > 0 &&
      instances.every((item) => has(item, 'ReferencedSOPClassUID') && has(item, 'ReferencedSOPInstanceUID'));
    if (!isComplete) report.error('reference-incomplete', 'A referenced series lacks its identifier or its instances.');
  }
  const listed = listedInstances(dataset);
  const unlisted = frames.filter((frame) => !listed.has(frame.source.sopInstanceUid)).length;
  if (unlisted > 0)
    report.error('reference-unlisted', `The images of ${unlisted} frames are not listed as referenced.`);
  const related = itemsOf(dataset, 'ReferencedImageSequence').filter(
    (image) => !listed.has(textOf(image, 'ReferencedSOPInstanceUID')),
  );
  if (related.length > 0) report.error('reference-unlisted', 'The replaced segmentation is not listed as referenced.');
}
