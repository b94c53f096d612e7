import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@medsam2/models';
import { sharedData } from '@medsam2/models/testing';
import { column, dot, indexToWorld, norm, subtract, type Vector3 } from '../geometry.js';
import { NpzArchive } from '../formats/npz.js';
import type { Volume, VoxelArray } from '../volume.js';
import { readDicomFolder } from './read-folder.js';
import type { DicomReadResult } from './read-instances.js';
import { selectVolume } from './select-volume.js';

interface Variant {
  readonly expect: string;
  readonly usable_slices: number;
  readonly odd: string;
}

const root = sharedData();
const folder = root && join(root, 'awkward');
const manifest = folder
  ? (JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Record<string, Variant>)
  : {};
const names = Object.keys(manifest);
const read = (name: string): Promise<DicomReadResult> => readDicomFolder(join(folder ?? '', name, 'dicom'));

/** What a person meets who gives the folder and nothing else: a volume, or the code of the refusal. */
async function outcome(result: DicomReadResult): Promise<{ volume?: Volume; refused?: string }> {
  try {
    return { volume: await selectVolume(result).load() };
  } catch (error) {
    if (error instanceof UserError) return { refused: error.code };
    throw error;
  }
}

/** The finding or refusal that each oddity must be called by; variants that are not here need none. */
const CALLED: Record<string, string> = {
  duplicate_slice: 'duplicate-slices',
  gantry_tilt: 'gantry-tilt',
  localizer_in_series: 'localizer-excluded',
  missing_slice: 'missing-slices',
  nonuniform_spacing: 'nonuniform-spacing',
  no_frame_of_reference: 'no-frame-of-reference',
  no_geometry: 'no-geometry',
  no_pixel_spacing: 'no-pixel-spacing',
  one_slice_other_size: 'mixed-sizes',
  truncated_pixels: 'truncated-pixel-data',
  two_frames_of_reference: 'several-frames-of-reference',
  two_slices_without_pixels: 'no-pixel-data',
  four_d_two_phases: 'several-volumes',
  mixed_orientations: 'several-volumes',
  single_slice: 'single-slice',
  padding_minus_2000: 'pixel-padding',
  mr_monochrome1: 'display-inverted',
  enhanced_ct_two_stacks: 'stacks-joined',
  ts_jpeg_extended_12bit_lossy: 'lossy-compression',
};

/** Variants whose voxels are those of `plain`. */
const SAME_VOXELS = [
  'duplicate_slice', 'enhanced_ct', 'enhanced_ct_shuffled', 'enhanced_ct_two_stacks', 'fractional_rescale', 'gantry_tilt',
  'double_oblique', 'garbage_above_bits_stored', 'iso2022_names', 'localizer_in_series', 'monochrome1_negative_slope',
  'no_frame_of_reference', 'no_thickness_wrong_spacing_tag', 'overlapping_slices', 'position_noise_tiny',
  'private_bulk_and_icon', 'reversed_instance_number', 'shuffled_instance_number', 'signed_12bit', 'signed_hu',
  'spacing_jitter', 'ts_deflated', 'ts_explicit_be', 'ts_implicit_le', 'ts_jpeg2000_lossless', 'ts_jpeg_lossless',
  'ts_jpeg_lossless_p14_sv6', 'ts_jpegls_lossless', 'ts_mixed_in_series', 'ts_rle', 'type2_attributes_absent',
  'uids_of_64_characters', 'unicode_names',
]; // prettier-ignore

