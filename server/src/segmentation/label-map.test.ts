import { UserError } from '@medsam2/models';
import { runPython, testPython } from '@medsam2/models/testing';
import { makePhantom } from '../imaging/testing/phantom.js';
import { worldToIndex, indexToWorld } from '../imaging/geometry.js';
import type { GridGeometry, LabelMap, Volume } from '../imaging/volume.js';
import { exportLabelMap, labelMapOf, type LabelledSegment, type LabelMapFormat } from './label-map.js';

const { volume, truth } = makePhantom({ objects: 2, slices: 5 });
const size = volume.geometry.rows * volume.geometry.columns;

/** A segment from the voxels (flat indices) that it holds. */
function holding(value: number, isSet: (voxel: number) => boolean): LabelledSegment {
  const mask = (slice: number): Uint8Array =>
    Uint8Array.from({ length: size }, (_, i) => (isSet(slice * size + i) ? 1 : 0));
  return { value, label: `Segment ${value}`, slices: [0, 1, 2, 3, 4].filter((slice) => mask(slice).includes(1)), mask };
}

const truthSegments = [1, 2].map((value) => holding(value, (voxel) => truth.labels[voxel] === value));
// 30 voxels of 1, 20 of 2; 10 of both
const overlapping = [holding(1, (voxel) => voxel < 30), holding(2, (voxel) => voxel >= 20 && voxel < 40)];

describe('labelMapOf', () => {
  it('holds every voxel of segments that do not overlap', () => {
    const { labelMap, overlappingVoxels, lost } = labelMapOf(truthSegments, volume.geometry, 'refuse');
    expect(Buffer.from(labelMap.labels).equals(Buffer.from(truth.labels))).toBe(true);
    expect([overlappingVoxels, lost]).toEqual([0, []]);
  });

  it.each([
    ['later-wins', 2, [{ value: 1, voxels: 10 }]],
    ['earlier-wins', 1, [{ value: 2, voxels: 10 }]],
  ] as const)('%s', (rule, winner, lost) => {
    const result = labelMapOf(overlapping, volume.geometry, rule);
    expect([...result.labelMap.labels.subarray(18, 32)]).toEqual([1, 1, ...Array<number>(10).fill(winner), 2, 2]);
    expect(result).toMatchObject({ overlappingVoxels: 10, lost });
  });

  it('counts a voxel of three segments once', () => {
    const three = [...overlapping, holding(7, (voxel) => voxel === 25)];
    const result = labelMapOf(three, volume.geometry, 'later-wins');
    expect(result.overlappingVoxels).toBe(10);
    expect(result.lost).toEqual([
      { value: 1, voxels: 10 },
      { value: 2, voxels: 1 },
    ]);
    expect(result.labelMap.labels[25]).toBe(7);
  });

  it('refuses to lose anything unless told to', () => {
    expect(() => labelMapOf(overlapping, volume.geometry, 'refuse')).toThrow(UserError);
    expect(() => labelMapOf(overlapping, volume.geometry, 'refuse')).toThrow(/slice 0/);
  });

  it('takes 16 bits for values above 255, and refuses values that cannot be told apart', () => {
    const high = { ...truthSegments[0], value: 300 };
    expect(labelMapOf([high], volume.geometry, 'refuse').labelMap.labels).toBeInstanceOf(Uint16Array);
    const twice = [truthSegments[0], { ...truthSegments[1], value: 1 }];
    expect(() => labelMapOf(twice, volume.geometry, 'refuse')).toThrow(RangeError);
    expect(() => labelMapOf([{ ...high, value: 0 }], volume.geometry, 'refuse')).toThrow(RangeError);
    expect(() => labelMapOf([{ ...high, value: 70000 }], volume.geometry, 'refuse')).toThrow(RangeError);
  });
});

describe('remarks of an export', () => {
  const remarks = async (change: Partial<Volume>): Promise<readonly string[]> =>
    (await exportLabelMap(overlapping, { ...volume, ...change }, 'npz', 'earlier-wins')).remarks;

  it('say which segment has shared voxels', async () => {
    expect(await remarks({})).toEqual([
      '10 voxels of more than one segment; the earlier segment has them in the file.',
    ]);
  });

  it('say what the grid of the file cannot', async () => {
    const found = (code: string): Partial<Volume> => ({ findings: [{ code, severity: 'warn', message: 'So.' }] });
    expect((await remarks(found('gantry-tilt')))[0]).toMatch(/sheared/);
    expect((await remarks(found('missing-slices')))[0]).toMatch(/missing/);
    expect((await remarks({ kind: 'cine' }))[0]).toMatch(/time/);
  });
});

