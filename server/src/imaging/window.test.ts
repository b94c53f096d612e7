import { UserError } from '@medsam2/models';
import { runPython, testPython } from '@medsam2/models/testing';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf } from './formats/voxel-type.js';
import { pixelGrid } from './geometry.js';
import { positivePercentiles } from './percentiles.js';
import { makePhantom, seededRandom } from './testing/phantom.js';
import { temporaryFolder } from './testing/temporary.js';
import type { Volume, VoxelArray } from './volume.js';
import { createImageSource, describeWindow, resolveWindow, type ResolvedWindow } from './window.js';
import { parseWindow, windowPresets } from './window-spec.js';

const python = testPython();
const folder = temporaryFolder();

const volumeOf = (voxels: VoxelArray, more: Partial<Volume> = {}): Volume => ({
  voxels,
  channels: 1,
  geometry: pixelGrid(voxels.length / (more.channels ?? 1), 1, 1),
  kind: 'stack',
  findings: [],
  ...more,
});
const greys = (volume: Volume, window: ResolvedWindow): number[] => [...createImageSource(volume, window).image(0)];
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
  return 'none';
};

describe('parseWindow', () => {
  it.each([
    ['abdomen', { kind: 'preset', name: 'abdomen' }],
    [' Lung ', { kind: 'preset', name: 'lung' }],
    ['40,400', { kind: 'explicit', centre: 40, width: 400 }],
    ['-600, 1.5e3', { kind: 'explicit', centre: -600, width: 1500 }],
    ['p0.5,p99.5', { kind: 'percentiles', low: 0.5, high: 99.5 }],
    ['P1,99', { kind: 'percentiles', low: 1, high: 99 }],
    ['auto', { kind: 'auto' }],
    ['none', { kind: 'none' }],
  ])('reads %s', (text, spec) => {
    expect(parseWindow(text)).toEqual(spec);
  });

  it.each([
    '',
    'abdomn',
    '40',
    '40,0',
    '40,-5',
    '40;400',
    'p5',
    'p99,p1',
    'p-1,p50',
    'p0,p101',
    'nan,1',
    '1e999,5',
    'toString',
  ])('refuses "%s"', (text) => {
    expect(codeOf(() => parseWindow(text))).toBe('window-invalid');
  });
});

