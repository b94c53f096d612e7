/** Where the tests of viewers run, and what a failing one leaves behind. */
import { dicomWebPlugin, findChromium } from '@medsam2/demo';

/** `describe`, or `describe.skip` with a printed reason where there is no browser or no PACS; in CI that is a failure. */
export function describeWithViewer(name: string, tests: () => void): void {
  const missing = [
    ...(findChromium() === undefined ? ['chromium'] : []),
    ...(dicomWebPlugin() === undefined ? ['orthanc', 'orthanc-dicomweb'] : []),
  ];
  if (missing.length > 0 && process.env.CI === 'true') throw new Error(`not installed: ${missing.join(', ')}`);
  if (missing.length > 0)
    process.stderr.write(`skipped: ${name} (install the Debian packages ${missing.join(', ')})\n`);
  (missing.length > 0 ? describe.skip : describe)(name, tests);
}
