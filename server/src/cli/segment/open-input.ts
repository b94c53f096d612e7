import { UserError } from '@medsam2/models';
import { OVERRULABLE } from '../../imaging/dicom/findings.js';
import { detectFormat, openVolume } from '../../imaging/open.js';
import type { Volume } from '../../imaging/volume.js';

export interface InputChoice {
  /** DICOM: Series Instance UID */
  readonly series?: string;
  /** number of the volume, where the input holds several */
  readonly volume?: number;
  /** DICOM: codes of rejecting findings that the user accepts */
  readonly accept?: readonly string[];
}

/**
 * Opens any image; of several volumes, the one that is meant. Remedies of the readers are completed by the options that
 * the command line has for them.
 *
 * @throws UserError those of `openVolume`; `choice-needs-dicom`; the signal's reason when aborted
 */
export async function openInput(path: string, choice: InputChoice, signal: AbortSignal): Promise<Volume> {
  const { series, volume, accept } = choice;
  if (series !== undefined || accept !== undefined) {
    const format = await detectFormat(path);
    if (format !== 'dicom') {
      throw new UserError(
        'choice-needs-dicom',
        `${series === undefined ? '--accept' : '--series'} is for DICOM, and the input is ${format}.`,
        'Leave the option out, or name the DICOM folder.',
      );
    }
  }
  try {
    const opened = await openVolume(path, { volumeIndex: volume, series, overrule: accept, signal });
    signal.throwIfAborted();
    return opened;
  } catch (error) {
    throw error instanceof UserError ? completeRemedy(error, choice) : error;
  }
}

/** The error with the options of the command line that help. */
export function completeRemedy(error: UserError, { series }: Pick<InputChoice, 'series'>): UserError {
  const { code, message, remedy } = error;
  if (OVERRULABLE.has(code)) {
    return new UserError(code, message, `${remedy} To use it all the same: --accept ${code}.`, { cause: error });
  }
  switch (code) {
    case 'mixed-series':
    case 'several-volumes':
      return new UserError(code, message, `${remedy} Options: --series UID, --volume NUMBER.`, { cause: error });
    case 'no-images':
      if (series === undefined) return error;
      return new UserError(
        'no-such-series',
        `There is no image of the series ${series}.`,
        'Leave --series out to be shown the series that are there.',
        { cause: error },
      );
    default:
      return error;
  }
}
