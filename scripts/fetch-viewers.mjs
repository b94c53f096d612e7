/**
 * Downloads the prebuilt viewers that the tests in a browser use, 50 MB each, once: into .cache/viewer.
 *
 * Exit code 3: they cannot be downloaded here (the reason is on standard error); those tests are then skipped.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchViewer, viewerVersions } from '@medsam2/demo';

const cache = join(dirname(fileURLToPath(import.meta.url)), '..', '.cache', 'viewer');
try {
  for (const version of Object.keys(viewerVersions)) {
    await fetchViewer({ cache, version, onDownload: () => process.stdout.write(`downloading OHIF ${version}\n`) });
  }
  process.stdout.write('up to date\n');
} catch (error) {
  if (error.code !== 'viewer-download') throw error;
  process.stderr.write(`${error.message}\n${error.remedy}\n`);
  process.exitCode = 3;
}
