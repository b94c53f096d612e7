import { dirname, join, resolve } from 'node:path';
import { graphNames, type Architecture, type GraphName } from '../architecture.js';
import { findArchitecture, type InstalledArchitecture } from '../bind/architectures.js';
import { bindingVersion } from '../bind/bind-graph.js';
import { requireMatch } from '../checkpoint/match.js';
import { openCheckpoint } from '../checkpoint/open.js';
import type { Checkpoint } from '../checkpoint/types.js';
import { UserError } from '../errors.js';
import { sha256OfFile } from '../files/hash.js';
import { currentEmbedded, readEmbedded, weightsUnchanged } from './embedded.js';
import { exists, writeBoundGraphs, writeManifest } from './install.js';
import { readKnownModels } from './known.js';
import { installedFolders } from './list.js';
import { withLock } from './lock.js';
import { readManifest } from './manifest.js';
import { modelName, type Licence, type Manifest, type ModelFollowing, type ModelView } from './schemas.js';
import { paths, type RegistrySettings } from './settings.js';

/** All the engine needs to load a model and to say what it was. */
export interface ResolvedModel {
  readonly name: string;
  readonly directory: string;
  readonly manifest: Manifest;
  readonly architecture: Architecture;
  /** graphs bound to the weights, to be loaded by path */
  readonly graphPaths: Readonly<Record<GraphName, string>>;
  /** for the host's own tensors ({@link readTensor}) */
  readonly checkpoint: Checkpoint;
  readonly weightsSha256: string;
  /** what of a slice the model was made to see */
  readonly view: ModelView;
  /** how it follows an object unless told otherwise */
  readonly following: ModelFollowing;
  /** true: the masks are not to be relied on, and every result must say so */
  readonly demonstration: boolean;
  /** true: it came with the program */
  readonly embedded: boolean;
  readonly licence: Licence;
}

/**
 * An installed model, checked for use: weights unchanged since they were installed (size and time; the sha256 when the time
 * differs), keys and shapes, graphs up to date (bound again when the program's graphs have changed).
 *
 * A model that comes with the program is installed when it is first used, and again when a newer program brings other weights.
 *
 * @param nameOrFolder a model's name, or the path of a model's folder; default: the only installed model that did not come
 *   with the program, or where there is none, the one that did
 * @throws UserError `no-model`, `embedded-not-installed`, `model-choice`, `model-not-installed`, `model-broken`, `model-changed`, `checkpoint-…`, `graph-…`
 */
export async function resolveModel(settings: RegistrySettings, nameOrFolder?: string): Promise<ResolvedModel> {
  const directory = await findFolder(settings, nameOrFolder ?? (await usualModel(settings)));
  const manifest = await readManifest(directory);
  const installed = await findArchitecture(settings.graphFolders, manifest.architecture);
  const weights = join(directory, manifest.weights.file);
  await requireUnchanged(weights, manifest);
  const checkpoint = await openCheckpoint(weights);
  requireMatch(checkpoint, installed.architecture);
  const current = (await graphsAreCurrent(directory, manifest, installed))
    ? manifest
    : await bindAgain(directory, manifest.name, installed, checkpoint);
  const path = (graph: GraphName) => join(directory, `${graph}.onnx`);
  return {
    name: manifest.name,
    directory,
    manifest: current,
    architecture: installed.architecture,
    graphPaths: {
      image_encoder: path('image_encoder'),
      memory_attention: path('memory_attention'),
      mask_decoder: path('mask_decoder'),
      memory_encoder: path('memory_encoder'),
    },
    checkpoint,
    weightsSha256: manifest.weights.sha256,
    view: manifest.view ?? installed.architecture.view ?? 'full',
    following: manifest.following ?? 'memory',
    demonstration: manifest.demonstration,
    embedded: manifest.origin.kind === 'embedded',
    licence: manifest.licence,
  };
}

async function usualModel(settings: RegistrySettings): Promise<string> {
  const embedded = (await readEmbedded(settings)).map(({ name }) => name);
  const names = (await installedFolders(settings.directory)).filter((name) => !embedded.includes(name));
  if (names.length === 0 && embedded.length > 0) return embedded[0];
  if (names.length === 1) return names[0];
  if (names.length > 1)
    throw new UserError(
      'model-choice',
      `${names.length} models are installed.`,
      `Choose one with --model: ${names.join(', ')}.`,
    );
  throw new UserError(
    'no-model',
    `No model is installed in ${settings.directory}.`,
    'Install one: medsam2 models list, then medsam2 models pull NAME; without internet: medsam2 models import FILE.',
  );
}

async function findFolder(settings: RegistrySettings, nameOrFolder: string): Promise<string> {
  if (modelName.safeParse(nameOrFolder).success) {
    const embedded = (await readEmbedded(settings)).find(({ name }) => name === nameOrFolder);
    if (embedded) return currentEmbedded(settings, embedded);
    const folder = paths(settings, nameOrFolder).model;
    if (await exists(folder)) return folder;
  }
  const path = resolve(nameOrFolder);
  if (await exists(join(path, 'manifest.json'))) return path;
  if (await exists(path))
    throw new UserError(
      'model-not-installed',
      `${nameOrFolder} is not an installed model.`,
      `Import the weights first: medsam2 models import ${nameOrFolder}`,
    );
  const known = (await readKnownModels(settings.manifestFolder)).find(({ name }) => name === nameOrFolder);
  const installed = await installedFolders(settings.directory);
  throw new UserError(
    'model-not-installed',
    `The model ${nameOrFolder} is not installed in ${settings.directory}.`,
    known?.status === 'available'
      ? `Install it: medsam2 models pull ${nameOrFolder}`
      : `Installed: ${installed.join(', ') || 'none'}. medsam2 models list shows what can be pulled.`,
  );
}

async function requireUnchanged(file: string, manifest: Manifest): Promise<void> {
  if (await weightsUnchanged(file, manifest)) return;
  throw new UserError(
    'model-changed',
    `The weights ${file} are not those that were installed.`,
    'Install the model again, or import the changed weights under another name.',
  );
}

async function graphsAreCurrent(
  directory: string,
  { graphs, binding }: Manifest,
  { architecture }: InstalledArchitecture,
): Promise<boolean> {
  if (binding !== bindingVersion) return false;
  for (const graph of graphNames) {
    const file = join(directory, `${graph}.onnx`);
    if (graphs[graph].source !== architecture.graphs[graph] || !(await exists(file))) return false;
    if ((await sha256OfFile(file)) !== graphs[graph].bound) return false;
  }
  return true;
}

/** Graphs are made from the weights and the program; where they are old or damaged, they are simply made again. */
async function bindAgain(
  directory: string,
  name: string,
  installed: InstalledArchitecture,
  checkpoint: Checkpoint,
): Promise<Manifest> {
  return withLock({ directory: dirname(directory) }, name, async (requireHeld) => {
    const manifest = await readManifest(directory);
    const graphs = await writeBoundGraphs(directory, installed, checkpoint, manifest.weights.file);
    const current = { ...manifest, binding: bindingVersion, graphs };
    requireHeld();
    await writeManifest(directory, current);
    return current;
  });
}
