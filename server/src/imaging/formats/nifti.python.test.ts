import { runPython, testPython } from '@medsam2/models/testing';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { flipLpsRas, indexToWorldAffine } from '../geometry.js';
import { temporaryFolder } from '../testing/temporary.js';
import { writeLabelMap } from '../write.js';
import { readNifti } from './nifti.js';

const python = testPython();
const folder = temporaryFolder();

/** Writes NIfTI files of many kinds with nibabel, and what nibabel itself reads back from them. */
const makeFiles = String.raw`
import sys, json, numpy as np, nibabel as nib
folder = sys.stdin.read().strip()
rng = np.random.default_rng(3)
expected = {}

def rotation(degrees):
    t, u = np.deg2rad(degrees), np.deg2rad(11)
    rz = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
    return rz @ np.array([[1, 0, 0], [0, np.cos(u), -np.sin(u)], [0, np.sin(u), np.cos(u)]])

def affine(degrees=20, left=False, permuted=False, spacing=(0.7, 0.9, 3.0)):
    r = rotation(degrees)
    if left: r = r @ np.diag([1, 1, -1])
    if permuted: r = r[:, [1, 2, 0]]
    a = np.eye(4)
    a[:3, :3] = r @ np.diag(spacing)
    a[:3, 3] = (-100.5, 50.25, 12.125)
    return a

def put(name, data, a, sform=1, qform=None, slope=None, inter=None, big=False, units='mm', cls=nib.Nifti1Image):
    header = cls.header_class(endianness='>' if big else '<')
    header.set_data_dtype(data.dtype.newbyteorder('>' if big else '<') if data.dtype.fields is None else data.dtype)
    header.set_xyzt_units(units)
    image = cls(data, a, header)
    image.set_sform(a if sform else None, code=sform)
    image.set_qform(None if qform is None else qform[0], code=0 if qform is None else qform[1])
    if slope is not None: image.header.set_slope_inter(slope, inter)
    nib.save(image, folder + '/' + name)
    read = nib.load(folder + '/' + name)
    values = np.asarray(read.dataobj)
    if values.dtype.fields is not None:
        values = np.stack([values[c] for c in 'RGB'], axis=0)
    expected[name] = dict(affine=read.affine.tolist(), shape=list(read.shape), values=values.astype(np.float64).ravel(order='F').tolist())

shape = (5, 4, 3)
for dtype in ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64', 'float32', 'float64']:
    low = 0 if dtype[0] == 'u' else -100
    data = (rng.random(shape) * 200 + low).astype(dtype)
    put(f'{dtype}.nii.gz', data, affine())
    put(f'{dtype}_big.nii', data, affine(), big=True)
    put(f'{dtype}_v2.nii', data, affine(), cls=nib.Nifti2Image)
    put(f'{dtype}_scaled.nii', data, affine(), slope=0.37, inter=-3.25)
data = (rng.random(shape) * 4000 - 1000).astype('int16')
put('shift.nii.gz', data, affine(), slope=1, inter=-1024)
put('shift_overflow.nii', np.array([-32000, 32000] * 30, 'int16').reshape(shape), affine(), slope=1, inter=-1024)
put('shift_u8.nii', (rng.random(shape) * 255).astype('uint8'), affine(), slope=1, inter=-1024)
put('shift_f32.nii', data.astype('float32'), affine(), slope=1, inter=0.5)
put('left.nii', data, affine(left=True))
put('permuted.nii', data, affine(permuted=True))
put('q_only.nii', data, affine(), sform=0, qform=(affine(33), 1))
put('q_left.nii', data, affine(), sform=0, qform=(affine(33, left=True), 1))
half_turn = np.diag([-0.7, -0.9, 3.0, 1.0])
put('q_half_turn.nii', data, affine(), sform=0, qform=(half_turn, 1))
put('s2_q1.nii', data, affine(10), sform=2, qform=(affine(33), 1))
put('s1_q2.nii', data, affine(10), sform=1, qform=(affine(33), 2))
put('same_forms.nii', data, affine(10), sform=1, qform=(affine(10), 1))
put('none.nii', data, affine(), sform=0)
sheared = affine()
sheared[0, 2] += 0.6
put('sheared.nii', data, sheared)
put('sheared_v2.nii.gz', data, sheared, cls=nib.Nifti2Image)
put('trailing.nii', data.reshape(5, 4, 3, 1, 1), affine())
put('one_slice.nii', data[:, :, :1], affine())
put('two_d.nii.gz', data[:, :, 0], affine())
put('pair.hdr', data, affine(), cls=nib.Nifti1Pair)
rgb = np.zeros(shape, dtype=[('R', 'u1'), ('G', 'u1'), ('B', 'u1')])
for c in 'RGB': rgb[c] = (rng.random(shape) * 255).astype('u1')
put('rgb.nii.gz', rgb, affine())
holes = data.astype('float32')
holes[0, 0, 0], holes[1, 1, 1], holes[2, 2, 2] = np.nan, np.inf, -np.inf
nib.save(nib.Nifti1Image(holes, affine()), folder + '/holes.nii')
nib.save(nib.Nifti1Image(np.full(shape, np.nan, 'float32'), affine()), folder + '/all_nan.nii')
nib.save(nib.Nifti1Image(rng.random((5, 4, 3, 6)).astype('float32'), affine()), folder + '/four_d.nii.gz')
nib.save(nib.Nifti1Image((rng.random(shape) + 1j).astype('complex64'), affine()), folder + '/complex.nii')
meters = affine() * np.array([[0.001], [0.001], [0.001], [1]])
image = nib.Nifti1Image(data, meters); image.header.set_xyzt_units('meter'); nib.save(image, folder + '/meters.nii')
json.dump(expected, open(folder + '/expected.json', 'w'))
`;

