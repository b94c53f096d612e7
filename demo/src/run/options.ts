import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { defaultViewerVersion, viewerVersions } from '../viewer/versions.js';

export interface DemoOptions {
  /** 0: any free one */
  readonly port: number;
  readonly ohif: string;
  /** studies, saved segmentations and logs */
  readonly data: string;
  readonly fresh: boolean;
  /** drive it in a browser without a window, and end */
  readonly check: boolean;
  /** show the browser's window while it is driven */
  readonly headed: boolean;
}

/** @throws what commander throws for wrong options, after it has printed why; `--help` ends the same way */
export function parseOptions(args: readonly string[], repository: string): DemoOptions {
  const number = (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value <= 65_535) return value;
    throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
  };
  const command = new Command('npm run demo --')
    .description(
      'OHIF with the MedSAM2 plug-in, a PACS with generated studies and the server with its small demonstration model,\n' +
        'on this machine alone. Ctrl-C ends all of it.',
    )
    .option('--port <number>', 'where the viewer is served; 0: any free port', number, 8787)
    .option(
      '--ohif <version>',
      `version of the viewer: ${Object.keys(viewerVersions).join(', ')}`,
      defaultViewerVersion,
    )
    .option('--data <folder>', 'where studies and segmentations are kept', join(repository, '.cache', 'demo'))
    .option('--fresh', 'forget what earlier runs kept', false)
    .option('--check', 'segment an organ in a real browser without a window, check what was saved, and end', false)
    .option('--headed', 'with --check: show the window', false)
    .addHelpText(
      'after',
      '\nDICOMWEB_URL=… uses a PACS that is there instead of a private Orthanc (DICOMWEB_USERNAME and DICOMWEB_PASSWORD as\n' +
        'docs/server.md has them); the generated studies are stored in it. CHROMIUM=… names the browser of --check.',
    )
    .exitOverride();
  command.parse(args, { from: 'user' });
  const options = command.opts<DemoOptions>();
  return { ...options, data: resolve(options.data) };
}
