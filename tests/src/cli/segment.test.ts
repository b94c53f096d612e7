import {
  isSameGrid,
  openVolume,
  readNpzLabels,
  runReportSchema,
  sliceView,
  voxelVolume,
  type RunReport,
  type Volume,
} from '@medsam2/server';
import { makePhantom } from '@medsam2/server/testing';
import { sharedData } from '@medsam2/models/testing';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import sharp from 'sharp';
import { writeFrames, writeMedsamNpz, writeNifti, writeNrrd } from './images.js';
import { filesBelow, finished, geometryOf, requireCleanError, setUpCli } from './support.js';

const cli = setUpCli();
const at = (...parts: string[]) => join(cli.folder, ...parts);
const { volume } = makePhantom({ seed: 5 });
const box = ['--slice', '6', '--box', '20,15,40,30'];

beforeAll(() => {
  writeNrrd(at('ct.nrrd'), volume);
});

const reportAt = (path: string): RunReport => runReportSchema.parse(JSON.parse(readFileSync(path, 'utf8')));

/** Voxels of a written label map, with its grid. */
async function labelsAt(path: string): Promise<{ values: number[]; geometry: Volume['geometry'] }> {
  if (path.endsWith('.npz')) {
    const { labels, geometry } = await readNpzLabels(path, 'segs');
    return { values: [...labels], geometry };
  }
  const { voxels, geometry } = await openVolume(path);
  return { values: [...voxels], geometry };
}

