import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { graphNames } from '../architecture.js';
import { findArchitecture } from '../bind/architectures.js';
import { requireMatch } from '../checkpoint/match.js';
import { openCheckpoint } from '../checkpoint/open.js';
import { UserError } from '../errors.js';
import { explain, systemCode } from '../files/errors.js';
import { sha256OfFile } from '../files/hash.js';
import { problemsOfShipped, readEmbedded } from './embedded.js';
import { installedFolders } from './list.js';
import { readManifest } from './manifest.js';
import type { Manifest } from './schemas.js';
import { paths, requireName, type RegistrySettings } from './settings.js';

export interface Verification {
  readonly name: string;
  /** sentences; none: the model is as it was installed */
  readonly problems: readonly string[];
}

/**
 * Reads installed models wholly and compares them with their manifests: sha256 of the weights and of the bound graphs, keys
 * and shapes, graphs up to date. Of a model that comes with the program and was not used yet, the weights' keys and shapes.
 *
 * @param name default: all installed models
 * @throws UserError `model-name`, `model-not-installed`
 */
export async function verifyModels(settings: RegistrySettings, name?: string): Promise<Verification[]> {
  const installed = await installedFolders(settings.directory);
  const shipped = (await readEmbedded(settings)).filter((model) => !installed.includes(model.name));
  const all = [...installed, ...shipped.map((model) => model.name)];
  if (name !== undefined && !all.includes(requireName(name))) throw notInstalled(name);
  const results: Verification[] = [];
  for (const each of name === undefined ? all : [name]) {
    const builtIn = shipped.find((model) => model.name === each);
    const problems = builtIn
      ? await problemsOfShipped(settings, builtIn)
      : (await problemsOf(settings, paths(settings, each).model)).problems;
    results.push({ name: each, problems });
  }
  return results;
}

export function notInstalled(name: string): UserError {
  return new UserError(
    'model-not-installed',
    `The model ${name} is not installed.`,
    'medsam2 models list shows what is installed and what can be pulled.',
  );
}

/** What is wrong with the model in a folder, found by reading all of it. */
export async function problemsOf(
  settings: Pick<RegistrySettings, 'graphFolders'>,
  folder: string,
): Promise<{ problems: string[]; manifest?: Manifest }> {
  const problems: string[] = [];
  const collect = async (check: () => Promise<void>) => {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push(error.message);
    }
  };
  let manifest: Manifest | undefined;
  await collect(async () => {
    manifest = await readManifest(folder);
  });
  if (manifest === undefined) return { problems };
  const { name, weights, graphs, architecture: architectureName } = manifest;
  if (name !== basename(folder)) problems.push(`The folder ${folder} holds the model ${name}.`);
  const weightsFile = join(folder, weights.file);
  await collect(async () => {
    if ((await sizeOf(weightsFile)) !== weights.bytes) throw changed(weightsFile, 'size');
    if ((await sha256OfFile(weightsFile)) !== weights.sha256) throw changed(weightsFile, 'sha256');
  });
  await collect(async () => {
    const { architecture } = await findArchitecture(settings.graphFolders, architectureName);
    if (await fileExists(weightsFile)) requireMatch(await openCheckpoint(weightsFile), architecture);
  });
  for (const graph of graphNames)
    await collect(async () => {
      const file = join(folder, `${graph}.onnx`);
      if ((await sha256OfFile(file)) !== graphs[graph].bound) throw changed(file, 'sha256');
    });
  return { problems, manifest };
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    throw explain(error, file);
  }
}

async function fileExists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false; // already reported
    throw explain(error, file);
  }
}

function changed(file: string, what: string): UserError {
  return new UserError(
    'model-changed',
    `${file} is not as it was installed: its ${what} differs.`,
    'Install it again.',
  );
}
