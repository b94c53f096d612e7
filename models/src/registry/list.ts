import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { graphNames } from '../architecture.js';
import { UserError } from '../errors.js';
import { explain, systemCode } from '../files/errors.js';
import { readEmbedded, type EmbeddedModel } from './embedded.js';
import { readKnownModels } from './known.js';
import { readManifest } from './manifest.js';
import { modelName, type KnownModel } from './schemas.js';
import { paths, type RegistrySettings } from './settings.js';

export interface ListedModel {
  readonly name: string;
  readonly title: string;
  /**
   * `built-in` comes with the program and is installed when it is first used; `available` can be pulled; `unsupported` is
   * known and cannot be used
   */
  readonly state: 'installed' | 'broken' | 'built-in' | 'available' | 'unsupported';
  /** comes with the program, whether installed yet or not */
  readonly embedded: boolean;
  /** why it is broken or unsupported */
  readonly reason?: string;
  readonly licence: string;
  /** terms must be accepted by name */
  readonly restricted: boolean;
  readonly demonstration: boolean;
  /** installed, or known to be downloaded */
  readonly bytes?: number;
  /** of a download that was broken off */
  readonly partialBytes?: number;
}

/**
 * Installed models, then those that come with the program, then those that can be pulled, then those that are known and not supported. Quick: files are looked at,
 * not read (`verifyModels` reads them).
 */
export async function listModels(settings: RegistrySettings): Promise<ListedModel[]> {
  const installed = await installedFolders(settings.directory);
  const known = await readKnownModels(settings.manifestFolder);
  const embedded = await readEmbedded(settings);
  const isEmbedded = (name: string) => embedded.some((model) => model.name === name);
  const here = await Promise.all(installed.map((name) => describeInstalled(settings, name, isEmbedded(name))));
  const builtIn = await Promise.all(
    embedded.filter(({ name }) => !installed.includes(name)).map((model) => describeEmbedded(model)),
  );
  const others = known.filter(({ name }) => !installed.includes(name) && !isEmbedded(name));
  const elsewhere = await Promise.all(others.map((model) => describeKnown(settings, model)));
  const order = ['available', 'unsupported'];
  return [...here, ...builtIn, ...elsewhere.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))];
}

/** Names of the folders in the models directory that can be models, sorted; none when the directory does not exist. */
export async function installedFolders(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && modelName.safeParse(entry.name).success)
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw explain(error, directory);
  }
}

async function describeInstalled(settings: RegistrySettings, name: string, embedded: boolean): Promise<ListedModel> {
  const folder = paths(settings, name).model;
  try {
    const manifest = await readManifest(folder);
    const { title, weights, licence, demonstration } = manifest;
    const about = {
      name,
      title,
      embedded,
      licence: licence.spdx,
      restricted: licence.restricted,
      demonstration,
      bytes: weights.bytes,
    };
    const reason = await missingPart(folder, weights.file, weights.bytes);
    return reason === undefined ? { ...about, state: 'installed' } : { ...about, state: 'broken', reason };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const reason = error.message;
    const unknown = { title: name, licence: 'unknown', restricted: false, demonstration: false };
    return { name, ...unknown, embedded, state: 'broken', reason };
  }
}

async function missingPart(folder: string, weightsFile: string, bytes: number): Promise<string | undefined> {
  const size = await sizeOf(join(folder, weightsFile));
  if (size === undefined) return `The weights ${weightsFile} are missing.`;
  if (size !== bytes) return `The weights have ${size} bytes instead of ${bytes}.`;
  for (const graph of graphNames)
    if ((await sizeOf(join(folder, `${graph}.onnx`))) === undefined) return `The graph ${graph}.onnx is missing.`;
  return undefined;
}

async function describeEmbedded({ name, title, licence, demonstration, weights }: EmbeddedModel): Promise<ListedModel> {
  const about = { name, title, licence: licence.spdx, restricted: false, demonstration };
  return { ...about, embedded: true, state: 'built-in', bytes: await sizeOf(weights) };
}

async function describeKnown(settings: RegistrySettings, model: KnownModel): Promise<ListedModel> {
  const { name, title, licence } = model;
  const about = { name, title, licence: licence.spdx, restricted: licence.restricted, embedded: false };
  if (model.status === 'unsupported')
    return { ...about, state: 'unsupported', reason: model.reason, demonstration: false };
  const partialBytes = await sizeOf(paths(settings, name).partial);
  const { demonstration, source } = model;
  return { ...about, state: 'available', demonstration, bytes: source.bytes ?? undefined, partialBytes };
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw explain(error, file);
  }
}
