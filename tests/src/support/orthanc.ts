/** A real PACS for tests: a private Orthanc with its DICOMweb plugin, on a free port, with its own folders. */
import { dicomWebPlugin } from '@medsam2/demo';

export { startOrthanc, type Orthanc, type OrthancOptions, type Uploaded } from '@medsam2/demo';

/** Whether Orthanc is installed; without it tests skip with a printed reason, and fail where `CI` is `true`. */
export function hasOrthanc(): boolean {
  if (dicomWebPlugin() !== undefined) return true;
  if (process.env.CI === 'true') throw new Error('Orthanc is not installed; in CI the tests against a PACS must run');
  process.stderr.write('skipped: tests against a PACS (install the Debian packages orthanc and orthanc-dicomweb)\n');
  return false;
}

/** `describe`, or `describe.skip` where there is no Orthanc. */
export const describeWithOrthanc = (name: string, tests: () => void): void =>
  (hasOrthanc() ? describe : describe.skip)(name, tests);
