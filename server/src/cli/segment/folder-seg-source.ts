import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { attributesOf } from '../../dicomweb/attributes.js';
import { text } from '../../imaging/dicom/dataset.js';
import { isDicom, parsePart10, type DicomDataset } from '../../imaging/dicom/index.js';
import type { Volume } from '../../imaging/volume.js';
import type { SegSource } from '../../segmentation/types.js';

const recogniseBytes = 256;

/**
 * What a DICOM segmentation is made from, of a volume that was read from files: their headers are read once more, because
 * a volume keeps nothing about the patient.
 *
 * @param path file or folder that the volume was read from
 */
export async function folderSegSource(path: string, volume: Volume, signal: AbortSignal): Promise<SegSource> {
  const { kind, modality, geometry, findings, sliceSources = [] } = volume;
  const wanted = new Set(sliceSources.map(({ sopInstanceUid }) => sopInstanceUid));
  const attributes = new Map<string, DicomDataset>();
  for (const file of await filesOf(path)) {
    signal.throwIfAborted();
    if (attributes.size === wanted.size) break;
    if (!(await looksLikeDicom(file))) continue;
    const { dataset } = parsePart10(await readFile(file, { signal }));
    const uid = text(dataset, '00080018') ?? '';
    if (wanted.has(uid) && !attributes.has(uid)) attributes.set(uid, attributesOf(dataset));
  }
  return { kind, ...(modality === undefined ? {} : { modality }), geometry, findings, sliceSources, attributes };
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function looksLikeDicom(file: string): Promise<boolean> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return false;
  try {
    const start = new Uint8Array(recogniseBytes);
    const { bytesRead } = await handle.read(start, 0, recogniseBytes, 0);
    return isDicom(start.subarray(0, bytesRead));
  } catch {
    return false; // a link to a folder
  } finally {
    await handle.close();
  }
}
