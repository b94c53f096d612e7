import { UserError } from '@medsam2/models';
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
 * Opens any image; of several volumes, the one that is meant.
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
  const opened = await openVolume(path, { volumeIndex: volume, series, overrule: accept, signal });
  signal.throwIfAborted();
  return opened;
}
