import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.js';
import { explain, messageOf, systemCode } from '../files/errors.js';
import { knownModelSchema, type KnownModel } from './schemas.js';

/** The manifests that come with this package. */
export function shippedManifests(): string {
  return fileURLToPath(new URL('../../manifests', import.meta.url));
}

/** The folders of the models that come with this package. */
export function shippedModels(): string[] {
  return [fileURLToPath(new URL('../../nano', import.meta.url))];
}

/**
 * All known models, sorted by name.
 *
 * @throws UserError `manifest-invalid`
 */
export async function readKnownModels(folder: string): Promise<KnownModel[]> {
  const files = await listJson(folder);
  const models = await Promise.all(files.map((file) => readKnownModel(join(folder, file))));
  return models.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function listJson(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.json'));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw explain(error, folder);
  }
}

async function readKnownModel(file: string): Promise<KnownModel> {
  try {
    return knownModelSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new UserError(
      'manifest-invalid',
      `${file} is not a valid manifest: ${messageOf(cause).slice(0, 200)}.`,
      'Correct the file, or install the program again.',
      { cause },
    );
  }
}
