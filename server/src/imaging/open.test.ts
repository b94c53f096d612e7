import { sharedData } from '@medsam2/models/testing';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { readNpzLabels } from './formats/npz.js';
import { isSameGrid } from './geometry.js';
import { detectFormat, openVolume } from './open.js';
import { makePhantom } from './testing/phantom.js';
import { temporaryFolder } from './testing/temporary.js';
import { writeLabelMap } from './write.js';

const data = sharedData();
const folder = temporaryFolder();

describe('openVolume', () => {
  it.each([
    ['nii', 'nifti'],
    ['nii.gz', 'nifti'],
    ['nrrd', 'nrrd'],
    ['mha', 'metaimage'],
    ['npz', 'npz'],
  ])('recognises .%s by its content, whatever its name', async (ending, format) => {
    const path = join(folder, `a.${ending}`);
    await writeLabelMap(path, makePhantom({ slices: 2 }).truth);
    expect(await detectFormat(path)).toBe(format);
    const renamed = join(folder, `renamed_${ending}`);
    copyFileSync(path, renamed);
    expect(await detectFormat(renamed)).toBe(format);
  });
});

(data ? describe : describe.skip)('openVolume on the shared data', () => {
  it.each(['ct_chest_3mm', 'mr_brain_tumour', 'synth_pet', 'mr_abdomen_3mm'])(
    'reads the labels of %s alike from NRRD and npz',
    async (name) => {
      const [nrrd, npz] = ['gt.nrrd', 'gt.npz'].map((file) => join(data as string, name, file));
      expect(existsSync(nrrd) && existsSync(npz)).toBe(true);
      const [volume, labels] = [await openVolume(nrrd), await readNpzLabels(npz, 'gts')];
      expect(isSameGrid(volume.geometry, labels.geometry, 1e-3)).toBe(true);
      expect(Buffer.compare(Buffer.from(volume.voxels), Buffer.from(labels.labels))).toBe(0);
      expect(new Set(labels.labels).size).toBeGreaterThan(1);
    },
  );

  it('opens a DICOM folder, and writes its labels as NIfTI on the same grid to within 1e-4 mm', async () => {
    const volume = await openVolume(join(data as string, 'ct_chest_3mm', 'dicom'));
    const truth = await readNpzLabels(join(data as string, 'ct_chest_3mm', 'gt.npz'), 'gts');
    expect(volume.modality).toBe('CT');
    expect(isSameGrid(volume.geometry, truth.geometry, 1e-3)).toBe(true);
    const path = join(folder, 'chest.nii.gz');
    await writeLabelMap(path, { labels: truth.labels, geometry: volume.geometry }, volume);
    const written = await openVolume(path);
    expect(isSameGrid(written.geometry, volume.geometry, 1e-4)).toBe(true);
    expect(Buffer.compare(Buffer.from(written.voxels), Buffer.from(truth.labels))).toBe(0);
  });
});
