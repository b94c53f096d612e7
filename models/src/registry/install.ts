import { makeFolders } from '../files/folders.js';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { GraphName } from '../architecture.js';
import { readGraph, type InstalledArchitecture } from '../bind/architectures.js';
import { bindGraph, bindingVersion } from '../bind/bind-graph.js';
import { requireMatch } from '../checkpoint/match.js';
import { openCheckpoint } from '../checkpoint/open.js';
import type { Checkpoint } from '../checkpoint/types.js';
import { syncFolder, writeDurably } from '../files/durable.js';
import { explain, systemCode } from '../files/errors.js';
import { sha256, sha256OfFile } from '../files/hash.js';
import { place, type Placement } from './place.js';
import type { Manifest } from './schemas.js';
import { makeFolder, paths, type RegistrySettings } from './settings.js';

/** A manifest without what installing finds out. */
export type ManifestDraft = Omit<Manifest, 'formatVersion' | 'weights' | 'graphs' | 'binding'>;

/**
 * Puts a model together beside the models directory's contents and renames it into place in one step; a model of the same
 * name stays usable until then. The caller holds the model's lock.
 *
 * @param weights path of the weights; checked against the architecture's keys before anything is written
 * @throws UserError of the checkpoint, of the graphs, of the disk; then nothing has changed
 */
export async function install(
  settings: RegistrySettings,
  installed: InstalledArchitecture,
  weights: { readonly path: string; readonly placement: Placement },
  draft: ManifestDraft,
  requireHeld: () => void,
): Promise<Manifest> {
  const { staging } = paths(settings, draft.name);
  const { format } = await checked(weights.path, installed);
  await recover(settings, draft.name);
  await makeFolder(staging);
  try {
    const file = `weights.${format}` as const;
    const target = join(staging, file);
    await place(weights.path, target, weights.placement);
    const info = await stat(target);
    const manifest: Manifest = {
      formatVersion: 1,
      ...draft,
      weights: { file, sha256: await sha256OfFile(target), bytes: info.size, modified: info.mtimeMs },
      binding: bindingVersion,
      graphs: await writeBoundGraphs(staging, installed, await checked(target, installed), file),
    };
    await writeManifest(staging, manifest);
    await syncFolder(staging);
    requireHeld();
    await swapIn(settings, draft.name);
    return manifest;
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw explain(error, staging);
  }
}

/** Finishes or undoes what an earlier, killed process began with this model. The caller holds the lock. */
export async function recover(settings: RegistrySettings, name: string): Promise<void> {
  const { model, staging, replaced } = paths(settings, name);
  try {
    await rm(staging, { recursive: true, force: true });
    if (!(await exists(model)) && (await exists(replaced))) await rename(replaced, model);
    await rm(replaced, { recursive: true, force: true });
  } catch (error) {
    throw explain(error, model);
  }
}

/**
 * Binds all graphs to a checkpoint and writes them beside the weights.
 *
 * @returns per graph, the sha256 of the shipped graph and of the bound one
 */
export async function writeBoundGraphs(
  folder: string,
  installed: InstalledArchitecture,
  checkpoint: Checkpoint,
  weightsFile: string,
): Promise<Manifest['graphs']> {
  const bind = async (name: GraphName) => {
    const expected = Object.entries(installed.architecture.tensors)
      .filter(([, { graphs }]) => graphs.includes(name))
      .map(([key]) => key);
    const bound = bindGraph(await readGraph(installed, name), checkpoint, weightsFile, expected);
    const file = join(folder, `${name}.onnx`);
    await writeDurably(`${file}.new`, bound);
    await rename(`${file}.new`, file);
    return { source: installed.architecture.graphs[name], bound: sha256(bound) };
  };
  // One after the other: when one fails, none is still writing into a folder that is being cleaned up.
  return {
    image_encoder: await bind('image_encoder'),
    memory_attention: await bind('memory_attention'),
    mask_decoder: await bind('mask_decoder'),
    memory_encoder: await bind('memory_encoder'),
  };
}

export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const file = join(folder, 'manifest.json');
  await writeDurably(`${file}.new`, `${JSON.stringify(manifest, null, 2)}\n`);
  await rename(`${file}.new`, file);
}

async function checked(file: string, { architecture }: InstalledArchitecture): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(file);
  requireMatch(checkpoint, architecture);
  return checkpoint;
}

async function swapIn(settings: RegistrySettings, name: string): Promise<void> {
  const { model, staging, replaced } = paths(settings, name);
  if (await exists(model)) {
    await makeFolders(dirname(replaced));
    await rename(model, replaced);
  }
  await rename(staging, model);
  await syncFolder(settings.directory);
  await rm(replaced, { recursive: true, force: true });
}

export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false;
    throw explain(error, path);
  }
}
