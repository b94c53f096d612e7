import { importModel, registrySettings, resolveModel, type ResolvedModel } from '@medsam2/models';
import { repositoryRoot } from '@medsam2/models/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The small model with random weights that lies in the repository, installed in a folder of its own. */
export async function installFixture(): Promise<{ model: ResolvedModel; remove: () => Promise<void> }> {
  const fixtures = join(repositoryRoot(), 'tests', 'fixtures');
  const directory = await mkdtemp(join(tmpdir(), 'medsam2-fixture-'));
  const settings = registrySettings({
    MEDSAM2_MODELS_DIR: directory,
    MEDSAM2_GRAPHS_DIR: join(fixtures, 'graphs'),
  });
  await importModel(settings, join(fixtures, 'reference', 'weights.safetensors'), {
    config: 'fixture',
    name: 'fixture',
  });
  const model = await resolveModel(settings, 'fixture');
  return { model, remove: () => rm(directory, { recursive: true, force: true }) };
}
