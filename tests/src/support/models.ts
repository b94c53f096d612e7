import {
  importModel,
  registrySettings,
  resolveModel,
  type RegistrySettings,
  type ResolvedModel,
} from '@medsam2/models';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from './root.js';

/** Where the small random-weight model and its recordings lie. */
export const fixtures = join(repositoryRoot(), 'tests', 'fixtures');
export const fixtureWeights = join(fixtures, 'reference', 'weights.safetensors');
export const fixtureReference = join(fixtures, 'reference', 'reference.safetensors');

/** A models directory of its own, which knows the fixture's architecture or those in `graphs`; removed by `dispose`. */
export interface TemporaryRegistry {
  readonly settings: RegistrySettings;
  readonly directory: string;
  dispose(): Promise<void>;
}

export async function temporaryRegistry(graphs = join(fixtures, 'graphs')): Promise<TemporaryRegistry> {
  const directory = await mkdtemp(join(tmpdir(), 'medsam2-models-'));
  const settings = registrySettings({
    ...process.env,
    MEDSAM2_MODELS_DIR: directory,
    MEDSAM2_GRAPHS_DIR: graphs,
  });
  return { settings, directory, dispose: () => rm(directory, { recursive: true, force: true }) };
}

/** Import weights and resolve them as the engine would. */
export async function installModel(
  { settings }: TemporaryRegistry,
  weights: string,
  architecture: string,
  name: string,
): Promise<ResolvedModel> {
  await importModel(settings, weights, { config: architecture, name });
  return resolveModel(settings, name);
}
