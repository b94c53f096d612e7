import { runPython, testPython } from '@medsam2/models/testing';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { indexToWorldAffine } from '../geometry.js';
import { openVolume } from '../open.js';
import { makePhantom } from '../testing/phantom.js';
import { refusal, temporaryFolder } from '../testing/temporary.js';
import { writeLabelMap } from '../write.js';

const python = testPython();
const folder = temporaryFolder();

/** NRRD and MetaImage files written by SimpleITK, some rewritten by hand, and what SimpleITK reads from them. */
const makeFiles = String.raw`
import sys, json, gzip, numpy as np, SimpleITK as sitk
folder = sys.stdin.read().strip() + '/'
rng = np.random.default_rng(5)
expected = {}

def note(name):
    image = sitk.ReadImage(folder + name)
    d, s = np.array(image.GetDirection()), np.array(image.GetSpacing())
    n = image.GetDimension()
    expected[name] = dict(size=list(image.GetSize()), channels=image.GetNumberOfComponentsPerPixel(), origin=list(image.GetOrigin()),
        linear=(d.reshape(n, n) * s).ravel().tolist(), values=sitk.GetArrayFromImage(image).astype(np.float64).ravel().tolist())

t, u = 0.4, 0.2
rot = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, np.cos(u), -np.sin(u)], [0, np.sin(u), np.cos(u)]])
geometries = {'oblique': rot, 'left': rot @ np.diag([1, 1, -1]), 'permuted': rot[:, [2, 0, 1]]}

def image(dtype, rot, channels=1):
    shape = (3, 4, 5) + ((channels,) if channels > 1 else ())
    low = 0 if dtype[0] == 'u' else -100
    out = sitk.GetImageFromArray((rng.random(shape) * 200 + low).astype(dtype), isVector=channels > 1)
    out.SetSpacing((0.7, 0.9, 3.1)); out.SetOrigin((-101.123456789, 50.25, 12.125)); out.SetDirection(rot.ravel().tolist())
    return out

for dtype in ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64', 'float32', 'float64']:
    for ending in ['nrrd', 'mha']:
        sitk.WriteImage(image(dtype, rot), folder + f'{dtype}.{ending}', useCompression=dtype != 'int16'); note(f'{dtype}.{ending}')
for name, r in geometries.items():
    for ending in ['nrrd', 'mha', 'nhdr', 'mhd']:
        # detached headers name their data file after themselves without the ending
        file = f'{name}_{ending}.{ending}'
        sitk.WriteImage(image('int16', r), folder + file, useCompression=name == 'left'); note(file)
for ending in ['nrrd', 'mha']:
    sitk.WriteImage(image('uint8', rot, 3), folder + f'rgb.{ending}', useCompression=True); note(f'rgb.{ending}')
    flat = sitk.GetImageFromArray((rng.random((4, 5)) * 200).astype('int16')); flat.SetSpacing((0.5, 0.6))
    sitk.WriteImage(flat, folder + f'flat.{ending}'); note(f'flat.{ending}')
    sitk.WriteImage(image('float32', rot, 3), folder + f'vectors.{ending}')

values = (rng.random(60) * 3000 - 1000).astype('int16')
head = 'NRRD0005\n# a comment\ntype: short\ndimension: 3\nsizes: 5 4 3\n'
place = 'space directions: (0.7,0,0.1) (0,0.9,0) (0,0.2,3)\nspace origin: (-10,20.5,30)\n'
def write(name, text, data): open(folder + name, 'wb').write(text.encode() + data); note(name)
write('big_endian.nrrd', head + 'space: LPS\n' + place + 'endian: big\nencoding: raw\n\n', values.astype('>i2').tobytes())
write('ras.nrrd', head + 'space: right-anterior-superior\n' + place + 'endian: little\nencoding: raw\nkey:=value: x\n\n', values.tobytes())
write('las.nrrd', head + 'space: LAS\n' + place + 'endian: little\nencoding: gzip\n\n', gzip.compress(values.tobytes()))
write('text.nrrd', head + 'space: LPS\n' + place + 'encoding: ascii\n\n', ' '.join(map(str, values)).encode() + b'\n')
write('crlf.nrrd', (head + 'space: LPS\n' + place + 'endian: little\nencoding: raw\n\n').replace('\n', '\r\n'), values.tobytes())
write('spacings.nrrd', head + 'spacings: 0.5 0.6 2\nendian: little\nencoding: raw\n\n', values.tobytes())
open(folder + 'data.raw', 'wb').write(b'12345678' + values.tobytes())
write('skip.nhdr', head + 'space: LPS\n' + place + 'endian: little\nencoding: raw\nbyte skip: 8\ndata file: data.raw\n', b'')
mha = 'ObjectType = Image\nNDims = 3\nDimSize = 5 4 3\nElementSpacing = 0.7 0.9 3\nOffset = 1 2 3\nTransformMatrix = 0 1 0 1 0 0 0 0 -1\nElementType = MET_SHORT\n'
write('big_endian.mha', mha + 'BinaryData = True\nBinaryDataByteOrderMSB = True\nElementDataFile = LOCAL\n', values.astype('>i2').tobytes())
write('text.mha', mha + 'BinaryData = False\nElementDataFile = LOCAL\n', ' '.join(map(str, values)).encode() + b'\n')
json.dump(expected, open(folder + 'expected.json', 'w'))
`;

