import { runPython, testPython } from '@medsam2/models/testing';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import yazl from 'yazl';
import { makePhantom } from '../testing/phantom.js';
import { refusal, temporaryFolder } from '../testing/temporary.js';
import { writeLabelMap } from '../write.js';
import { NpzArchive, readNpzLabels, readNpzVolume } from './npz.js';
import { npyHeader } from './npy.js';

const python = testPython();
const folder = temporaryFolder();

async function zipFile(name: string, members: Record<string, Uint8Array>, compress = true): Promise<string> {
  const zip = new yazl.ZipFile();
  for (const [member, bytes] of Object.entries(members)) zip.addBuffer(Buffer.from(bytes), member, { compress });
  zip.end();
  const path = join(folder, name);
  await pipeline(zip.outputStream, createWriteStream(path));
  return path;
}

const npy = (text: string, data: Uint8Array, version = 1): Uint8Array => {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  length.writeUIntLE(text.length, 0, length.length);
  return Buffer.concat([
    Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\0`, 'latin1'),
    length,
    Buffer.from(text),
    data,
  ]);
};
const imgs = Uint8Array.from({ length: 24 }, (_, at) => at * 10);
const header = (dtype: string, shape: string, order = 'False'): string =>
  `{'descr': '${dtype}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;
const good = npy(header('|u1', '(2, 3, 4)'), imgs);

describe('readNpzVolume', () => {
  it('reads images that are ready for display, stored or deflated, in every npy version', async () => {
    for (const compress of [true, false]) {
      for (const version of [1, 2, 3]) {
        const path = await zipFile(
          'good.npz',
          { 'imgs.npy': npy(header('|u1', '(2, 3, 4)'), imgs, version) },
          compress,
        );
        const volume = await readNpzVolume(path);
        expect(volume.voxels).toEqual(imgs);
        expect(volume).toMatchObject({ channels: 1, displayReady: true, geometry: { slices: 2, rows: 3, columns: 4 } });
        expect(volume.findings.map(({ code }) => code)).toEqual(['npz-no-spacing']);
      }
    }
  });

  it('reads colours, and a single slice', async () => {
    const colour = await zipFile('rgb.npz', { 'imgs.npy': npy(header('|u1', '(2, 2, 2, 3)'), imgs) });
    expect(await readNpzVolume(colour)).toMatchObject({ channels: 3, geometry: { slices: 2, rows: 2, columns: 2 } });
    const flat = await zipFile('flat.npz', { 'imgs.npy': npy(header('|u1', '(4, 6)'), imgs) });
    expect(await readNpzVolume(flat)).toMatchObject({ geometry: { slices: 1, rows: 4, columns: 6 } });
  });

  it.each<[string, string, Record<string, Uint8Array>]>([
    ['pickled objects', 'npz-object-array', { 'imgs.npy': npy(header('|O', '(2,)'), Buffer.from('\x80\x04N.')) }],
    [
      'records',
      'npz-dtype',
      { 'imgs.npy': npy("{'descr': [('a', '<i2')], 'fortran_order': False, 'shape': (2,), }", imgs) },
    ],
    ['text', 'npz-dtype', { 'imgs.npy': npy(header('<U4', '(2,)'), imgs) }],
    ['complex numbers', 'npz-dtype', { 'imgs.npy': npy(header('<c8', '(3,)'), imgs) }],
    ['Fortran order', 'npz-fortran-order', { 'imgs.npy': npy(header('|u1', '(2, 3, 4)', 'True'), imgs) }],
    ['no imgs', 'npz-missing-array', { 'image.npy': good }],
    ['five axes', 'npz-shape', { 'imgs.npy': npy(header('|u1', '(1, 1, 2, 3, 4)'), imgs) }],
    ['too few values', 'image-truncated', { 'imgs.npy': npy(header('|u1', '(2, 3, 5)'), imgs) }],
    ['too many values', 'image-truncated', { 'imgs.npy': npy(header('|u1', '(2, 3, 3)'), imgs) }],
    [
      'a huge shape',
      'image-too-large',
      { 'imgs.npy': npy(header('<f8', '(4294967296, 4294967296, 4294967296)'), imgs) },
    ],
    ['an empty axis', 'image-dimensions', { 'imgs.npy': npy(header('|u1', '(0, 3, 4)'), imgs) }],
    ['no npy', 'npy-header', { 'imgs.npy': imgs }],
    [
      'an evaluated header',
      'npy-header',
      { 'imgs.npy': npy("{'descr': '|u1', 'fortran_order': False, 'shape': (__import__('os'),), }", imgs) },
    ],
    ['an unknown version', 'npy-header', { 'imgs.npy': npy(header('|u1', '(2, 3, 4)'), imgs, 9) }],
    ['a cut header', 'image-truncated', { 'imgs.npy': good.subarray(0, 30) }],
    [
      'a spacing of two',
      'npz-geometry',
      { 'imgs.npy': good, 'spacing.npy': npy(header('<f8', '(2,)'), new Uint8Array(16)) },
    ],
    [
      'a spacing of zero',
      'npz-geometry',
      { 'imgs.npy': good, 'spacing.npy': npy(header('<f8', '(3,)'), new Uint8Array(24)) },
    ],
  ])('refuses %s as %s', async (_what, code, members) => {
    expect(await refusal(readNpzVolume(await zipFile('bad.npz', members)))).toBe(code);
  });

  it('refuses empty, cut and foreign files, and damaged members', async () => {
    const path = join(folder, 'damaged.npz');
    const whole = readFileSync(await zipFile('whole.npz', { 'imgs.npy': good }, false));
    writeFileSync(path, '');
    expect(await refusal(readNpzVolume(path))).toBe('image-empty');
    writeFileSync(path, whole.subarray(0, whole.length - 30));
    expect(await refusal(readNpzVolume(path))).toBe('npz-archive');
    writeFileSync(path, 'PK and nothing more');
    expect(await refusal(readNpzVolume(path))).toBe('npz-archive');
    // one voxel changed in a stored member: only its checksum tells
    const flipped = Buffer.from(whole);
    flipped[whole.indexOf(Buffer.from(imgs)) + 5] ^= 1;
    writeFileSync(path, flipped);
    expect(await refusal(readNpzVolume(path))).toBe('image-corrupt');
    expect(await refusal(readNpzVolume(join(folder, 'absent.npz')))).toBe('file-not-found');
  });

  it('refuses a voxel limit before reading', async () => {
    expect(await refusal(readNpzVolume(await zipFile('limit.npz', { 'imgs.npy': good }), { maxBytes: 23 }))).toBe(
      'image-too-large',
    );
  });
});

describe('readNpzLabels', () => {
  it('reads any whole numbers as labels and refuses others', async () => {
    const wide = npy(header('<i8', '(1, 1, 3)'), new Uint8Array(new BigInt64Array([0n, 300n, 7n]).buffer));
    const real = npy(header('<f4', '(1, 1, 3)'), new Uint8Array(new Float32Array([0, 1.5, 2]).buffer));
    const path = await zipFile('labels.npz', { 'gts.npy': wide, 'recist.npy': real, 'segs.npy': good });
    expect((await readNpzLabels(path, 'gts')).labels).toEqual(Uint16Array.of(0, 300, 7));
    expect((await readNpzLabels(path, 'segs')).labels).toEqual(imgs);
    expect(await refusal(readNpzLabels(path, 'recist'))).toBe('npz-labels');
  });
});

describe('npyHeader', () => {
  it('is what numpy writes: padded to 64 bytes, ended by a newline', () => {
    const bytes = Buffer.from(npyHeader('|u1', [3]));
    expect(bytes.length % 64).toBe(0);
    expect(bytes.subarray(0, 10)).toEqual(Buffer.from('\x93NUMPY\x01\x00v\x00', 'latin1'));
    const text = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }";
    expect(bytes.toString('latin1', 10)).toBe(`${text.padEnd(117)}\n`);
  });
});

(python ? describe : describe.skip)('npz against numpy', () => {
  it('reads what numpy saves', async () => {
    const script = `
import sys, json, numpy as np
rng = np.random.default_rng(1)
folder = sys.stdin.read()
out = {}
for dtype in ['u1', '<i2', '>i2', '<u2', '>f4', '<f8', '<f2', '>i8', '?', 'i1', '>u4']:
    a = (rng.random((2, 3, 4)) * 100).astype(dtype)
    (np.savez_compressed if dtype[0] == '<' else np.savez)(folder + '/numpy_' + dtype[-2:] + '.npz', imgs=a, spacing=np.array([0.5, 0.6, 3]), direction=np.array([0,1,0,1,0,0,0,0,-1.0]), origin=np.array([1, 2, 3.5]))
    out['numpy_' + dtype[-2:] + '.npz'] = a.astype(float).ravel().tolist()
print(json.dumps(out))`;
    const expected = JSON.parse(runPython(python as string, script, folder)) as Record<string, number[]>;
    for (const [name, values] of Object.entries(expected)) {
      const volume = await readNpzVolume(join(folder, name));
      expect([name, [...volume.voxels]]).toEqual([name, values]);
      expect(volume.geometry).toMatchObject({
        spacing: [0.5, 0.6, 3],
        origin: [1, 2, 3.5],
        direction: [0, 1, 0, 1, 0, 0, 0, 0, -1],
      });
      expect(volume.displayReady).toBe(name === 'numpy_u1.npz' || name === 'numpy_?.npz');
    }
    const archive = await NpzArchive.open(join(folder, 'numpy_u1.npz'));
    expect(archive.names.sort()).toEqual(['direction', 'imgs', 'origin', 'spacing']);
    archive.close();
  });

  it('writes what numpy loads, without pickles, and the spacing of an npz source to the digit', async () => {
    const { truth } = makePhantom();
    const path = join(folder, 'written.npz');
    const spacing = [0.1 + 0.2, 0.97659999132156372, 5];
    const many = { geometry: truth.geometry, labels: Uint16Array.from(truth.labels, (label) => label * 300) };
    await writeLabelMap(path, truth, { native: { format: 'npz', spacing } });
    await writeLabelMap(join(folder, 'many.npz'), many);
    const script = `
import sys, json, numpy as np
a, b = [np.load(p, allow_pickle=False) for p in json.load(sys.stdin)]
print(json.dumps(dict(keys=sorted(a.files), all=sorted(b.files), dtypes=[str(a['segs'].dtype), str(b['segs'].dtype)], shape=a['segs'].shape, segs=a['segs'].ravel().tolist(), many=b['segs'].ravel().tolist(), spacing=a['spacing'].tolist(), origin=b['origin'].tolist(), direction=b['direction'].tolist())))`;
    const found: unknown = JSON.parse(
      runPython(python as string, script, JSON.stringify([path, join(folder, 'many.npz')])),
    );
    const { slices, rows, columns, origin, direction } = truth.geometry;
    expect(found).toEqual({
      keys: ['segs', 'spacing'],
      all: ['direction', 'origin', 'segs', 'spacing'],
      dtypes: ['uint8', 'uint16'],
      shape: [slices, rows, columns],
      segs: [...truth.labels],
      many: [...many.labels],
      spacing,
      origin,
      direction,
    });
  });
});

describe('texts in an npz', () => {
  const text = (value: string, dtype = `<U${value.length}`, shape = '()'): Uint8Array =>
    npy(header(dtype, shape), Uint8Array.from(new Uint8Array(Uint32Array.from(value, (c) => c.charCodeAt(0)).buffer)));

  async function readText(member: Uint8Array): Promise<string> {
    const archive = await NpzArchive.open(await zipFile('text.npz', { 'labels.npy': member }));
    try {
      return await archive.readText('labels');
    } finally {
      archive.close();
    }
  }

  it('reads a single text', async () => {
    expect(await readText(text('{"1": "Leber"}'))).toBe('{"1": "Leber"}');
    expect(await readText(text('é '))).toBe('é ');
  });

  it('refuses numbers, lists of texts, and texts cut short', async () => {
    expect(await refusal(readText(good))).toBe('npz-dtype');
    expect(await refusal(readText(text('ab', '<U1', '(2,)')))).toBe('npz-dtype');
    expect(await refusal(readText(text('ab', '<U9')))).toBe('image-truncated');
  });
});
