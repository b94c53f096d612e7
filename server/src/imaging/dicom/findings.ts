import { UserError } from '@medsam2/models';
import type { Finding } from '../volume.js';

/**
 * What can be odd about DICOM images: how bad it is, and what a person does about it. Messages are made where the
 * oddity is seen, since they carry its numbers.
 */
const CATALOGUE = {
  'not-dicom': ['info', ''],
  'other-objects': ['info', ''],
  'single-slice': ['info', ''],
  'lossy-compression': ['info', ''],
  'pixel-padding': ['info', ''],
  'display-inverted': ['info', ''],
  'stacks-joined': ['info', ''],
  'no-place-in-space': ['info', ''],
  'frames-in-time': ['info', ''],
  'dicom-unreadable': ['warn', 'Export the series again from its source.'],
  'gantry-tilt': ['warn', ''],
  'missing-slices': ['warn', ''],
  'nonuniform-spacing': ['warn', ''],
  'duplicate-slices': ['warn', ''],
  'localizer-excluded': ['warn', ''],
  'no-frame-of-reference': ['warn', ''],
  'missing-identifiers': ['warn', ''],
  'mixed-orientations': ['warn', ''],
  'order-from-instance-number': ['warn', ''],
  'opened-as-frames': ['warn', ''],
  'several-frames-of-reference': ['reject', 'Choose one part on purpose, or export the parts as separate series.'],
  'mixed-sizes': ['reject', 'Choose one part on purpose, or export the images of one size as their own series.'],
  localizer: ['reject', 'Choose the series that the localizer was made for.'],
  mosaic: ['reject', 'Convert the mosaic to one image per slice (for example as enhanced DICOM, or with dcm2niix).'],
  'no-geometry': [
    'reject',
    'Export the series with Image Position and Image Orientation (Patient), or open it as frames.',
  ],
  'no-pixel-spacing': ['reject', 'Export the series with Pixel Spacing, or open it as frames.'],
  'bad-orientation': ['reject', 'Export the series again; its Image Orientation (Patient) is not usable.'],
  'repeated-positions': ['reject', 'Export each phase as its own series.'],
  'irregular-positions': ['reject', 'Export the parts that belong together as their own series.'],
  'no-pixel-data': ['reject', 'Export the series again with its pixel data.'],
  'truncated-pixel-data': ['reject', 'Transfer or export the series again.'],
  'unsupported-transfer-syntax': [
    'reject',
    'Convert the series to Explicit VR Little Endian (dcmconv, gdcmconv) and try again.',
  ],
  'unsupported-pixel-format': ['reject', 'Convert the images to 8 or 16 bit greyscale or 8 bit colour.'],
} as const satisfies Record<string, readonly [Finding['severity'], string]>;

export type FindingCode = keyof typeof CATALOGUE;

/** A finding of the catalogue with its message (one sentence, no patient data). */
export function finding(code: FindingCode, message: string): Finding {
  return { code, severity: CATALOGUE[code][0], message };
}

/** The error a rejecting finding becomes when someone wants to use the volume all the same. */
export function rejection(found: Finding): UserError {
  const entry = (CATALOGUE as Record<string, readonly [string, string] | undefined>)[found.code];
  return new UserError(found.code, found.message, entry?.[1] || 'Choose another series.');
}

/**
 * Rejections that a person may overrule without the result becoming untrue: parts of a split series are each
 * consistent, and images without a place in space can still be segmented frame by frame.
 */
export const OVERRULABLE: ReadonlySet<string> = new Set<FindingCode>([
  'several-frames-of-reference',
  'mixed-sizes',
  'localizer',
  'no-geometry',
  'no-pixel-spacing',
]);

/** "1 slice", "3 slices". */
export const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;