/** Largest difference of two voxel arrays. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}

if (!folder) {
  it.skip('the awkward series (no shared test data beside the repository)', () => undefined);
} else {
  let plain: Volume;
  beforeAll(async () => {
    plain = await selectVolume(await read('plain')).load();
  });

  describe('awkward series', () => {
    it('are all here', () => expect(names).toHaveLength(57));

    it.each(names)('%s: the outcome that the manifest asks for', async (name) => {
      const wanted = manifest[name];
      const result = await read(name);
      const { volume, refused } = await outcome(result);
      const findings = volume?.findings ?? result.candidates[0].findings;
      const heeded = findings.filter(({ severity }) => severity === 'warn').map(({ code }) => code);
      switch (wanted.expect) {
        case 'ok':
        case 'ok-lossy':
        case 'ok-or-warn':
          expect(refused).toBeUndefined();
          if (wanted.expect !== 'ok-or-warn') expect(heeded).toEqual([]);
          break;
        case 'warn':
          expect(refused).toBeUndefined();
          expect(heeded.length).toBeGreaterThan(0);
          break;
        case 'reject':
          expect(refused).toBe(CALLED[name]);
          break;
        case 'reject-or-warn':
          expect(refused !== undefined || heeded.length > 0).toBe(true);
          break;
        case 'choose-or-reject':
        case 'split-or-reject':
          expect(refused).toBe('several-volumes');
          break;
        default:
          throw new Error(`the manifest expects ${wanted.expect}`);
      }
      if (CALLED[name]) expect([...findings.map(({ code }) => code), refused]).toContain(CALLED[name]);
      const usable =
        volume ?? (result.candidates.length > 1 && refused === 'several-volumes' ? result.candidates[0] : undefined);
      if (usable) expect(usable.geometry.slices).toBe(wanted.usable_slices);
    });

    it.each(SAME_VOXELS)('%s: the voxels of the plain series', async (name) => {
      const volume = await selectVolume(await read(name)).load();
      expect(difference(volume.voxels, plain.voxels)).toBe(0);
    });

    const slices = (volume: Volume, chosen: readonly number[]): VoxelArray => {
      const size = volume.geometry.rows * volume.geometry.columns;
      const picked = new Int16Array(size * chosen.length);
      chosen.forEach((slice, at) => picked.set(volume.voxels.subarray(slice * size, (slice + 1) * size), at * size));
      return picked;
    };

    it.each([
      ['missing_slice', [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11]],
      ['nonuniform_spacing', [0, 1, 2, 3, 4, 5, 7, 9, 11]],
      ['single_slice', [8]],
      ['two_slices', [8, 9]],
    ])('%s: the slices of the plain series that it has', async (name, chosen) => {
      const volume = await selectVolume(await read(name)).load();
      expect(difference(volume.voxels, slices(plain, chosen))).toBe(0);
    });

    it.each([
      ['rot180_in_plane', (k: number, j: number, i: number) => [k, 100 - j, 121 - i]],
      ['rows_upwards', (k: number, j: number, i: number) => [11 - k, 100 - j, i]],
      ['odd_matrix', (k: number, j: number, i: number) => [k, j, i]],
      ['anisotropic_pixels', (k: number, j: number, i: number) => [k, 2 * j, i]],
    ])('%s: every voxel of the plain series in its place', async (name, source) => {
      const volume = await selectVolume(await read(name)).load();
      const { rows, columns, slices: count } = volume.geometry;
      const expected = new Int16Array(volume.voxels.length);
      for (let k = 0; k < count; k++)
        for (let j = 0; j < rows; j++)
          for (let i = 0; i < columns; i++) {
            const [sk, sj, si] = source(k, j, i);
            expected[(k * rows + j) * columns + i] = plain.voxels[(sk * 101 + sj) * 122 + si];
          }
      expect(difference(volume.voxels, expected)).toBe(0);
    });

    it('values: rescale per slice, lossy, padding, inverted grey', async () => {
      const load = async (name: string): Promise<Volume> => selectVolume(await read(name)).load();
      // stored values were rounded to steps of up to 1.75
      expect(difference((await load('rescale_per_slice')).voxels, plain.voxels)).toBeLessThanOrEqual(0.875);
      expect(difference((await load('ts_jpeg_extended_12bit_lossy')).voxels, plain.voxels)).toBeLessThan(40);
      expect(difference((await load('mr_monochrome1')).voxels, (await load('eight_bit_mr')).voxels)).toBe(0);
      const padded = await load('padding_minus_2000');
      const outside = padded.voxels.filter((value) => value === -2000).length;
      expect(padded.voxels.every((value, at) => value === -2000 || value === plain.voxels[at])).toBe(true);
      expect(padded.findings[0].message).toMatch(new RegExp(`^${outside} `));
    });

    it('four_d_two_phases: each phase on its own', async () => {
      const { candidates } = await read('four_d_two_phases');
      const [first, second] = await Promise.all(candidates.map((candidate) => candidate.load()));
      expect(difference(first.voxels, plain.voxels)).toBe(0);
      const { voxels } = plain;
      expect(second.voxels.every((value, at) => value === Math.min(voxels[at] + 60, 4095 - 1024))).toBe(true);
    });

    it('enhanced_ct_shuffled: every slice names its frame', async () => {
      const { frame_order: order } = manifest.enhanced_ct_shuffled as Variant & { frame_order: number[] };
      const { sliceSources } = selectVolume(await read('enhanced_ct_shuffled'));
      expect(sliceSources.map(({ frameNumber }) => frameNumber)).toEqual(
        order.map((_, slice) => order.indexOf(slice) + 1),
      );
    });

    it.each(names.filter((name) => !['reject', 'reject-or-warn'].includes(manifest[name].expect)))(
      '%s: the grid of its labels',
      async (name) => {
        const truth = await NpzArchive.open(join(folder, name, 'gt.npz'));
        try {
          const [{ geometry }] = (await read(name)).candidates;
          const gts = await truth.header('gts');
          expect([geometry.slices, geometry.rows, geometry.columns]).toEqual(gts.shape);
          const origin = [...(await truth.read('origin')).values] as unknown as Vector3;
          const normal = column([...(await truth.read('direction')).values] as unknown as typeof geometry.direction, 2);
          const [columnMm, rowMm, sliceMm] = (await truth.read('spacing')).values;
          // the labels carry nominal positions; noise and jitter of the variants is up to 0.04 mm
          expect(norm(subtract(geometry.origin, origin))).toBeLessThan(0.05);
          expect([geometry.spacing[0], geometry.spacing[1]]).toEqual([columnMm, rowMm]);
          const last = indexToWorld(geometry, [0, 0, geometry.slices - 1]);
          const along = dot(subtract(last, origin), normal) / Math.max(1, geometry.slices - 1);
          // a tilted stack advances by the cosine of its angle along the normal that its labels state
          const expected = name === 'gantry_tilt' ? sliceMm * Math.cos((18.5 * Math.PI) / 180) : sliceMm;
          if (geometry.slices > 1) expect(Math.abs(along - expected)).toBeLessThan(0.02);
        } finally {
          truth.close();
        }
      },
    );
  });
}
