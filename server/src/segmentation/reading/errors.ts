import { UserError } from '@medsam2/models';

const REMEDY = 'Fetch or export the segmentation again, or open another one.';

/** The object is damaged, or misses what makes a segmentation. */
export function unreadable(why: string, cause?: unknown): UserError {
  return new UserError('segmentation-unreadable', `The segmentation cannot be read: ${why}.`, REMEDY, { cause });
}

/** The object is in order, but of a kind that is not read here. */
export function unsupported(why: string): UserError {
  return new UserError(
    'segmentation-unsupported',
    `The segmentation cannot be read: ${why}.`,
    'Convert it to a BINARY segmentation in Explicit VR Little Endian.',
  );
}

/** The object would take more memory than is given. */
export function tooLarge(why: string): UserError {
  return new UserError(
    'segmentation-too-large',
    `The segmentation is too large: ${why}.`,
    'Split it, or raise the limit.',
  );
}
