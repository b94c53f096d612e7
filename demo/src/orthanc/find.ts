/** Where a packaged Orthanc lies. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const orthancProgram = '/usr/sbin/Orthanc';
const plugins = '/usr/lib/orthanc';

/** The DICOMweb plugin; undefined: Orthanc or it is not installed. The GDCM plugin beside it crashes Orthanc 1.10. */
export function dicomWebPlugin(): string | undefined {
  if (!existsSync(orthancProgram) || !existsSync(plugins)) return undefined;
  const name = readdirSync(plugins).find((file) => file.startsWith('libOrthancDicomWeb.so'));
  return name && join(plugins, name);
}