describe('resolveWindow and createImageSource', () => {
  it('maps by hand-computed greys, truncated', () => {
    const volume = volumeOf(Int16Array.of(-1000, -160, -159, 40, 239, 240, 3000));
    const window = resolveWindow(volume, { kind: 'preset', name: 'abdomen' });
    // (40 + 160) / 400 * 255 = 127.5 -> 127
    expect(greys(volume, window)).toEqual([0, 0, 0, 127, 254, 255, 255]);
    expect(describeWindow(window)).toBe('preset abdomen: -160 to 240 (centre 40, width 400)');
  });

  it('stretches to the data when asked, which differs only where the image does not reach the bounds', () => {
    const volume = volumeOf(Int16Array.of(-60, 40, 140));
    const spec = { kind: 'explicit', centre: 40, width: 400 } as const;
    expect(greys(volume, resolveWindow(volume, spec, 'fixed'))).toEqual([63, 127, 191]);
    const window = resolveWindow(volume, spec, 'data');
    expect(greys(volume, window)).toEqual([0, 127, 255]);
    expect(describeWindow(window)).toContain('stretched from -60 to 140');
    const reaching = volumeOf(Int16Array.of(-500, 0, 500));
    expect(greys(reaching, resolveWindow(reaching, spec, 'data'))).toEqual(
      greys(reaching, resolveWindow(reaching, spec)),
    );
  });

  it('shows NaN and infinite voxels as the smallest finite value', () => {
    const volume = volumeOf(Float32Array.of(NaN, 100, Infinity, -Infinity, 200, 300));
    const window = resolveWindow(volume, { kind: 'explicit', centre: 200, width: 400 });
    expect(greys(volume, window)).toEqual([63, 63, 63, 63, 127, 191]);
    expect(greys(volume, resolveWindow(volume, { kind: 'explicit', centre: 200, width: 400 }, 'data'))).toEqual([
      0, 0, 0, 0, 127, 255,
    ]);
  });

  it('chooses by modality, and says what it assumes', () => {
    const voxels = Int16Array.of(-1000, 0, 500, 600);
    const auto = (modality?: string, array: VoxelArray = voxels): ResolvedWindow =>
      resolveWindow(volumeOf(array, { modality }), { kind: 'auto' });
    expect(auto('CT')).toMatchObject({ low: -160, high: 240, label: 'preset abdomen' });
    expect(auto('CT').notes).toHaveLength(1);
    expect(auto('MR')).toMatchObject({ label: 'percentiles 0.5 and 99.5 of voxels above 0', notes: [] });
    expect(auto('PT')).toMatchObject({ label: 'percentiles 0.5 and 99.5 of voxels above 0' });
    expect(auto().notes[0]).toContain('taken for CT');
    expect(auto(undefined, Int16Array.of(0, 10, 500))).toMatchObject({
      label: expect.stringContaining('percentiles') as string,
    });
    expect(auto(undefined, Uint8Array.of(0, 10, 255))).toEqual({ kind: 'none', notes: [] });
    expect(resolveWindow(volumeOf(voxels, { modality: 'MR' }), { kind: 'preset', name: 'lung' }).notes[0]).toContain(
      'Hounsfield',
    );
  });

  it('gives bytes and colours as they are, without a copy', () => {
    const voxels = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const volume = volumeOf(voxels, { channels: 3, displayReady: true, geometry: pixelGrid(1, 1, 2) });
    const source = createImageSource(volume, resolveWindow(volume, { kind: 'auto' }));
    expect(source).toMatchObject({ slices: 2, rows: 1, columns: 1, channels: 3 });
    expect(source.image(1).buffer).toBe(voxels.buffer);
    expect([...source.image(1)]).toEqual([4, 5, 6]);
    expect(() => source.image(2)).toThrow(RangeError);
    expect(codeOf(() => resolveWindow(volume, { kind: 'preset', name: 'lung' }))).toBe('window-on-colour');
  });

  it('applies no window only where intensities fit', () => {
    const real = volumeOf(Float32Array.of(0, 12.9, 255));
    expect(greys(real, resolveWindow(real, { kind: 'none' }))).toEqual([0, 12, 255]);
    expect(codeOf(() => resolveWindow(volumeOf(Int16Array.of(0, 256)), { kind: 'none' }))).toBe('window-needed');
    expect(codeOf(() => resolveWindow(volumeOf(Int16Array.of(-1, 5)), { kind: 'none' }))).toBe('window-needed');
  });

  it('refuses windows that cannot work', () => {
    const negative = volumeOf(Int16Array.of(-5, 0));
    expect(codeOf(() => resolveWindow(negative, parseWindow('p1,p99')))).toBe('window-no-positive-voxels');
    const constant = volumeOf(Float32Array.of(7, 7));
    expect(codeOf(() => resolveWindow(constant, parseWindow('p1,p99')))).toBe('window-flat');
    expect(codeOf(() => resolveWindow(constant, parseWindow('40,400'), 'data'))).toBe('window-flat');
  });

  it('makes slices on demand: every slice of a phantom, the volume untouched', () => {
    const { volume } = makePhantom();
    const before = volume.voxels.slice();
    const source = createImageSource(volume, resolveWindow(volume, { kind: 'auto' }));
    const { columns, rows, slices } = volume.geometry;
    expect(source).toMatchObject({ columns, rows, slices, channels: 1 });
    for (let slice = 0; slice < slices; slice++) {
      const image = source.image(slice);
      const at = slice * rows * columns + 7 * columns + 11;
      const value = Math.min(Math.max(volume.voxels[at], -160), 240);
      expect(image[7 * columns + 11]).toBe(Math.floor(((value + 160) / 400) * 255));
    }
    expect(volume.voxels).toEqual(before);
  });
});

/** int and real arrays with many values, repeats, zeros and negatives */
function arrays(): VoxelArray[] {
  const random = seededRandom(11);
  const make = <T extends VoxelArray>(array: T, low: number, high: number): T => {
    for (let i = 0; i < array.length; i++) array[i] = low + (high - low) * random() ** 3;
    return array;
  };
  return [
    make(new Int8Array(997), -100, 100),
    make(new Uint8Array(1001), 0, 255),
    make(new Int16Array(5003), -1024, 3000),
    make(new Uint16Array(4001), 0, 65000),
    make(new Int32Array(3001), -1e6, 1e8),
    make(new Uint32Array(3001), 0, 4e9),
    make(new Float32Array(7001), -10, 1000),
    make(new Float64Array(6007), -1e-3, 1e-3),
    Float32Array.of(0.5),
    Int16Array.of(-3, 5, 9),
  ];
}
const dtypes: Record<string, string> = {
  Int8Array: 'i1',
  Uint8Array: 'u1',
  Int16Array: '<i2',
  Uint16Array: '<u2',
  Int32Array: '<i4',
  Uint32Array: '<u4',
  Float32Array: '<f4',
  Float64Array: '<f8',
};

