import { UserError } from '@medsam2/models';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makePrivateFolder, systemCode, writePrivate } from '../durable/private-files.js';

const schema = z.object({ serial: z.uuid() });

/**
 * The serial number of this installation, which segmentations name as that of the device that made them (DICOM
 * C.7.5.2); made once and kept.
 *
 * @throws UserError `folder-unusable`, `installation-unreadable`
 */
export async function installationSerial(dataDirectory: string): Promise<string> {
  await makePrivateFolder(dataDirectory);
  const path = join(dataDirectory, 'installation.json');
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8'))).serial;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') {
      throw new UserError('installation-unreadable', `The file ${path} cannot be used.`, 'Restore or remove it.', {
        cause: error,
      });
    }
  }
  const serial = randomUUID();
  await writePrivate(path, JSON.stringify({ serial }));
  return serial;
}
