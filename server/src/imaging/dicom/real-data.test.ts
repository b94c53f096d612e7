import { join } from 'node:path';
import { sharedData } from '@medsam2/models/testing';
import { gridFromAffine, isSameGrid, fromColumns, scale, column, type Matrix3, type Vector3 } from '../geometry.js';
import { NpzArchive } from '../formats/npz.js';
import type { Volume } from '../volume.js';
import { readDicomFolder } from './read-folder.js';
import { selectVolume } from './select-volume.js';

const data = sharedData();
const codes = (volume: { findings: readonly { code: string }[] }): string[] => volume.findings.map(({ code }) => code);
const at = (...parts: string[]): string => join(data ?? '', ...parts);
const load = async (path: string, volume?: number): Promise<Volume> =>
  selectVolume(await readDicomFolder(path), { volume }).load();

function range(volume: Volume): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of volume.voxels) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

if (!data) {
  it.skip('real series (no shared test data beside the repository)', () => undefined);
} else {
  describe('real and labelled series', () => {
    it.each([
      'ct_chest_3mm',
      'ct_body_j2k',
      'mr_brain_tumour',
      'mr_breast_crop',
      'mr_abdomen_3mm',
      'synth_ct',
      'synth_pet',
    ])('%s lies on the grid of its labels', async (name) => {
      const candidate = selectVolume(await readDicomFolder(at(name, 'dicom')));
      expect(candidate.findings.filter(({ severity }) => severity !== 'info')).toEqual([]);
      const truth = await NpzArchive.open(at(name, 'gt.npz'));
      const { shape } = await truth.header('gts');
      const numbers = async (array: string): Promise<number[]> => [...(await truth.read(array)).values];
      const direction = (await numbers('direction')) as unknown as Matrix3;
      const spacing = await numbers('spacing');
      const [u, v, w] = ([0, 1, 2] as const).map((axis) => scale(column(direction, axis), spacing[axis]));
      const origin = (await numbers('origin')) as unknown as Vector3;
      truth.close();
      const expected = gridFromAffine(
        { columns: shape[2], rows: shape[1], slices: shape[0] },
        { linear: fromColumns(u, v, w), origin },
      );
      expect(expected && isSameGrid(candidate.geometry, expected, 0.01)).toBe(true);
    });

    it('ct_body_j2k without identifiers can be read, with a warning', async () => {
      const volume = await load(at('ct_body_j2k', 'as_distributed'));
      expect(codes(volume)).toEqual(['missing-identifiers']);
    });

    it('synth_pet: rescaled slice by slice', async () => {
      const volume = await load(at('synth_pet', 'dicom'));
      expect(volume.voxels).toBeInstanceOf(Float32Array);
      expect(range(volume)[1]).toBeCloseTo(55901.39, 1);
    });

    it('ct_ge_3slice: padding below every tissue, segmentations beside it ignored', async () => {
      const result = await readDicomFolder(at('ct_ge_3slice'));
      expect(result.findings.map(({ code }) => code)).toEqual(['not-dicom', 'other-objects']);
      const volume = await selectVolume(result).load();
      expect(volume.voxels).toBeInstanceOf(Int16Array);
      expect(range(volume)).toEqual([-3024, 1381]);
      expect(codes(volume)).toEqual(['pixel-padding']);
    });

    it('ct_head_tilt: sheared and with two spacings', async () => {
      const volume = await load(at('ct_head_tilt', 'dicom'));
      expect(codes(volume)).toEqual(['nonuniform-spacing', 'gantry-tilt', 'pixel-padding']);
      expect(volume.geometry.slices).toBe(28);
      expect(volume.findings[1].message).toMatch(/18\.5 degrees/);
      // 4 mm along the normal are 4.22 mm along the table
      expect(volume.geometry.spacing[2]).toBeCloseTo(4.22, 2);
    });

    it('mr_sagittal: 35 slices along the patient’s left-right axis', async () => {
      const { geometry, findings } = await load(at('mr_sagittal', 'dicom'));
      expect(findings).toEqual([]);
      expect(geometry.slices).toBe(35);
      expect(Math.abs(geometry.direction[2])).toBeCloseTo(1, 6);
      expect(geometry.spacing[2]).toBeCloseTo(4.8, 3);
    });

    it('mr_4d_ge_epi: ten volumes by instance number, and none of them by chance', async () => {
      const result = await readDicomFolder(at('mr_4d_ge_epi', 'dicom'));
      expect(() => selectVolume(result)).toThrow(/10 volumes/);
      expect(result.candidates.map(({ geometry }) => geometry.slices)).toEqual(Array(10).fill(15));
      expect(codes(result.candidates[0])).toEqual(['order-from-instance-number']);
      const uids = result.candidates.flatMap(({ sliceSources }) =>
        sliceSources.map(({ sopInstanceUid }) => sopInstanceUid),
      );
      expect(new Set(uids).size).toBe(150);
    });

    it('mr_4d_siemens_mosaic is refused', async () => {
      await expect(load(at('mr_4d_siemens_mosaic', 'dicom'))).rejects.toMatchObject({ code: 'mosaic' });
    });

    it('enhanced: time points as volumes, one place as a clip, no geometry refused', async () => {
      const phases = await readDicomFolder(at('enhanced', 'siemens_xa10_6f'));
      expect(phases.candidates.map(({ label }) => label)).toEqual(
        [1, 2, 3, 4].map((time) => `MR 64x64x6, temporal position ${time}`),
      );
      const knee = await load(at('enhanced', 'mr_knee_19f_temporal.dcm'));
      expect(knee.kind).toBe('cine');
      expect(knee.sliceSources?.map(({ frameNumber }) => frameNumber)).toEqual(
        Array.from({ length: 19 }, (_, i) => i + 1),
      );
      const ct = await load(at('enhanced', 'eCT_Supplemental.dcm'));
      // its normal points to the feet, so the upper frame comes first
      expect(ct.sliceSources?.map(({ frameNumber }) => frameNumber)).toEqual([2, 1]);
      expect(ct.geometry.origin[2]).toBe(-149);
      await expect(load(at('enhanced', 'emri_small.dcm'))).rejects.toMatchObject({ code: 'no-geometry' });
    });

    it.each([
      ['us_multiframe/cardiac_30f_ybr422.dcm', 30, 3],
      ['us_multiframe/cardiac_65f_jpeg_ybr422.dcm', 65, 3],
      ['us_multiframe/echo_10f_rle_palette.dcm', 10, 3],
      ['us_multiframe/xa_96f_jpeg_fragments.dcm', 96, 1],
      ['endo_clip/dicom', 30, 3],
      ['synth_us/dicom', 36, 1],
    ])('%s: a clip ready to show', async (path, frames, channels) => {
      const volume = await load(at(path));
      expect(volume).toMatchObject({ kind: 'cine', channels, displayReady: true });
      expect(volume.voxels).toBeInstanceOf(Uint8Array);
      expect(volume.geometry).toMatchObject({ slices: frames, spacing: [1, 1, 1] });
    });

    it('mr_12bit signed values with rubbish in the unused bits', async () => {
      await expect(load(at('pixel_formats', 'mr_12bit'))).rejects.toMatchObject({ code: 'mosaic' });
    });

    it('cr_monochrome1: the Modality LUT applied, then bright for high', async () => {
      const volume = await load(at('pixel_formats', 'cr_monochrome1_modality_lut_jpll.dcm'));
      expect(codes(volume)).toEqual(['no-place-in-space', 'display-inverted']);
      expect(range(volume)).toEqual([0, 1023]);
    });
  });
}
