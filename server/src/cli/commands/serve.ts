import type { Command } from 'commander';
import { loadConfig, printConfig } from '../../config/index.js';
import { serve } from '../../serving/serve.js';
import type { CliIo } from '../io.js';
import { wholeValue } from '../option-values.js';
import { programVersion } from '../versions.js';

interface ServeFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly printConfig?: true;
}

/** Adds `medsam2 serve`. */
export function registerServe(program: Command, io: CliIo): void {
  program
    .command('serve')
    .description('Run the server that viewers and the PACS talk to')
    .option('--config <file>', 'JSON file with settings (default: MEDSAM2_CONFIG)')
    .option('--host <address>', 'address to listen on (HOST)')
    .option('--port <number>', 'port to listen on; 0: any free one (PORT)', wholeValue('--port', 0, 65535))
    .option('--print-config', 'print the effective settings and where each comes from, and end')
    .addHelpText(
      'after',
      `
Examples:
  DICOMWEB_URL=http://localhost:8042/dicom-web medsam2 serve
  medsam2 serve --config server.json --print-config

Settings and their variables: docs/server.md. SIGTERM or Ctrl-C stops it in order; a second one at once.`,
    )
    .action(async (flags: ServeFlags) => {
      const overrides: Record<string, unknown> = {};
      if (flags.host !== undefined) overrides['http.host'] = flags.host;
      if (flags.port !== undefined) overrides['http.port'] = flags.port;
      const loaded = loadConfig(io.env, { file: flags.config, overrides });
      if (flags.printConfig === true) {
        io.stdout.write(printConfig(loaded));
        return;
      }
      await serve({ loaded, env: io.env, version: programVersion(), stdout: io.stdout, signal: io.signal });
    });
}
