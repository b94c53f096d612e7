import { UserError } from '@medsam2/models';
import { text } from '../imaging/dicom/dataset.js';
import { attributesOf, type SourceSpace } from './source-planes.js';
import type { SegRequest, SegSource } from './types.js';

/**
 * Refuses sources that no segmentation can truthfully refer to.
 *
 * @throws UserError `source-incomplete`, `missing-identifiers`, `source-mixed`
 */
export function checkSource(source: SegSource): void {
  if (source.sliceSources.length !== source.geometry.slices) {
    throw new Error(`${source.sliceSources.length} sources for ${source.geometry.slices} slices`);
  }
  const first = attributesOf(source, 0);
  for (let slice = 0; slice < source.sliceSources.length; slice++) {
    const dataset = attributesOf(source, slice);
    const { sopInstanceUid, sopClassUid } = source.sliceSources[slice];
    const identifiers = [text(dataset, '0020000D'), text(dataset, '0020000E'), sopInstanceUid, sopClassUid];
    if (identifiers.some((uid) => !uid)) throw missingIdentifiers(slice);
    const mixed = (
      [
        ['0020000D', 'studies'],
        ['00100020', 'patients'],
        ['00200052', 'frames of reference'],
      ] as const
    ).find(([tag]) => text(dataset, tag) !== text(first, tag));
    if (mixed) {
      throw new UserError(
        'source-mixed',
        `The images of the volume belong to different ${mixed[1]} (slice ${slice} differs from slice 0).`,
        'Choose a volume whose images belong together.',
      );
    }
  }
}

const missingIdentifiers = (slice: number): UserError =>
  new UserError(
    'missing-identifiers',
    `The image of slice ${slice} carries no study, series, class or instance identifier, so nothing can refer to it.`,
    'Import the images into an archive that gives identifiers, and segment them there.',
  );

/** What a person must know about the object because of its source or format; one sentence each. */
export function sourceWarnings(request: SegRequest, space: SourceSpace | undefined): string[] {
  const has = (...codes: string[]): boolean => request.source.findings.some(({ code }) => codes.includes(code));
  const warnings: string[] = [];
  if (has('gantry-tilt')) {
    warnings.push('The series is tilted (gantry tilt): 3D Slicer and dcmqi refuse segmentations of tilted series.');
  }
  if (has('missing-slices', 'nonuniform-spacing')) {
    warnings.push(
      'The slices are unevenly spaced: programs that need an even grid may show the segmentation distorted or not at all.',
    );
  }
  if (!space) {
    warnings.push(
      'The images state no place in the patient: only viewers that go by the referenced images can show the segmentation; 3D Slicer cannot.',
    );
  }
  if (space?.thicknessFromGrid) {
    warnings.push('The images state no slice thickness; the distance between slices was written in its place.');
  }
  if (request.format === 'labelmap') {
    warnings.push('Label map segmentations are new in DICOM: many viewers and archives do not know them yet.');
  }
  return warnings;
}
