import { UserError } from '@medsam2/models';
import { InvalidArgumentError, type Command } from 'commander';
import { createReadStream } from 'node:fs';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import { parseAuditLine } from '../../http/audit/read.js';
import { toAuditEvent, type FhirRelease } from '../../http/audit/fhir.js';
import type { CliIo } from '../io.js';

interface FhirFlags {
  readonly release: FhirRelease;
  readonly observer: string;
}

/** Adds `medsam2 audit`. */
export function registerAudit(program: Command, io: CliIo): void {
  const audit = program.command('audit').description('Work with the audit that the server writes');
  audit
    .command('fhir')
    .argument('<files...>', 'files of the audit, oldest first')
    .description('Print the audit as FHIR AuditEvents, one per line (application/fhir+ndjson)')
    .option('--release <release>', 'r4 or r5', release, 'r4')
    .option('--observer <name>', 'who reports', hostname())
    .action(async (files: string[], flags: FhirFlags) => {
      for (const file of files) await convert(file, flags, io);
    });
}

function release(text: string): FhirRelease {
  const given = text.toLowerCase();
  if (given === 'r4' || given === 'r5') return given;
  throw new InvalidArgumentError('It must be r4 or r5.');
}

async function convert(file: string, { release: wanted, observer }: FhirFlags, io: CliIo): Promise<void> {
  let damaged = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      if (text === '') continue;
      const record = parseAuditLine(text);
      if (record === undefined) damaged++;
      else io.stdout.write(`${JSON.stringify(toAuditEvent(record, wanted, observer))}\n`);
    }
  } catch (error) {
    throw new UserError('audit-unreadable', `The file ${file} cannot be read.`, 'Check its path and permissions.', {
      cause: error,
    });
  }
  if (damaged > 0) io.stderr.write(`note: ${damaged} damaged lines of ${file} were passed over.\n`);
}
