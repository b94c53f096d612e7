import { labelFileFormat } from '../../imaging/write.js';
import { UsageError } from '../exit.js';
import type { SegmentFlags } from './flags.js';
import { checkOutputFile, checkOutputFolder } from './outputs.js';
import { isOverlayName } from './overlays.js';

export interface Destinations {
  /** path of the label map */
  readonly output?: string;
  /** path of the DICOM segmentation */
  readonly seg?: string;
}

/**
 * Checks before any work is done that every result has a place.
 *
 * @param input path, never overwritten; undefined for a series of a PACS
 * @throws UsageError; UserError `output-…`, `label-format-unknown`
 */
export async function checkDestinations(
  input: string | undefined,
  flags: SegmentFlags,
  at: (path: string) => string,
): Promise<Destinations> {
  const { output, seg, report, overlay, store, description } = flags;
  if (output === undefined && seg === undefined && store !== true) {
    throw new UsageError(
      'There is no place for the result.',
      'Add -o FILE, ending in .nii.gz, .nii, .nrrd, .mha or .npz; for DICOM also --seg FILE, or --store.',
    );
  }
  if (store === true && input !== undefined) {
    throw new UsageError(
      '--store sends to the PACS that the series is from, and the input is a file or folder.',
      'Read the series with --dicomweb URL --study UID --series UID, or write the segmentation with --seg FILE.',
    );
  }
  if (description !== undefined && seg === undefined && store !== true) {
    throw new UsageError('--description is for --seg and --store.', 'Add one of them, or leave it out.');
  }
  const force = flags.force === true;
  const files = [output, seg, report].filter((path) => path !== undefined).map(at);
  if (output !== undefined) labelFileFormat(at(output));
  for (const file of files) await checkOutputFile(file, force, input);
  if (new Set(files).size < files.length) {
    throw new UsageError('Two of -o, --seg and --report name the same file.', 'Give each a name of its own.');
  }
  if (overlay !== undefined) await checkOutputFolder(at(overlay), force, isOverlayName);
  return {
    ...(output === undefined ? {} : { output: at(output) }),
    ...(seg === undefined ? {} : { seg: at(seg) }),
  };
}