describe('one volume', () => {
  it.each(['nii.gz', 'nii', 'nrrd', 'mha', 'npz'])('is written as %s on the grid of the input', async (ending) => {
    const result = await cli.run(['segment', 'ct.nrrd', ...box, '-o', `formats/mask.${ending}`]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout).toMatch(/^object 1: \d+ voxels, .* ml, slices \d+ to \d+, mean IoU estimate 0\.\d\d$/m);
    const reference = await cli.run(['segment', 'ct.nrrd', ...box, '-o', 'reference.nrrd', '--force', '--quiet']);
    expect(reference).toMatchObject({ code: 0, stdout: '' });
    const [written, expected] = [await labelsAt(at('formats', `mask.${ending}`)), await labelsAt(at('reference.nrrd'))];
    expect(written.values).toEqual(expected.values);
    expect(new Set(written.values)).toEqual(new Set([0, 1]));
    expect(isSameGrid(written.geometry, volume.geometry, 1e-3)).toBe(true);
    expect(filesBelow(at('formats')).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('repeats the transform of a NIfTI input to the byte', async () => {
    writeNifti(at('ct.nii.gz'), volume);
    expect((await cli.run(['segment', 'ct.nii.gz', ...box, '-o', 'same.nii.gz'])).code).toBe(0);
    const [input, output] = ['ct.nii.gz', 'same.nii.gz'].map((name) => gunzipSync(readFileSync(at(name))));
    expect(output.subarray(252, 328)).toEqual(input.subarray(252, 328));
    expect(output.subarray(40, 56)).toEqual(input.subarray(40, 56));
  });

  it('reports what was done, on a schema, and its prompts give the same mask again', async () => {
    const args = [
      '--object',
      '3=bright spot',
      '--slice',
      '6',
      '--box',
      '20,15,40,30',
      '--points',
      '30,20,+',
      '22,28,-',
    ];
    const first = await cli.run(['segment', 'ct.nrrd', ...args, '-o', 'a.nrrd', '--report', 'run/a.json']);
    expect(first.code).toBe(0);
    const report = reportAt(at('run', 'a.json'));
    expect(report).toMatchObject({
      demonstration: true,
      model: { name: 'fixture', demonstration: true },
      device: { name: expect.any(String) as string },
      input: { name: 'ct.nrrd', kind: 'stack' },
      geometry: { columns: 64, rows: 48, slices: 12 },
      direction: 'both',
      range: [0, 11],
      result: { file: 'a.nrrd' },
    });
    const [object] = report.result.objects;
    const { values } = await labelsAt(at('a.nrrd'));
    const voxels = values.filter((value) => value === 3).length;
    expect(object).toMatchObject({ label: 3, name: 'bright spot', voxels });
    expect(object.volume_mm3).toBeCloseTo(voxels * voxelVolume(volume.geometry), 1);
    expect(object.scores.map(({ slice }) => slice)).toEqual([...Array(12).keys()]);
    expect(object.scores.reduce((sum, { pixels }) => sum + pixels, 0)).toBe(voxels);
    expect(report.warnings.join()).toMatch(/DEMONSTRATION/);
    // nothing of the machine's folders
    expect(JSON.stringify(report)).not.toContain(cli.folder);

    await writeFile(at('prompts.json'), JSON.stringify(report.prompts));
    expect((await cli.run(['segment', 'ct.nrrd', '--prompts', 'prompts.json', '-o', 'b.nrrd'])).code).toBe(0);
    expect((await labelsAt(at('b.nrrd'))).values).toEqual(values);
  });

  it('segments several objects, prompted on several slices, and says when one overwrites another', async () => {
    const args = ['--object', '1=a', '--slice', '4', '--box', '20,15,40,30', '--slice', '8', '--points', '30,20,+'];
    const more = ['--object', '2=b', '--slice', '6', '--points', '40,30,+'];
    const result = await cli.run(['segment', 'ct.nrrd', ...args, ...more, '-o', 'two.nrrd', '--report', 'two.json']);
    expect(result.code).toBe(0);
    const { objects } = reportAt(at('two.json')).result;
    expect(objects.map(({ label, name }) => [label, name])).toEqual([[1, 'a'], [2, 'b']]); // prettier-ignore
    const origins = new Map(objects[0].scores.map(({ slice, origin }) => [slice, origin]));
    expect([3, 4, 6, 8, 9].map((slice) => origins.get(slice))).toEqual(['propagated', 'prompt', 'blended', 'prompt', 'propagated']); // prettier-ignore
    const { values } = await labelsAt(at('two.nrrd'));
    for (const { label, voxels } of objects) expect(values.filter((value) => value === label).length).toBe(voxels);
    expect(objects[0].lost_voxels).toBeGreaterThan(0);
    expect(result.stderr).toMatch(/warning: Object 1 \(a\) lost \d+ of \d+ voxels to later objects\./);

    const apart = await cli.run(['segment', 'ct.nrrd', ...args, ...more, '-o', 'apart.nrrd', '--non-overlap', '--report', 'apart.json']); // prettier-ignore
    expect(apart.code).toBe(0);
    const settled = reportAt(at('apart.json'));
    expect(settled.options.non_overlap).toBe(true);
    const union = (labels: number[]) => labels.map((value) => (value > 0 ? 1 : 0));
    expect(union((await labelsAt(at('apart.nrrd'))).values)).toEqual(union(values));
    expect(settled.result.objects[1].lost_voxels).toBeGreaterThan(0);
  });

  it('keeps to range and direction, and keeps a drawn mask as it was drawn', async () => {
    const drawn = new Int16Array(volume.voxels.length);
    for (let y = 10; y < 20; y++) drawn.fill(2, 5 * 48 * 64 + y * 64 + 12, 5 * 48 * 64 + y * 64 + 30);
    drawn.fill(1, 5 * 48 * 64, 5 * 48 * 64 + 40);
    writeNrrd(at('drawn.nrrd'), { voxels: drawn, geometry: volume.geometry });
    const args = [
      '--slice',
      '5',
      '--mask',
      'drawn.nrrd',
      '--mask-value',
      '2',
      '--range',
      '3:9',
      '--direction',
      'forward',
    ];
    expect((await cli.run(['segment', 'ct.nrrd', ...args, '-o', 'm.nrrd', '--report', 'm.json'])).code).toBe(0);
    expect(reportAt(at('m.json')).result.objects[0].scores.map(({ slice }) => slice)).toEqual([5, 6, 7, 8, 9]);
    const mask = sliceView(await openVolume(at('m.nrrd')), 5);
    expect([...mask]).toEqual([...drawn.subarray(5 * 48 * 64, 6 * 48 * 64)].map((value) => (value === 2 ? 1 : 0)));
  });

  it('keeps only the largest part when asked to', async () => {
    expect((await cli.run(['segment', 'ct.nrrd', ...box, '-o', 'l.nrrd', '--largest-component', '--report', 'l.json'])).code).toBe(0); // prettier-ignore
    const [object] = reportAt(at('l.json')).result.objects;
    expect(object.removed_voxels).toBeGreaterThan(0);
    expect((await labelsAt(at('l.nrrd'))).values.filter((value) => value === 1).length).toBe(object.voxels);
  });

  it('draws every slice of the object, at the size that is announced', async () => {
    const result = await cli.run([
      'segment',
      'ct.nrrd',
      ...box,
      '-o',
      'o.nrrd',
      '--overlay',
      'look',
      '--report',
      'o.json',
    ]);
    expect(result.code).toBe(0);
    const { scores } = reportAt(at('o.json')).result.objects[0];
    const shown = scores
      .filter(({ pixels }) => pixels > 0)
      .map(({ slice }) => `slice_${String(slice).padStart(4, '0')}.png`);
    expect(filesBelow(at('look'))).toEqual(shown);
    const { width, height, format } = await sharp(at('look', 'slice_0006.png')).metadata();
    expect([format, width]).toEqual(['png', 512]);
    expect(height).toBeGreaterThan(384);
    // the object's colour is on the picture
    const { data, info } = await sharp(at('look', 'slice_0006.png')).raw().toBuffer({ resolveWithObject: true });
    let outline = 0;
    for (let pixel = 0; pixel < data.length; pixel += info.channels) {
      if (data[pixel] === 0x56 && data[pixel + 1] === 0xb4 && data[pixel + 2] === 0xe9) outline++;
    }
    expect(outline).toBeGreaterThan(100);
  });

  it('shows a RECIST line as a prompt like any other', async () => {
    for (const mode of ['box', 'points', 'center', 'three-points', 'box-grid']) {
      const args = ['--slice', '6', '--recist', '20,15,40,30', '--recist-mode', mode, '--range', '5:7'];
      const result = await cli.run([
        'segment',
        'ct.nrrd',
        ...args,
        '-o',
        `r-${mode}.nrrd`,
        '--report',
        `r-${mode}.json`,
      ]);
      expect(result.code).toBe(0);
      expect(reportAt(at(`r-${mode}.json`)).prompts.objects[0].prompts).toEqual([
        { slice: 6, recist_pixels: 21, recist_mode: mode },
      ]);
    }
  });

  it('says what must be said of the model also with --quiet', async () => {
    const { stderr, stdout } = await cli.run([
      'segment',
      'ct.nrrd',
      ...box,
      '-o',
      'q.nrrd',
      '--quiet',
      '--range',
      '6:6',
    ]);
    expect(stdout).toBe('');
    expect(stderr).toBe('note: fixture is a DEMONSTRATION model: do not rely on its masks.\n');
  });
});

describe('unusual images', () => {
  it('segments a single slice', async () => {
    const single = makePhantom({ slices: 1, seed: 2 }).volume;
    writeNrrd(at('one.nrrd'), single);
    const result = await cli.run([
      'segment',
      'one.nrrd',
      '--slice',
      '0',
      '--box',
      '20,15,40,30',
      '-o',
      'one-mask.nrrd',
    ]);
    expect(result).toMatchObject({ code: 0 });
    expect(isSameGrid((await labelsAt(at('one-mask.nrrd'))).geometry, single.geometry)).toBe(true);
  });

  it('segments RGB volumes and video frames', async () => {
    const voxels = Uint8Array.from({ length: 40 * 32 * 4 * 3 }, (_, index) => (index * 7) % 256);
    writeNifti(at('rgb.nii.gz'), { voxels, geometry: geometryOf(40, 32, 4) }, 3);
    // points, since the model with random weights sees nothing in a box here
    const points = ['--slice', '1', '--points', '20,16,+'];
    const rgb = await cli.run(['segment', 'rgb.nii.gz', ...points, '-o', 'rgb-mask.nii.gz', '--report', 'rgb.json']);
    expect(rgb.code).toBe(0);
    expect(reportAt(at('rgb.json')).input.channels).toBe(3);
    await writeFrames(at('frames'), 4);
    const frames = await cli.run([
      'segment',
      'frames',
      '--slice',
      '1',
      '--box',
      '8,8,24,20',
      '-o',
      'frames.nrrd',
      '--report',
      'frames.json',
    ]);
    expect(frames.code).toBe(0);
    const report = reportAt(at('frames.json'));
    expect(report.input.kind).toBe('cine');
    // frames have no size in space
    expect(report.result.objects[0].volume_mm3).toBeUndefined();
  });

  it('warns of voxels that are no numbers', async () => {
    const voxels = Float32Array.from(volume.voxels);
    voxels.fill(NaN, 0, 100);
    writeNrrd(at('nan.nrrd'), { voxels, geometry: volume.geometry });
    const result = await cli.run(['segment', 'nan.nrrd', ...box, '-o', 'nan-mask.nrrd']);
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(/warning: 100 of \d+ voxels are NaN or infinite/);
  });

  it('reads MedSAM2 npz without a window', async () => {
    await writeMedsamNpz(at('case.npz'), volume);
    const result = await cli.run(['segment', 'case.npz', ...box, '-o', 'case-mask.npz', '--report', 'case.json']);
    expect(result.code).toBe(0);
    expect(reportAt(at('case.json')).window.description).toMatch(/^none/);
  });
});

const data = sharedData();
(data === undefined ? describe.skip : describe)('real series', () => {
  it.each(['ct_chest_3mm', 'mr_brain_tumour'])('%s: DICOM to NIfTI and NRRD on the same grid', async (name) => {
    const folder = join(data ?? '', name, 'dicom');
    const { geometry } = await openVolume(folder);
    const [k, x, y] = [geometry.slices >> 1, geometry.columns >> 1, geometry.rows >> 1];
    const prompt = [
      '--slice',
      String(k),
      '--box',
      `${x - 20},${y - 20},${x + 10},${y + 10}`,
      '--range',
      `${k - 1}:${k + 1}`,
    ];
    for (const ending of ['nii.gz', 'nrrd']) {
      const report = at(`${name}.${ending}.json`);
      const result = await cli.run(['segment', folder, ...prompt, '-o', `${name}.${ending}`, '--report', report]);
      expect(result).toMatchObject({ code: 0 });
      expect(isSameGrid((await labelsAt(at(`${name}.${ending}`))).geometry, geometry, 1e-2)).toBe(true);
      expect(reportAt(report).input.modality).toBe(name.startsWith('ct') ? 'CT' : 'MR');
      expect(reportAt(report).window.description).toMatch(name.startsWith('ct') ? /abdomen/ : /percentiles/);
    }
  });
});

describe('the program', () => {
  it('shows help and version, and finds near names of commands', async () => {
    expect(await cli.run(['--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    });
    expect((await cli.run(['segment', '--help'])).stdout).toMatch(/--box/);
    const unknown = await cli.run(['segmnt']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/unknown command 'segmnt'\n\(Did you mean segment\?\)/);
    expect((await cli.run([])).code).toBe(2);
  });

  it('keeps nothing in the home folder and sends nothing: the usage data of the runtime are switched off', async () => {
    const env = { HOME: at('home'), XDG_CACHE_HOME: at('home', 'cache'), ORT_DISABLE_TELEMETRY: '' };
    mkdirSync(at('home'));
    const result = await cli.run(['segment', 'ct.nrrd', ...box, '-o', 'home.nrrd', '--range', '6:6'], { env });
    expect(result.code).toBe(0);
    expect(filesBelow(at('home'))).toEqual([]);
  });

  it('ends quietly when its reader has gone', async () => {
    const child = cli.start(['segment', 'ct.nrrd', ...box, '-o', 'pipe.nrrd']);
    child.stdout?.destroy();
    child.stderr?.destroy();
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(0);
    expect(existsSync(at('pipe.nrrd'))).toBe(true);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('stops on %s and leaves nothing half-written', async (signal) => {
    const long = makePhantom({ slices: 600, seed: 3, noise: 0 }).volume;
    writeNrrd(at('long.nrrd'), long);
    const before = filesBelow(cli.folder);
    const child = cli.start(['segment', 'long.nrrd', '--slice', '300', '--box', '20,15,40,30', '-o', `${signal}/x.nrrd`, '--overlay', `${signal}/look`, '--report', `${signal}/r.json`]); // prettier-ignore
    child.stderr?.on('data', (text: Buffer) => {
      if (String(text).includes('slices/s')) child.kill(signal);
    });
    const result = await finished(child);
    expect(result.code).toBe(130);
    expect(result.stderr).toMatch(/Interrupted: nothing was left half-written\.\n$/);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    expect(filesBelow(cli.folder)).toEqual(before);
  });

  it('replaces results only with --force', async () => {
    const once = [
      'segment',
      'ct.nrrd',
      ...box,
      '-o',
      'kept.nrrd',
      '--overlay',
      'kept',
      '--report',
      'kept.json',
      '--range',
      '6:6',
    ];
    expect((await cli.run(once)).code).toBe(0);
    const content = await readFile(at('kept.nrrd'));
    const again = await cli.run(once);
    expect(again.code).toBe(1);
    expect(requireCleanError(again)).toMatch(/kept\.nrrd is there already/);
    expect(await readFile(at('kept.nrrd'))).toEqual(content);
    expect((await cli.run([...once, '--force'])).code).toBe(0);
  });
});
