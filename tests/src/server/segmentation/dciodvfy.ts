import { spawnSync } from 'node:child_process';

/**
 * Warnings of dciodvfy that are tolerated, each for a reason; any other is a failure.
 */
const TOLERATED: readonly RegExp[] = [
  // what the source does not state cannot be stated
  /would be needed to build DICOMDIR/,
  // names and values are copied from the source as they are
  /Retired Person Name form/,
  /Retired attribute - \(0x0010,0x1000\)/,
  /contains retired attributes/,
  /not present in standard DICOM IOD - \(0x0010,0x1000\)/,
  /this is a Standard Extended SOP Class/,
  /Unrecognized defined term <\w+> for value 1 of attribute <(Coding Scheme Designator|Body Part Examined)>/,
  /Value is zero for value 1 of attribute <Patient's (Weight|Size)>/,
];

/** What dciodvfy says of a file; `undefined`, with a printed reason, where it is not installed (a failure in CI). */
export function validatorComplaints(
  path: string,
): { readonly errors: readonly string[]; readonly unknownWarnings: readonly string[] } | undefined {
  const run = spawnSync('dciodvfy', [path], { encoding: 'utf8' });
  if (run.error) {
    if (process.env.CI === 'true') throw new Error('dciodvfy is missing (Debian package dicom3tools)');
    process.stderr.write('skipped: dciodvfy is not installed (Debian package dicom3tools)\n');
    return undefined;
  }
  const lines = `${run.stdout}\n${run.stderr}`.split('\n').filter((line) => line !== '');
  const warnings = lines.filter((line) => line.includes('Warning'));
  return {
    errors: lines.filter((line) => line.includes('Error')),
    unknownWarnings: warnings.filter((line) => !TOLERATED.some((pattern) => pattern.test(line))),
  };
}