/** What nibabel says of results, relative to their sources: affines equal, codes equal, labels equal. */
const compareResults = String.raw`
import sys, json, numpy as np, nibabel as nib
report = {}
for source, result in json.load(sys.stdin):
    a, b = nib.load(source), nib.load(result)
    n = np.prod(a.shape[:3])
    want = (np.arange(n) % 7).astype('u1')
    report[result.split('/')[-1]] = dict(
        affine=bool(np.array_equal(a.affine, b.affine)),
        forms=bool(np.array_equal(a.header.get_sform(), b.header.get_sform()) and np.array_equal(a.header.get_qform(), b.header.get_qform())),
        codes=[int(a.header['sform_code']) == int(b.header['sform_code']), int(a.header['qform_code']) == int(b.header['qform_code'])],
        zooms=bool(np.array_equal(a.header.get_zooms()[:2], b.header.get_zooms()[:2])),
        units=a.header.get_xyzt_units()[0] == b.header.get_xyzt_units()[0],
        labels=bool(np.array_equal(np.asarray(b.dataobj).ravel(order='F'), want)),
        dtype=str(b.get_data_dtype().newbyteorder('=')),
    )
print(json.dumps(report))
`;

interface Expected {
  affine: number[][];
  shape: number[];
  values: number[];
}

