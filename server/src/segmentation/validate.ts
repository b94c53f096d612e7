import type { DicomDataset } from '../imaging/dicom/index.js';
import { items, text } from '../imaging/dicom/dataset.js';
import type { SegProblem, SegSource } from './types.js';
import { checkAttributes, checkValues } from './validate/check-attributes.js';
import { checkFileMeta } from './validate/check-file.js';
import { checkFrames } from './validate/check-frames.js';
import { checkPixels } from './validate/check-pixels.js';
import { checkCodes, checkSegments } from './validate/check-segments.js';
import { checkAgainstSource, checkReferences } from './validate/check-source.js';
import { readExplicitFile, StructureError, type ReadFile } from './validate/read-explicit.js';
import { Report } from './validate/report.js';

/**
 * Checks a finished segmentation as it will be sent: the bytes are read anew by a strict reader, nothing of the writer's
 * data is looked at. Covers what dciodvfy does not see as well: geometry, references, pixel content, agreement with the
 * images (docs/segmentation.md lists the checks by code).
 *
 * Knows the objects that this project writes (BINARY and LABELMAP, explicit VR little endian, whole images), not every
 * valid segmentation of other makers.
 *
 * @param source the images that it was made from; without them agreement is not checked
 * @returns problems in the order found, at most a few of each kind; empty when nothing is wrong
 */
export function validateSeg(bytes: Uint8Array, source?: SegSource): SegProblem[] {
  const report = new Report();
  let file: ReadFile;
  try {
    file = readExplicitFile(bytes);
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    report.error('structure', `The object cannot be read: ${error.message}.`);
    return report.problems;
  }
  checkDataset(file, source, report);
  return report.problems;
}

function checkDataset(file: ReadFile, source: SegSource | undefined, report: Report): void {
  const { dataset } = file;
  checkFileMeta(file, report);
  checkAttributes(dataset, report);
  checkValues(file.meta, new Set(), report);
  checkValues(dataset, source ? identifiersOf(source) : identifiersNamed(dataset), report);
  checkSegments(dataset, report);
  checkCodes(dataset, report);
  const frames = checkFrames(dataset, report);
  checkPixels(dataset, frames, report);
  checkReferences(dataset, frames, report);
  if (source) checkAgainstSource(dataset, frames, source, report);
}

/** Identifiers that are the images' own: they are repeated as they are, whether valid or not. */
function identifiersOf(source: SegSource): ReadonlySet<string> {
  const uids = new Set<string>();
  const add = (dataset: DicomDataset, tag: string): unknown => uids.add(text(dataset, tag) ?? '');
  for (const dataset of source.attributes.values()) {
    for (const tag of ['0020000D', '0020000E', '00200052', '00080018', '00080016']) add(dataset, tag);
  }
  return uids;
}

/** Without the images: what the object names as theirs, which is no error of the object either. */
function identifiersNamed(dataset: DicomDataset): ReadonlySet<string> {
  const series = items(dataset, '00081115');
  const instances = series.flatMap((item) => items(item, '0008114A'));
  const named = [
    text(dataset, '0020000D'),
    text(dataset, '00200052'),
    ...series.map((item) => text(item, '0020000E')),
    ...instances.map((item) => text(item, '00081155')),
  ];
  return new Set(named.flatMap((uid) => uid ?? []));
}
