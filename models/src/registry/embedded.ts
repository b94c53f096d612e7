import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findArchitecture } from '../bind/architectures.js';
import { requireMatch } from '../checkpoint/match.js';
import { openCheckpoint } from '../checkpoint/open.js';
import { UserError } from '../errors.js';
import { explain, messageOf, systemCode } from '../files/errors.js';
import { sha256OfFile } from '../files/hash.js';
import { exists, install, recover, type ManifestDraft } from './install.js';
import { withLock } from './lock.js';
import { readManifest } from './manifest.js';
import { embeddedModelSchema, type EmbeddedDescription, type Manifest } from './schemas.js';
import { makeFolder, paths, type RegistrySettings } from './settings.js';

/** A model that comes with the program. */
export interface EmbeddedModel extends EmbeddedDescription {
  /** path of the shipped weights */
  readonly weights: string;
}

/** Another process that installs the same model is done long before. */
const patienceSeconds = 30;

/**
 * The models that come with the program.
 *
 * @throws UserError `manifest-invalid`
 */
export function readEmbedded({ embeddedFolders }: Pick<RegistrySettings, 'embeddedFolders'>): Promise<EmbeddedModel[]> {
  return Promise.all(embeddedFolders.map(readOne));
}

async function readOne(folder: string): Promise<EmbeddedModel> {
  const file = join(folder, 'model.json');
  try {
    const description = embeddedModelSchema.parse(JSON.parse(await readFile(file, 'utf8')));
    return { ...description, weights: join(folder, 'weights.safetensors') };
  } catch (cause) {
    throw new UserError(
      'manifest-invalid',
      `${file} is not a valid description of a built-in model: ${messageOf(cause).replace(/\s+/g, ' ').slice(0, 200)}.`,
      'Install the program again.',
      { cause },
    );
  }
}

/**
 * The folder of a built-in model's installed copy, made or made anew where there is none that is as shipped. Nothing is
 * written when it is. Built-in weights are copied, not linked: a later release overwrites its own file, never one in use.
 *
 * @throws UserError `embedded-not-installed` when the models directory cannot be written, `model-busy`, `disk-full`
 */
export async function currentEmbedded(settings: RegistrySettings, model: EmbeddedModel): Promise<string> {
  const folder = paths(settings, model.name).model;
  const shipped = await sha256OfFile(model.weights);
  if (await isCurrent(folder, model, shipped)) return folder;
  const architecture = await findArchitecture(settings.graphFolders, model.architecture);
  try {
    await makeFolder(settings.directory);
    await withPatientLock(settings, model.name, async (requireHeld) => {
      await recover(settings, model.name);
      if (await isCurrent(folder, model, shipped)) return; // another process was quicker
      const weights = { path: model.weights, placement: 'copy' as const };
      await install(settings, architecture, weights, draftOf(settings, model), requireHeld);
    });
  } catch (error) {
    throw unwritable(error, settings, model.name);
  }
  return folder;
}

/** What is wrong with a built-in model that was not installed yet. */
export async function problemsOfShipped(
  { graphFolders }: Pick<RegistrySettings, 'graphFolders'>,
  { architecture, weights }: EmbeddedModel,
): Promise<string[]> {
  try {
    requireMatch(await openCheckpoint(weights), (await findArchitecture(graphFolders, architecture)).architecture);
    return [];
  } catch (error) {
    if (error instanceof UserError) return [error.message];
    throw error;
  }
}

/** Whether weights are those that were installed: by size and time, by sha256 where only the time differs. */
export async function weightsUnchanged(file: string, { weights }: Pick<Manifest, 'weights'>): Promise<boolean> {
  let info;
  try {
    info = await stat(file);
  } catch (error) {
    throw explain(error, file);
  }
  if (info.size !== weights.bytes) return false;
  return info.mtimeMs === weights.modified || (await sha256OfFile(file)) === weights.sha256;
}

async function isCurrent(folder: string, model: EmbeddedModel, shipped: string): Promise<boolean> {
  if (!(await exists(folder))) return false;
  try {
    const manifest = await readManifest(folder);
    if (manifest.weights.sha256 !== shipped || stated(manifest) !== stated(model)) return false;
    return await weightsUnchanged(join(folder, manifest.weights.file), manifest);
  } catch (error) {
    if (error instanceof UserError) return false; // damaged: made anew
    throw error;
  }
}

type Stated =
  'title' | 'architecture' | 'view' | 'following' | 'licence' | 'intendedUse' | 'trainingData' | 'demonstration';

/** What a description says of its model, to be compared. */
function stated(model: Pick<Manifest, Stated>): string {
  const { title, architecture, view, following, licence, intendedUse, trainingData, demonstration } = model;
  return JSON.stringify([title, architecture, view, following, licence, intendedUse, trainingData, demonstration]);
}

function draftOf({ now }: Pick<RegistrySettings, 'now'>, model: EmbeddedModel): ManifestDraft {
  const { name, title, architecture, view, following, licence, intendedUse, trainingData, demonstration } = model;
  const origin = { kind: 'embedded', from: 'medsam2', date: now().toISOString(), checked: 'known' } as const;
  return { name, title, architecture, view, following, origin, licence, intendedUse, trainingData, demonstration };
}

/** Programs started together all find the model missing: one makes it, the others wait. */
async function withPatientLock(
  settings: RegistrySettings,
  name: string,
  work: (requireHeld: () => void) => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + patienceSeconds * 1000;
  for (;;) {
    try {
      return await withLock(settings, name, work);
    } catch (error) {
      const isBusy = error instanceof UserError && error.code === 'model-busy';
      if (!isBusy || performance.now() > deadline) throw error;
    }
    await sleep(100);
  }
}

function unwritable(error: unknown, { directory }: RegistrySettings, name: string): unknown {
  const code = systemCode(error instanceof UserError ? error.cause : error);
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'EEXIST'].includes(code ?? '')) return error;
  return new UserError(
    'embedded-not-installed',
    `The built-in model ${name} cannot be set up in ${directory}, which cannot be written (${code}).`,
    'Set MEDSAM2_MODELS_DIR to a folder that can be written, or run medsam2 once as a user who may write there.',
    { cause: error },
  );
}
