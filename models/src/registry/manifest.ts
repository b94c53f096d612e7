import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { messageOf, systemCode } from '../files/errors.js';
import { manifestSchema, type Manifest } from './schemas.js';

/**
 * The manifest of an installed model.
 *
 * @param folder the model's folder
 * @throws UserError `model-broken`
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const file = join(folder, 'manifest.json');
  try {
    return manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    const what = systemCode(cause) === 'ENOENT' ? 'is missing' : `cannot be used (${messageOf(cause).slice(0, 200)})`;
    throw new UserError(
      'model-broken',
      `The model's file ${file} ${what}.`,
      'Remove the model and install it again: medsam2 models remove, then pull or import.',
      { cause },
    );
  }
}
