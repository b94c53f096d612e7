import { makeFolders } from '../files/folders.js';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { explain } from '../files/errors.js';
import { discardPartial } from './download.js';
import { exists, recover } from './install.js';
import { withLock } from './lock.js';
import { paths, requireName, type RegistrySettings } from './settings.js';
import { notInstalled } from './verify.js';

/**
 * Removes an installed model and any partial download of it. Only the link to imported weights goes; their own file stays.
 *
 * @throws UserError `model-name`, `model-not-installed`, `model-busy`, `permission-denied`
 */
export async function removeModel(settings: RegistrySettings, name: string): Promise<void> {
  const where = paths(settings, requireName(name));
  if (!(await exists(settings.directory))) throw notInstalled(name);
  await withLock(settings, name, async () => {
    await recover(settings, name);
    const installed = await exists(where.model);
    if (!installed && !(await exists(where.partial))) throw notInstalled(name);
    try {
      await discardPartial(where);
      if (!installed) return;
      await makeFolders(dirname(where.staging));
      await rename(where.model, where.staging); // gone in one step, whatever happens to the rest
      await rm(where.staging, { recursive: true });
    } catch (error) {
      throw explain(error, where.model);
    }
  });
}
