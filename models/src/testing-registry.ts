/** For tests: a registry in a folder of its own, with the tiny architecture and manifests as given. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registrySettings, type RegistrySettings } from './registry/settings.js';
import type { AvailableModel } from './registry/schemas.js';
import { writeTinyArchitecture } from './testing-checkpoints.js';

export interface TestRegistry {
  readonly root: string;
  readonly settings: RegistrySettings;
  /** writes a manifest of the name `toy` (or another) */
  readonly know: (
    change?: Partial<Omit<AvailableModel, 'source'>> & { readonly source?: Partial<AvailableModel['source']> },
  ) => void;
  /** paths of everything in the models directory except locks, with sizes; equal before and after: nothing has changed */
  readonly snapshot: () => string[];
  readonly remove: () => void;
}

export function testRegistry(overrides: Partial<RegistrySettings> = {}): TestRegistry {
  const root = mkdtempSync(join(tmpdir(), 'medsam2-registry-'));
  const [graphs, manifests, directory] = ['graphs', 'manifests', 'models'].map((name) => join(root, name));
  mkdirSync(manifests);
  writeTinyArchitecture(graphs);
  const settings = registrySettings(
    { MEDSAM2_MODELS_DIR: directory },
    {
      graphFolders: [graphs],
      manifestFolder: manifests,
      embeddedFolders: [],
      user: 'tester',
      now: () => new Date('2024-05-06T07:08:09Z'),
      retries: 0,
      ...overrides,
    },
  );
  return {
    root,
    settings,
    know: (change = {}) => {
      const manifest = { ...toy, ...change, source: { ...toy.source, ...change.source } };
      writeFileSync(join(manifests, `${manifest.name}.json`), JSON.stringify(manifest));
    },
    snapshot: () => tree(settings.directory),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

const toy: AvailableModel = {
  formatVersion: 1,
  status: 'available',
  name: 'toy',
  title: 'Toy weights',
  architecture: 'tiny',
  source: { url: 'https://localhost/weights.pt', sha256: null, bytes: null },
  licence: {
    spdx: 'CC0-1.0',
    holder: 'nobody',
    url: 'https://example.org/licence',
    restricted: false,
    terms: 'No terms.',
  },
  intendedUse: 'Tests.',
  trainingData: 'None.',
  demonstration: true,
};

function tree(folder: string): string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (name) => !name.startsWith('.locks'),
    );
    return names
      .map((name) => ({ name, info: statSync(join(folder, name)) }))
      .map(({ name, info }) => (info.isDirectory() ? `${name}/` : `${name} ${info.size} ${info.mtimeMs}`))
      .sort();
  } catch {
    return [];
  }
}
