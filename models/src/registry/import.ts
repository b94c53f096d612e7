import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import { findArchitecture, listArchitectures, type InstalledArchitecture } from '../bind/architectures.js';
import { compareCheckpoint, fits } from '../checkpoint/match.js';
import { openCheckpoint } from '../checkpoint/open.js';
import { UserError } from '../errors.js';
import { explain } from '../files/errors.js';
import { sha256OfFile } from '../files/hash.js';
import { readEmbedded } from './embedded.js';
import { exists, install, recover } from './install.js';
import { readKnownModels } from './known.js';
import { withLock } from './lock.js';
import type { AvailableModel, Licence, Manifest } from './schemas.js';
import { makeFolder, paths, requireName, type RegistrySettings } from './settings.js';
import { acceptTerms } from './terms.js';

export interface ImportOptions {
  /** architecture name or alias; may be left out when the weights fit exactly one */
  readonly config?: string;
  /** default: the known model the file is, else the file's name */
  readonly name?: string;
  /** `auto`: a hard link where possible, else a copy */
  readonly placement?: 'auto' | 'link' | 'copy';
  /** names of models whose terms the operator accepts */
  readonly acceptTerms?: readonly string[];
  /** replace an installed model of the name */
  readonly replace?: boolean;
  /** the weights only show that the program works; every result says so */
  readonly demonstration?: boolean;
}

const unknownLicence: Licence = {
  spdx: 'unknown',
  holder: 'unknown',
  url: '',
  restricted: false,
  terms: 'Whoever imported the weights is responsible for having the right to use them.',
};

/**
 * Installs weights from a file. A file that is one of the known checkpoints (by sha256, by the name given, or by its own
 * name) is installed under that checkpoint's terms.
 *
 * @throws UserError `file-not-found`, `checkpoint-…`, `architecture-unknown`, `architecture-ambiguous`, `model-name`,
 *   `model-exists`, `terms-not-accepted`, `model-hash`, `model-busy`, `link-impossible`, `disk-full`; nothing is then changed
 */
export async function importModel(
  settings: RegistrySettings,
  file: string,
  options: ImportOptions = {},
): Promise<Manifest> {
  const path = await resolveFile(file);
  const architecture = await chooseArchitecture(settings, path, options.config);
  const known = await recognise(settings, path, basename(file), options.name);
  const name = requireName(options.name ?? known?.model.name ?? nameFrom(basename(file)));
  if ((await readEmbedded(settings)).some((model) => model.name === name))
    throw new UserError(
      'model-exists',
      `${name} is the name of a model that comes with the program.`,
      'Choose another name: --name.',
    );
  const acceptance = known && acceptTerms(settings, known.model.name, known.model.licence, options.acceptTerms ?? []);
  await makeFolder(settings.directory);
  return withLock(settings, name, async (requireHeld) => {
    await recover(settings, name);
    if (!options.replace && (await exists(paths(settings, name).model)))
      throw new UserError(
        'model-exists',
        `A model named ${name} is already installed.`,
        'Choose another --name, use --replace, or remove it first: medsam2 models remove.',
      );
    const draft = {
      name,
      title: known?.model.title ?? name,
      architecture: architecture.architecture.name,
      view: known?.model.view,
      origin: {
        kind: 'import' as const,
        from: basename(file),
        date: settings.now().toISOString(),
        checked: known?.verified ? ('known' as const) : ('recorded' as const),
      },
      licence: known?.model.licence ?? unknownLicence,
      acceptance,
      intendedUse: known?.model.intendedUse ?? 'Not stated: imported weights.',
      trainingData: known?.model.trainingData ?? 'Not stated: imported weights.',
      demonstration: options.demonstration ?? known?.model.demonstration ?? false,
    };
    return install(settings, architecture, { path, placement: options.placement ?? 'auto' }, draft, requireHeld);
  });
}

/** Symbolic links are followed: download caches keep files behind them, and a link to a link would not survive. */
async function resolveFile(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    throw explain(error, file);
  }
}

async function chooseArchitecture(
  settings: RegistrySettings,
  path: string,
  config: string | undefined,
): Promise<InstalledArchitecture> {
  if (config !== undefined) return findArchitecture(settings.graphFolders, config);
  const checkpoint = await openCheckpoint(path);
  const all = await listArchitectures(settings.graphFolders);
  const fitting = all.filter(({ architecture }) => fits(compareCheckpoint(checkpoint, architecture)));
  if (fitting.length === 1) return fitting[0];
  if (fitting.length === 0 && all.length === 1) return all[0]; // installing says what does not fit
  throw new UserError(
    'architecture-ambiguous',
    `${path} fits ${fitting.length === 0 ? 'none' : 'more than one'} of the architectures.`,
    `Name it with --config: ${(fitting.length ? fitting : all).map(({ architecture }) => architecture.name).join(', ')}.`,
  );
}

/** The known model a file is, and whether its sha256 proves it. */
async function recognise(
  settings: RegistrySettings,
  path: string,
  fileName: string,
  name: string | undefined,
): Promise<{ model: AvailableModel; verified: boolean } | undefined> {
  const models = (await readKnownModels(settings.manifestFolder)).filter((model) => model.status === 'available');
  const hash = await sha256OfFile(path);
  const same = models.find(({ source }) => source.sha256 === hash);
  if (same) return { model: same, verified: true };
  const claimed =
    models.find((model) => model.name === name) ??
    (name === undefined ? models.find(({ source }) => basename(new URL(source.url).pathname) === fileName) : undefined);
  if (claimed?.source.sha256)
    throw new UserError(
      'model-hash',
      `${path} is not ${claimed.name}: its sha256 is ${hash}, that of the published file is ${claimed.source.sha256}.`,
      'Get the file again, or import it under another --name.',
    );
  return claimed && { model: claimed, verified: false };
}

/** `My Weights (v2).pt` -> `my-weights-v2`. */
function nameFrom(fileName: string): string {
  return fileName
    .replace(/\.(pt|pth|safetensors)$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .slice(0, 63);
}