(python ? describe : describe.skip)('readNifti against nibabel', () => {
  let expected: Record<string, Expected>;
  beforeAll(() => {
    runPython(python as string, makeFiles, folder);
    expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, Expected>;
  });

  it('reads every type, byte order, version, scaling and shape with the same values and the same place', async () => {
    expect(Object.keys(expected).length).toBeGreaterThan(55);
    for (const [name, { affine, shape, values }] of Object.entries(expected)) {
      const volume = await readNifti(join(folder, name));
      const { columns, rows, slices } = volume.geometry;
      expect([name, columns, rows, slices]).toEqual([name, shape[0], shape[1], shape[2] ?? 1]);
      expect([name, volume.channels]).toEqual([name, name.startsWith('rgb') ? 3 : 1]);
      const found = Float64Array.from(volume.voxels);
      // scaled narrow types are kept as float32: the nearest float32 of nibabel's float64
      const exact = volume.voxels instanceof Float32Array ? values.map(Math.fround) : values;
      expect([name, [...found]]).toEqual([name, exact]);
      const ras = flipLpsRas(indexToWorldAffine(volume.geometry));
      for (let axis = 0; axis < 3; axis++) {
        const row = [...ras.linear.slice(3 * axis, 3 * axis + 3), ras.origin[axis]];
        row.forEach((value, index) => {
          // a 2-D file has no third step in nibabel's sense; ours is the normal
          if (name.startsWith('two_d') && index === 2) return;
          expect([name, axis, index, Math.abs(value - affine[axis][index]) < 1e-6]).toEqual([name, axis, index, true]);
        });
      }
    }
  });

  it('keeps the narrow types where whole numbers are only shifted', async () => {
    expect((await readNifti(join(folder, 'shift.nii.gz'))).voxels).toBeInstanceOf(Int16Array);
    expect((await readNifti(join(folder, 'shift_u8.nii'))).voxels).toBeInstanceOf(Int16Array);
    expect((await readNifti(join(folder, 'shift_overflow.nii'))).voxels).toBeInstanceOf(Int32Array);
    expect((await readNifti(join(folder, 'int16_big.nii'))).voxels).toBeInstanceOf(Int16Array);
  });

  it.each([
    ['s2_q1.nii', ['nifti-forms-differ']],
    ['same_forms.nii', []],
    ['none.nii', ['nifti-no-orientation']],
    ['sheared.nii', ['sheared-grid']],
    ['holes.nii', ['non-finite-voxels']],
    ['int16.nii.gz', []],
  ])('says what to know about %s', async (name, codes) => {
    expect((await readNifti(join(folder, name))).findings.map(({ code }) => code)).toEqual(codes);
  });

  it('counts the voxels that are not finite', async () => {
    const [finding] = (await readNifti(join(folder, 'holes.nii'))).findings;
    expect(finding.message).toMatch(/^3 of 60 /);
  });

  it('converts metres', async () => {
    const { geometry } = await readNifti(join(folder, 'meters.nii'));
    expect(geometry.spacing[2]).toBeCloseTo(3, 4);
    expect(geometry.origin[0]).toBeCloseTo(100.5, 4);
  });

  it('refuses NaN images, complex numbers and 4-D files, and reads a chosen volume', async () => {
    await expect(readNifti(join(folder, 'all_nan.nii'))).rejects.toMatchObject({ code: 'no-finite-voxels' });
    await expect(readNifti(join(folder, 'complex.nii'))).rejects.toMatchObject({ code: 'voxel-type-unsupported' });
    const path = join(folder, 'four_d.nii.gz');
    await expect(readNifti(path)).rejects.toMatchObject({
      code: 'nifti-several-volumes',
      message: expect.stringContaining('6 volumes') as string,
    });
    await expect(readNifti(path, { volumeIndex: 6 })).rejects.toMatchObject({ code: 'nifti-volume-index' });
    const script = `import sys,json,numpy as np,nibabel as nib\nprint(json.dumps(np.asarray(nib.load(sys.stdin.read()).dataobj)[..., 4].ravel(order='F').astype(float).tolist()))`;
    const { voxels } = await readNifti(path, { volumeIndex: 4 });
    expect([...voxels]).toEqual(JSON.parse(runPython(python as string, script, path)));
  });

  it('writes results whose affine, forms, codes and units are those of the source to the digit', async () => {
    const pairs: [string, string][] = [];
    for (const name of [...Object.keys(expected), 'meters.nii']) {
      const source = join(folder, name);
      const volume = await readNifti(source);
      const { columns, rows, slices } = volume.geometry;
      const labels = Uint8Array.from({ length: columns * rows * slices }, (_, at) => at % 7);
      const result = join(folder, `result_${name.replace(/\..*/, '')}.nii.gz`);
      await writeLabelMap(result, { labels, geometry: volume.geometry }, volume);
      pairs.push([source, result]);
    }
    const report = JSON.parse(runPython(python as string, compareResults, JSON.stringify(pairs))) as Record<
      string,
      Record<string, unknown>
    >;
    for (const [name, found] of Object.entries(report)) {
      const want = {
        affine: true,
        forms: true,
        codes: [true, true],
        zooms: true,
        units: true,
        labels: true,
        dtype: 'uint8',
      };
      expect([name, found]).toEqual([name, want]);
    }
  });
});