/**
 * Oblique right-handed axes; a sheared stack (gantry tilt). World positions of voxels as independent readers see them:
 * nibabel gives RAS, SimpleITK and nrrd text give LPS.
 */
const GRIDS: Readonly<Record<string, Pick<GridGeometry, 'direction' | 'spacing'>>> = {
  oblique: { direction: [0.8, -0.36, 0.48, 0.6, 0.48, -0.64, 0, 0.8, 0.6], spacing: [0.7, 0.9, 2.5] },
  axial: { direction: [1, 0, 0, 0, 1, 0, 0, 0, 1], spacing: [0.8, 0.8, 3] },
  tilted: { direction: [1, 0, 0, 0, 1, 0.31730465640509214, 0, 0, 0.9483236552061993], spacing: [0.5, 0.5, 4.218] },
};
const READERS = `
import io, json, sys, tempfile, os
import numpy as np
request = json.load(sys.stdin)
answers = []
for case in request:
    data = bytes.fromhex(case["hex"])
    path = os.path.join(tempfile.mkdtemp(), "labels." + case["format"])
    open(path, "wb").write(data)
    if case["format"] == "nii.gz":
        import nibabel
        image = nibabel.load(path)
        array = np.asarray(image.dataobj).transpose(2, 1, 0)
        affine = np.diag([-1, -1, 1, 1]) @ image.affine
    elif case["format"] == "nrrd":
        import SimpleITK
        image = SimpleITK.ReadImage(path)
        array = SimpleITK.GetArrayFromImage(image)
        affine = np.eye(4)
        affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        affine[:3, 3] = image.GetOrigin()
    else:
        file = np.load(io.BytesIO(data))
        array = file["segs"]
        affine = np.eye(4)
        affine[:3, :3] = file["direction"].reshape(3, 3) * file["spacing"]
        affine[:3, 3] = file["origin"]
    centres = {}
    for value in (1, 2):
        k, j, i = np.argwhere(array == value).mean(axis=0)
        centres[value] = (affine @ [i, j, k, 1])[:3].tolist()
    answers.append({"shape": array.shape, "counts": np.bincount(array.ravel(), minlength=3).tolist(), "centres": centres})
print(json.dumps(answers))
`;

/** World position of the mean voxel of a label. */
function centre({ labels, geometry }: LabelMap, value: number): number[] {
  const sum = [0, 0, 0];
  let voxels = 0;
  labels.forEach((label, index) => {
    if (label !== value) return;
    const { columns, rows } = geometry;
    sum[0] += index % columns;
    sum[1] += Math.floor(index / columns) % rows;
    sum[2] += Math.floor(index / size);
    voxels++;
  });
  return [...indexToWorld(geometry, [sum[0] / voxels, sum[1] / voxels, sum[2] / voxels])];
}

const python = testPython();
if (!python) {
  it.skip('label maps against nibabel and SimpleITK (needs MEDSAM2_PYTHON)', () => undefined);
} else {
  describe('other programs find the labels where they are', () => {
    const cases = Object.keys(GRIDS).flatMap((grid) =>
      (['nii.gz', 'nrrd', 'npz'] as const).map((format): { grid: string; format: LabelMapFormat } => ({
        grid,
        format,
      })),
    );
    let answers: { shape: number[]; counts: number[]; centres: Record<string, number[]> }[];

    beforeAll(async () => {
      const request = await Promise.all(
        cases.map(async ({ grid, format }) => {
          const geometry = { ...volume.geometry, ...GRIDS[grid] };
          const { bytes } = await exportLabelMap(truthSegments, { ...volume, geometry }, format, 'refuse');
          return { format, hex: Buffer.from(bytes).toString('hex') };
        }),
      );
      answers = JSON.parse(runPython(python, READERS, JSON.stringify(request))) as typeof answers;
    });

    it.each(cases.map((one, index) => ({ ...one, index })))('$grid $format', ({ grid, index }) => {
      const geometry = { ...volume.geometry, ...GRIDS[grid] };
      const { shape, counts, centres } = answers[index];
      expect(shape).toEqual([geometry.slices, geometry.rows, geometry.columns]);
      for (const value of [1, 2]) {
        expect(counts[value]).toBe(truth.labels.filter((label: number) => label === value).length);
        const expected = centre({ labels: truth.labels, geometry }, value);
        centres[value].forEach((coordinate, axis) => expect(coordinate).toBeCloseTo(expected[axis], 3));
        expect(worldToIndex(geometry, centres[value] as [number, number, number])[2]).toBeGreaterThan(0);
      }
    });
  });
}
