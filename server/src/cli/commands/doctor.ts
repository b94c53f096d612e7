import type { Command } from 'commander';
import { loadConfig } from '../../config/index.js';
import { diagnose, type Diagnosis } from '../../serving/doctor.js';
import { exitCodes, ExitError } from '../exit.js';
import type { CliIo } from '../io.js';

interface DoctorFlags {
  readonly config?: string;
  readonly json?: true;
}

const marks: Readonly<Record<Diagnosis['state'], string>> = {
  ok: 'ok     ',
  hint: 'hint   ',
  failed: 'FAILED ',
  skipped: '-      ',
};

/** Adds `medsam2 doctor`. */
export function registerDoctor(program: Command, io: CliIo): void {
  program
    .command('doctor')
    .description('Look at every hop between a viewer and the PACS, and name the broken one')
    .option('--config <file>', 'JSON file with the server’s settings (default: MEDSAM2_CONFIG)')
    .option('--json', 'print the findings for programs')
    .addHelpText('after', '\nIt changes nothing. Exit code 1: something is broken.')
    .action(async (flags: DoctorFlags) => {
      const loaded = loadConfig(io.env, { file: flags.config });
      const findings: Diagnosis[] = [];
      for await (const finding of diagnose(loaded, io.env)) {
        findings.push(finding);
        if (flags.json !== true) io.stdout.write(line(finding));
      }
      if (flags.json === true) io.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
      const broken = findings.filter(({ state }) => state === 'failed').map(({ name }) => name);
      if (broken.length > 0) {
        throw new ExitError(
          exitCodes.failed,
          'doctor-found',
          `${broken.length} of ${findings.length} hops are broken: ${broken.join(', ')}.`,
          'Begin with the first one; docs/server.md has a table of symptoms.',
        );
      }
    });
}

function line({ name, state, finding, remedy }: Diagnosis): string {
  const more = remedy === undefined ? '' : `\n         ${remedy}`;
  return `${marks[state]} ${name}: ${finding}${more}\n`;
}