/** The research scripts' arithmetic (specification section 3.1) in float64. */
const reference = String.raw`
import sys, json, numpy as np
out = []
for path, dtype, bounds in json.load(sys.stdin):
    v = np.fromfile(path, dtype).astype(np.float64)
    row = {}
    p = v[v > 0]
    row['percentiles'] = [float(np.percentile(p, q)) for q in (0, 0.5, 1, 25, 50, 73.3, 99.5, 100)]
    for name, (low, high) in bounds + [['percentiles', row['percentiles'][1:7:5]]]:
        c = np.clip(v, low, high)
        with np.errstate(all='ignore'):
            data = (c - c.min()) / (c.max() - c.min()) * 255.0
            fixed = (c - low) / (high - low) * 255.0
            row[name] = dict(data=None if c.max() == c.min() else np.uint8(data).tolist(), fixed=None if high == low else np.uint8(fixed).tolist())
    out.append(row)
print(json.dumps(out))
`;

(python ? describe : describe.skip)('windows against numpy', () => {
  it('gives the percentiles and every grey of the research scripts exactly, for every voxel type', () => {
    const all = arrays();
    const windows = ['abdomen', 'lung', 'brain', 'mediastinum', '12.5,33.3', 'luna25'];
    const bounds = windows.map((text): [string, [number, number]] => {
      const spec = parseWindow(text);
      const { centre, width } =
        spec.kind === 'preset' ? windowPresets[spec.name] : spec.kind === 'explicit' ? spec : { centre: 0, width: 0 };
      return [text, [centre - width / 2, centre + width / 2]];
    });
    const input = all.map((voxels, index) => {
      const path = join(folder, `${index}.raw`);
      writeFileSync(path, bytesOf(voxels));
      return [path, dtypes[voxels.constructor.name], bounds];
    });
    type Row = Record<string, { data: number[] | null; fixed: number[] | null }> & { percentiles: unknown };
    const expected = JSON.parse(
      runPython(python as string, reference, JSON.stringify(input)).replaceAll('NaN', 'null'),
    ) as Row[];
    let compared = 0;
    all.forEach((voxels, index) => {
      const volume = volumeOf(voxels);
      for (const name of [...windows, 'p0.5,p99.5']) {
        const want = expected[index][name.startsWith('p0') ? 'percentiles' : name];
        for (const mode of ['data', 'fixed'] as const) {
          const greysWanted = want[mode];
          const run = (): number[] => greys(volume, resolveWindow(volume, parseWindow(name), mode));
          const label = `${voxels.constructor.name} ${index} ${name} ${mode}`;
          if (greysWanted === null) {
            expect([label, codeOf(run)]).toEqual([label, 'window-flat']);
          } else {
            expect([label, run()]).toEqual([label, greysWanted]);
            compared++;
          }
        }
      }
    });
    expect(compared).toBeGreaterThan(80);
  });

  it('gives numpy.percentile to the last bit', () => {
    const all = arrays();
    const percents = [0, 0.5, 1, 25, 50, 73.3, 99.5, 100];
    const script = `
import sys, json, numpy as np
print(json.dumps([[float(np.percentile(p, q)) for q in ${JSON.stringify(percents)}] for path, dtype in json.load(sys.stdin) for v in [np.fromfile(path, dtype).astype(np.float64)] for p in [v[v > 0]]]))`;
    const input = all.map((voxels, index) => {
      const path = join(folder, `p${index}.raw`);
      writeFileSync(path, bytesOf(voxels));
      return [path, dtypes[voxels.constructor.name]];
    });
    const expected: unknown = JSON.parse(runPython(python as string, script, JSON.stringify(input)));
    expect(all.map((voxels) => positivePercentiles(voxels, percents))).toEqual(expected);
  });
});

describe('positivePercentiles', () => {
  it('leaves out zeros, negatives, NaN and infinity', () => {
    expect(positivePercentiles(Float32Array.of(0, -5, NaN, Infinity, 2, 4), [0, 50, 100])).toEqual([2, 3, 4]);
    expect(positivePercentiles(Float64Array.of(-1, 0, NaN), [50])).toBeUndefined();
  });
});
