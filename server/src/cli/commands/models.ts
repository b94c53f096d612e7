import {
  importModel,
  listModels,
  pullModel,
  readEmbedded,
  registrySettings,
  removeModel,
  UserError,
  verifyModels,
  type ListedModel,
  type Manifest,
  type RegistrySettings,
} from '@medsam2/models';
import { Option, type Command } from 'commander';
import { downloadProgress, megabytes } from '../download-progress.js';

/** What a command is given of the process it runs in. */
export interface CommandIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** stops a download; what has arrived is kept for resuming */
  readonly signal?: AbortSignal;
}

/**
 * Adds `medsam2 models list | pull | import | verify | remove`.
 *
 * Results go to stdout, progress to stderr. Failures are thrown as UserError for the caller to print.
 *
 * @param overrides for tests: settings that the environment does not give
 */
export function registerModels(program: Command, io: CommandIo, overrides: Partial<RegistrySettings> = {}): void {
  const settings = () => registrySettings(io.env, overrides);
  const print = (line: string) => io.stdout.write(`${line}\n`);
  const models = program
    .command('models')
    .description('Install, check and remove model weights')
    .addHelpText(
      'after',
      `
Models lie in MEDSAM2_MODELS_DIR (default: $XDG_DATA_HOME/medsam2/models or ~/.local/share/medsam2/models).

Examples:
  medsam2 models list
  medsam2 models pull sam2.1-hiera-tiny
  medsam2 models pull medsam2-latest --accept-terms medsam2-latest
  medsam2 models import MedSAM2_latest.pt --config sam2.1_hiera_t512 --accept-terms medsam2-latest
  medsam2 models verify`,
    );

  models
    .command('list')
    .description(
      'Show installed and built-in models, those that can be pulled, and those that are known but not supported',
    )
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const listed = await listModels(settings());
      if (json) print(JSON.stringify(listed, null, 2));
      else for (const line of table(listed)) print(line);
    });

  models
    .command('pull')
    .argument('<name>', 'a known model, as shown by: medsam2 models list')
    .description('Download a model, check it and install it; a download that was broken off is resumed')
    .addOption(acceptTermsOption())
    .action(async (name: string, { acceptTerms }: { acceptTerms: string[] }) => {
      const progress = downloadProgress(io.stderr, name);
      try {
        const pulled = await pullModel(settings(), name, {
          acceptTerms,
          onProgress: progress.update,
          signal: io.signal,
        });
        progress.stop();
        print(pulled.installed ? installedLine(pulled.manifest) : `${name} is already installed and undamaged.`);
        if (pulled.installed) for (const line of provenance(pulled.manifest)) print(line);
      } finally {
        progress.stop();
      }
    });

  models
    .command('import')
    .argument('<file>', 'weights: a PyTorch .pt or a .safetensors file')
    .description('Install weights from a file, for example where there is no internet; no code in the file is executed')
    .option('--config <name>', 'architecture, e.g. medsam2 or sam2.1_hiera_t512 (default: the one the weights fit)')
    .option('--name <name>', 'name of the model (default: the known model the file is, else from the file name)')
    .addOption(new Option('--copy', 'copy the file').conflicts('link'))
    .addOption(new Option('--link', 'hard-link the file, or fail (default: link where possible, else copy)'))
    .option('--replace', 'replace an installed model of the name')
    .option('--demonstration', 'mark the model as one whose masks are not to be relied on (random or toy weights)')
    .addOption(acceptTermsOption())
    .action(async (file: string, options: ImportFlags) => {
      const placement = options.copy ? 'copy' : options.link ? 'link' : 'auto';
      const manifest = await importModel(settings(), file, { ...options, placement });
      print(installedLine(manifest));
      for (const line of provenance(manifest)) print(line);
    });

  models
    .command('verify')
    .argument('[name]', 'default: all installed models')
    .description('Read installed models wholly: sha256 of weights and graphs, keys, shapes')
    .option('--json', 'print JSON')
    .action(async (name: string | undefined, { json }: { json?: boolean }) => {
      const results = await verifyModels(settings(), name);
      if (json) print(JSON.stringify(results, null, 2));
      else if (results.length === 0) print('No model is installed.');
      else
        for (const { name: model, problems } of results)
          print(problems.length === 0 ? `${model}: ok` : `${model}: ${problems.join(' ')}`);
      const bad = results.filter(({ problems }) => problems.length > 0).map((result) => result.name);
      if (bad.length > 0)
        throw new UserError(
          'model-broken',
          `${bad.length} of ${results.length} models failed verification: ${bad.join(', ')}.`,
          'Remove them and install them again: medsam2 models remove NAME, then pull or import.',
        );
    });

  models
    .command('remove')
    .argument('<name>', 'an installed model')
    .description('Remove a model and any partial download of it; imported files themselves stay')
    .action(async (name: string) => {
      const isEmbedded = (await readEmbedded(settings())).some((model) => model.name === name);
      await removeModel(settings(), name);
      print(`${name} is removed.${isEmbedded ? ' It comes with the program: its next use installs it again.' : ''}`);
    });
}

interface ImportFlags {
  config?: string;
  name?: string;
  copy?: boolean;
  link?: boolean;
  replace?: boolean;
  demonstration?: boolean;
  acceptTerms: string[];
}

function acceptTermsOption(): Option {
  return new Option('--accept-terms <name>', 'accept the restricted terms of this model (recorded with date and user)')
    .argParser((name: string, before: string[]) => [...before, name])
    .default([], 'none');
}

function installedLine({ name, architecture, weights }: Manifest): string {
  return `${name} is installed (architecture ${architecture}, ${megabytes(weights.bytes)}, sha256 ${weights.sha256}).`;
}

function provenance({ origin, licence, acceptance, demonstration }: Manifest): string[] {
  const checked = {
    known: 'The sha256 is that of the published file.',
    announced: 'The sha256 is the one the host announced; none was known in advance.',
    recorded: 'No sha256 was known in advance; this one is recorded.',
  };
  return [
    checked[origin.checked],
    `Licence: ${licence.spdx}. ${licence.terms}`,
    ...(acceptance ? [`Terms accepted by ${acceptance.user} at ${acceptance.date}.`] : []),
    ...(demonstration ? ['This model is a demonstration: do not rely on its masks.'] : []),
  ];
}

function table(listed: readonly ListedModel[]): string[] {
  const rows = listed.map((model) => [
    model.name,
    model.state,
    model.bytes === undefined ? '-' : megabytes(model.bytes),
    model.licence + (model.restricted ? ' (restricted)' : ''),
    notes(model),
  ]);
  const all = [['NAME', 'STATE', 'SIZE', 'LICENCE', 'ABOUT'], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}

function notes({ title, reason, embedded, demonstration, partialBytes }: ListedModel): string {
  return [
    title,
    ...(embedded ? ['comes with the program'] : []),
    ...(demonstration ? ['demonstration only'] : []),
    ...(partialBytes === undefined ? [] : [`${megabytes(partialBytes)} already downloaded`]),
    ...(reason === undefined ? [] : [reason]),
  ].join('; ');
}
