import { UserError } from '@medsam2/models';
import { basename } from 'node:path';
import { asLabels, NpzArchive, readNpzLabels } from '../imaging/formats/npz.js';
import { detectFormat, openVolume } from '../imaging/open.js';
import type { LabelFile } from './evaluate.js';

/**
 * Reads a label map from NIfTI, NRRD, MetaImage or npz. Of an npz, a truth is `gts` (or `segs` where there is none), a
 * prediction is `segs` (specification section 8.2).
 *
 * @throws UserError `labels-colour`, and those of the readers
 */
export async function readLabelFile(path: string, role: 'truth' | 'prediction'): Promise<LabelFile> {
  if ((await detectFormat(path)) === 'npz') return readNpz(path, role);
  const volume = await openVolume(path);
  if (volume.channels !== 1) {
    throw new UserError(
      'labels-colour',
      `${basename(path)} holds colours.`,
      'Give a label map with one number per voxel.',
    );
  }
  const labels = asLabels(volume.voxels, 'of labels');
  return { labels, geometry: volume.geometry, hasSpacing: true, hasPosition: true };
}

async function readNpz(path: string, role: 'truth' | 'prediction'): Promise<LabelFile> {
  const archive = await NpzArchive.open(path);
  const has = (name: string): boolean => archive.has(name);
  const [hasSpacing, hasPosition] = [has('spacing'), has('spacing') && has('origin') && has('direction')];
  const array = role === 'prediction' || (!has('gts') && has('segs')) ? 'segs' : 'gts';
  archive.close();
  return { ...(await readNpzLabels(path, array)), hasSpacing, hasPosition };
}
