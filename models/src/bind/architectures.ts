import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { architectureSchema, type Architecture, type GraphName } from '../architecture.js';
import { UserError } from '../errors.js';
import { explain, messageOf, systemCode } from '../files/errors.js';
import { sha256 } from '../files/hash.js';

/** The graphs that come with this package. */
export function shippedGraphs(): string {
  return fileURLToPath(new URL('../../graphs', import.meta.url));
}

export interface InstalledArchitecture {
  readonly directory: string;
  readonly architecture: Architecture;
}

/**
 * All architectures under the given folders (`<folder>/<name>/architecture.json`), sorted by name; where two folders have
 * the same name, the first folder's counts.
 *
 * @throws UserError `architecture-invalid` for an architecture.json that cannot be read
 */
export async function listArchitectures(folders: readonly string[]): Promise<InstalledArchitecture[]> {
  const found = new Map<string, InstalledArchitecture>();
  for (const folder of folders)
    for (const name of await subfolders(folder)) {
      const directory = join(folder, name);
      const architecture = await readArchitecture(directory);
      if (architecture && !found.has(architecture.name)) found.set(architecture.name, { directory, architecture });
    }
  return [...found.values()].sort((a, b) => (a.architecture.name < b.architecture.name ? -1 : 1));
}

/**
 * The architecture of a name or alias (`medsam2`, `sam2.1_hiera_t512`, `configs/sam2.1_hiera_t512.yaml`).
 *
 * @throws UserError `architecture-unknown`
 */
export async function findArchitecture(folders: readonly string[], name: string): Promise<InstalledArchitecture> {
  const all = await listArchitectures(folders);
  const wanted = name.replace(/^.*\//, '').replace(/\.ya?ml$/, '');
  const found = all.find(({ architecture }) => architecture.name === wanted || architecture.aliases.includes(wanted));
  if (found) return found;
  throw new UserError(
    'architecture-unknown',
    `There are no graphs for the architecture ${JSON.stringify(name)}.`,
    `Known: ${all.map(({ architecture }) => [architecture.name, ...architecture.aliases].join(' = ')).join('; ') || 'none'}.`,
  );
}

/**
 * One weight-free graph, as shipped.
 *
 * @throws UserError `graph-damaged` when its sha256 is not the one in architecture.json
 */
export async function readGraph(
  { directory, architecture }: InstalledArchitecture,
  name: GraphName,
): Promise<Uint8Array> {
  const file = join(directory, `${name}.onnx`);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw explain(error, file);
  }
  if (sha256(bytes) !== architecture.graphs[name])
    throw new UserError(
      'graph-damaged',
      `The graph ${file} is not the one architecture.json describes (its sha256 differs).`,
      'Install the program again; do not edit its graphs.',
    );
  return bytes;
}

async function subfolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw explain(error, folder);
  }
}

async function readArchitecture(directory: string): Promise<Architecture | undefined> {
  const file = join(directory, 'architecture.json');
  try {
    return architectureSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new UserError(
      'architecture-invalid',
      `${file} is not a valid description of an architecture: ${messageOf(error).slice(0, 200)}.`,
      'Install the program again, or write the file again with export_graphs.py.',
      { cause: error },
    );
  }
}