const readResults = String.raw`
import sys, json, numpy as np, SimpleITK as sitk
out = {}
for path in json.load(sys.stdin):
    image = sitk.ReadImage(path)
    d, s = np.array(image.GetDirection()), np.array(image.GetSpacing())
    out[path.split('/')[-1]] = dict(origin=list(image.GetOrigin()), direction=d.tolist(), spacing=s.tolist(), size=list(image.GetSize()),
        labels=sitk.GetArrayFromImage(image).ravel().tolist(), type=image.GetPixelIDTypeAsString())
print(json.dumps(out))
`;

interface Expected {
  size: number[];
  channels: number;
  origin: number[];
  linear: number[];
  values: number[];
}
interface Result {
  origin: number[];
  direction: number[];
  spacing: number[];
  size: number[];
  labels: number[];
  type: string;
}

(python ? describe : describe.skip)('NRRD and MetaImage against SimpleITK', () => {
  let expected: Record<string, Expected>;
  const readBack = (paths: string[]): Record<string, Result> =>
    JSON.parse(runPython(python as string, readResults, JSON.stringify(paths))) as Record<string, Result>;

  beforeAll(() => {
    runPython(python as string, makeFiles, folder);
    expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<string, Expected>;
  });

  it('reads every type, encoding, byte order, space and detached file with the same values and place', async () => {
    expect(Object.keys(expected).length).toBeGreaterThan(40);
    for (const [name, want] of Object.entries(expected)) {
      const volume = await openVolume(join(folder, name));
      const { columns, rows, slices } = volume.geometry;
      expect([name, columns, rows, slices]).toEqual([name, want.size[0], want.size[1], want.size[2] ?? 1]);
      expect([name, volume.channels]).toEqual([name, want.channels]);
      expect([name, [...volume.voxels]]).toEqual([name, want.values]);
      const { linear, origin } = indexToWorldAffine(volume.geometry);
      if (want.size.length === 2) {
        expect([name, linear[0], linear[4]]).toEqual([name, want.linear[0], want.linear[3]]);
        continue;
      }
      const off = Math.max(
        ...want.linear.map((value, at) => Math.abs(value - linear[at])),
        ...want.origin.map((value, at) => Math.abs(value - origin[at])),
      );
      expect([name, off < 1e-9]).toEqual([name, true]);
    }
  });

  it('says when the place in the patient is not stated', async () => {
    const { findings } = await openVolume(join(folder, 'spacings.nrrd'));
    expect(findings.map(({ code }) => code)).toEqual(['no-orientation']);
    expect((await openVolume(join(folder, 'oblique_nrrd.nrrd'))).findings).toEqual([]);
    expect((await openVolume(join(folder, 'ras.nrrd'))).findings.map(({ code }) => code)).toEqual(['sheared-grid']);
  });

  it('refuses vectors that are no colours', async () => {
    expect(await refusal(openVolume(join(folder, 'vectors.nrrd')))).toBe('voxel-type-unsupported');
    expect(await refusal(openVolume(join(folder, 'vectors.mha')))).toBe('voxel-type-unsupported');
  });

  it('writes results on exactly the grid that SimpleITK reads from the source', async () => {
    const pairs: [string, string][] = [];
    for (const name of Object.keys(expected).filter((key) => !key.startsWith('flat'))) {
      const volume = await openVolume(join(folder, name));
      const { columns, rows, slices } = volume.geometry;
      const labels = Uint8Array.from({ length: columns * rows * slices }, (_, at) => at % 5);
      const ending = /nrrd|nhdr/.test(name) ? 'nrrd' : 'mha';
      const result = join(folder, `result_${name.replace('.', '_')}.${ending}`);
      await writeLabelMap(result, { labels, geometry: volume.geometry }, volume);
      pairs.push([name, result]);
    }
    const sources = readBack(pairs.map(([source]) => join(folder, source)));
    const results = readBack(pairs.map(([, result]) => result));
    for (const [name, path] of pairs) {
      const [source, result] = [sources[name], results[path.split('/').pop() as string]];
      const grid = ({ origin, direction, spacing, size }: Result): unknown => ({ origin, direction, spacing, size });
      // SimpleITK cannot hold a shear; what it makes of one file it makes of the other
      expect([name, grid(result)]).toEqual([name, grid(source)]);
      expect([name, result.type]).toEqual([name, '8-bit unsigned integer']);
      expect([name, result.labels]).toEqual([name, result.labels.map((_, at) => at % 5)]);
    }
  });

  it('writes an oblique, left-handed grid from geometry alone to within 1e-4 mm in every format', async () => {
    const [c, s] = [Math.cos(0.3), Math.sin(0.3)];
    const { truth } = makePhantom({
      columns: 40,
      rows: 30,
      slices: 9,
      origin: [-211.123456, -398.765432, 1204.3333],
      spacing: [0.712345, 0.712345, 2.50001],
      direction: [c, 0, -s, -s, 0, -c, 0, -1, 0],
    });
    const paths = ['nii.gz', 'nii', 'nrrd', 'mha'].map((ending) => join(folder, `phantom.${ending}`));
    for (const path of paths) await writeLabelMap(path, truth);
    for (const [name, result] of Object.entries(readBack(paths))) {
      const distance = (a: readonly number[], b: readonly number[]): number =>
        Math.max(...a.map((value, at) => Math.abs(value - b[at])));
      expect([name, distance(result.origin, truth.geometry.origin) < 1e-4]).toEqual([name, true]);
      expect([name, distance(result.spacing, truth.geometry.spacing) < 1e-6]).toEqual([name, true]);
      expect([name, distance(result.direction, truth.geometry.direction) < 1e-6]).toEqual([name, true]);
      expect([name, result.labels]).toEqual([name, [...truth.labels]]);
    }
  });
});
