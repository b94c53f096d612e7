import { readNpzLabels, openVolume, runReportSchema } from '@medsam2/server';
import { makePhantom } from '@medsam2/server/testing';
import { runPython, testPython } from '@medsam2/models/testing';
import { parse } from 'csv-parse/sync';
import { decode } from 'fast-png';
import { existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFrames, writeMedsamNpz, writeNifti, writeNrrd } from './images.js';
import { filesBelow, finished, requireCleanError, setUpCli, type CliResult } from './support.js';

const cli = setUpCli();
const at = (...parts: string[]) => join(cli.folder, ...parts);

interface Entry {
  readonly case: string;
  readonly status: string;
  readonly output?: string;
}
const journalOf = (folder: string): Entry[] =>
  readFileSync(at(folder, 'medsam2-batch.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
/** Cases that were run, in order; an entry `started` each time. */
const runsOf = (folder: string): string[] =>
  journalOf(folder).filter(({ status }) => status === 'started').map((entry) => entry.case); // prettier-ignore
const tableAt = (path: string): Record<string, string>[] =>
  parse<Record<string, string>>(readFileSync(path, 'utf8'), { columns: true });
const marksOf = (name: string): number => statSync(at(name)).mtimeMs;

beforeAll(() => {
  mkdirSync(at('scans'));
  for (const name of ['a', 'b', 'c']) writeNrrd(at('scans', `${name}.nrrd`), makePhantom({ seed: name.charCodeAt(0), slices: 6 }).volume); // prettier-ignore
  writeFileSync(at('scans', 'broken.nii.gz'), 'not an image');
});

describe('a list of cases', () => {
  const list = (name: string, rows: readonly string[]) =>
    writeFileSync(at(name), ['input,slice,box,label,name,output', ...rows, ''].join('\n'));
  const batch = (...more: string[]): Promise<CliResult> =>
    cli.run(['segment', '--batch', 'cases.csv', '--output-dir', 'out', '--table', 'out.csv', ...more]);
  const rows = ['scans/a.nrrd,3,"20,15,40,30",1,lesion,', 'scans/a.nrrd,4,"5,5,20,20",2,node,', 'scans/broken.nii.gz,3,"20,15,40,30",1,,', 'scans/b.nrrd,2,"20,15,40,30",1,,deep/b-mask.nrrd']; // prettier-ignore

  it('goes on after a bad case, and says at the end what became of each', async () => {
    list('cases.csv', rows);
    const result = await batch('--report', 'reports', '--overlay', 'looks');
    expect(result.code).toBe(4);
    expect(requireCleanError(result)).toBe('error: The batch is not complete: of 3 cases, 1 failed.');
    expect(result.stdout).toMatch(/^case +objects +voxels +IoU est\. +seconds +status$/m);
    expect(result.stdout).toMatch(/^a +2 +\d+ +0\.\d\d +\d+\.\d +ok$/m);
    expect(result.stdout).toMatch(/^broken +0 +0 +- +\d+\.\d +failed: The file does not start with a NIfTI header\.$/m);
    const table = tableAt(at('out.csv'));
    expect(table.map((row) => [row.case, row.status, row.code, row.output])).toEqual([
      ['a', 'ok', '', 'a.nii.gz'],
      ['broken', 'failed', 'nifti-header', ''],
      ['b-mask', 'ok', '', 'deep/b-mask.nrrd'],
    ]);
    const { voxels } = await openVolume(at('out', 'a.nii.gz'));
    expect([1, 2].map((label) => voxels.includes(label))).toEqual([true, true]);
    expect(filesBelow(at('out')).filter((name) => name.includes('broken') || name.endsWith('.part'))).toEqual([]);
    expect(filesBelow(at('reports'))).toEqual(['a.json', 'b-mask.json']);
    const report = runReportSchema.parse(JSON.parse(readFileSync(at('reports', 'a.json'), 'utf8')));
    expect(report.result.objects.map(({ name }) => name)).toEqual(['lesion', 'node']);
    expect(filesBelow(at('looks', 'a')).length).toBeGreaterThan(0);
  });

  it('skips what is finished, whatever was only copied, and repeats failures', async () => {
    const [time, soon] = [marksOf('out/a.nii.gz'), new Date(Date.now() + 5000)];
    utimesSync(at('scans', 'a.nrrd'), soon, soon);
    const again = await batch('--report', 'reports', '--overlay', 'looks');
    expect(again.code).toBe(4);
    expect(again.stderr).toMatch(/2 of 3 cases are finished already/);
    expect(runsOf('out')).toEqual(['a', 'broken', 'b-mask', 'broken']);
    expect(marksOf('out/a.nii.gz')).toBe(time);
    expect(tableAt(at('out.csv')).map(({ skipped }) => skipped)).toEqual(['1', '0', '1']);
  });

  it('runs a case again when its prompts, its image or its result changed, and only that', async () => {
    list('cases.csv', [rows[0].replace('20,15,40,30', '18,15,40,30'), ...rows.slice(1)]);
    await batch('--report', 'reports', '--overlay', 'looks');
    expect(runsOf('out').slice(4)).toEqual(['a', 'broken']);
    writeNrrd(at('scans', 'b.nrrd'), makePhantom({ seed: 99, slices: 6 }).volume);
    await batch('--report', 'reports', '--overlay', 'looks');
    expect(runsOf('out').slice(6)).toEqual(['broken', 'b-mask']);
    await rm(at('out', 'a.nii.gz'));
    await batch('--report', 'reports', '--overlay', 'looks');
    expect(runsOf('out').slice(8)).toEqual(['a', 'broken']);
    await batch('--report', 'reports', '--overlay', 'looks', '--fill-holes', '8');
    expect(runsOf('out').slice(10)).toEqual(['a', 'broken', 'b-mask']);
  });

  it('forgets with --restart, and ends with 0 when all is well', async () => {
    list('cases.csv', [rows[0], rows[3]]);
    const result = await batch('--restart');
    expect(result).toMatchObject({ code: 0 });
    expect(runsOf('out')).toEqual(['a', 'b-mask']);
    expect((await batch()).code).toBe(0);
    expect(runsOf('out')).toEqual(['a', 'b-mask']);
  });

  it('does not overwrite what it did not write', async () => {
    mkdirSync(at('foreign'));
    writeFileSync(at('foreign', 'a.nii.gz'), 'precious');
    list('one.csv', [rows[0]]);
    const args = ['segment', '--batch', 'one.csv', '--output-dir', 'foreign'];
    const refused = await cli.run(args);
    expect(refused.code).toBe(4);
    expect(refused.stdout).toMatch(/failed: .*a\.nii\.gz is there already/);
    expect(readFileSync(at('foreign', 'a.nii.gz'), 'utf8')).toBe('precious');
    expect((await cli.run([...args, '--force'])).code).toBe(0);
    expect(statSync(at('foreign', 'a.nii.gz')).size).toBeGreaterThan(100);
  });

  it('goes on where a killed run was', async () => {
    const names = Array.from({ length: 8 }, (_, at) => `k${at}`);
    for (const name of names)
      writeNrrd(at('scans', `${name}.nrrd`), makePhantom({ seed: name.charCodeAt(1), slices: 8 }).volume);
    list('many.csv', names.map((name) => `scans/${name}.nrrd,4,"20,15,40,30",1,,`)); // prettier-ignore
    const args = ['segment', '--batch', 'many.csv', '--output-dir', 'killed'];
    const child = cli.start(args);
    child.stderr?.on('data', (text: Buffer) => {
      if (String(text).includes('case 3 of 8')) child.kill('SIGKILL');
    });
    await finished(child);
    const done = journalOf('killed').filter(({ status }) => status === 'ok').map((entry) => entry.case); // prettier-ignore
    expect(done.length).toBeGreaterThanOrEqual(3);
    expect(done.length).toBeLessThan(8);
    // as if the kill had come in the middle of a line and of a result
    const next = names[done.length];
    writeFileSync(at('killed', 'medsam2-batch.jsonl'), '{"format_version":1,"case":"k', { flag: 'a' });
    writeFileSync(at('killed', `.${next}.nii.gz.0123456789ab.part`), 'half');
    const times = done.map((name) => marksOf(`killed/${name}.nii.gz`));
    const result = await cli.run(args);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toContain(`${done.length} of 8 cases are finished already`);
    expect(done.map((name) => marksOf(`killed/${name}.nii.gz`))).toEqual(times);
    expect(filesBelow(at('killed'))).toEqual([...names.map((name) => `${name}.nii.gz`), 'medsam2-batch.jsonl']);
  });

  it('stops on a signal with whole results only', async () => {
    const child = cli.start(['segment', '--batch', 'many.csv', '--output-dir', 'stopped']);
    child.stderr?.on('data', (text: Buffer) => {
      if (String(text).includes('case 2 of 8')) child.kill('SIGINT');
    });
    const result = await finished(child);
    expect(result.code).toBe(130);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    const done = journalOf('stopped').filter(({ status }) => status === 'ok').map((entry) => `${entry.case}.nii.gz`); // prettier-ignore
    expect(filesBelow(at('stopped'))).toEqual([...done, 'medsam2-batch.jsonl']);
    expect(journalOf('stopped').map(({ status }) => status)).not.toContain('failed');
  });

  it.each([
    ['no output folder', ['--batch', 'cases.csv'], 2, /no place for the results/],
    ['an input beside the list', ['scans/a.nrrd', '--batch', 'cases.csv', '--output-dir', 'x'], 2, /cannot be given with --batch/],
    ['prompts beside the list', ['--slice', '3', '--batch', 'cases.csv', '--output-dir', 'x'], 2, /--slice cannot be given with --batch/],
    ['results among the images', ['--batch', 'scans', '--format', 'recist-npz', '--output-dir', 'scans'], 2, /same folder/],
    ['no folder of images', ['--batch', 'cases.csv', '--format', 'luna', '--output-dir', 'x'], 2, /needs --images/],
    ['an unknown format', ['--batch', 'cases.csv', '--format', 'kits', '--output-dir', 'x'], 2, undefined],
    ['a list that is not there', ['--batch', 'none.csv', '--output-dir', 'x'], 1, /none\.csv cannot be read/],
    ['a list of other columns', ['--batch', 'other.csv', '--output-dir', 'x'], 1, /no column input/],
    ['results that collide', ['--batch', 'collide.csv', '--output-dir', 'x'], 1, /same file same\.nii\.gz/],
    ['no case at all', ['--batch', 'nothing.csv', '--output-dir', 'x'], 1, /no case/],
  ] as const)('refuses %s', async (_, args, code, sentence) => {
    writeFileSync(at('other.csv'), 'file,k\na,1\n');
    writeFileSync(at('nothing.csv'), 'input,slice,box\n');
    list('collide.csv', ['scans/a.nrrd,3,"20,15,40,30",1,,same.nii.gz', 'scans/b.nrrd,3,"20,15,40,30",1,,same.nii.gz']);
    const result = await cli.run(['segment', ...args]);
    expect(result.code).toBe(code);
    if (sentence) expect(requireCleanError(result)).toMatch(sentence);
    expect(existsSync(at('x'))).toBe(false);
  }); // prettier-ignore

  it('keeps results inside the output folder', async () => {
    list('escape.csv', ['scans/a.nrrd,3,"20,15,40,30",1,,../escaped.nii.gz']);
    const result = await cli.run(['segment', '--batch', 'escape.csv', '--output-dir', 'inside']);
    expect(result.code).toBe(4);
    expect(result.stdout).toMatch(/would lie outside the output folder/);
    expect(existsSync(at('escaped.nii.gz'))).toBe(false);
  });
});

describe('research formats', () => {
  const { volume } = makePhantom({ seed: 8, slices: 13 });

  it('DeepLesion: one mask per lesion, named as the script names them', async () => {
    mkdirSync(at('deeplesion'));
    writeNifti(at('deeplesion', '000001_03_01_088-100.nii.gz'), volume);
    const columns = 'File_name,Key_slice_index,Slice_range,DICOM_windows,Bounding_boxes';
    const row = (key: number, box: string) => `000001_03_01_0${key}.png,${key},"88, 100","-175, 275","${box}"`;
    writeFileSync(at('info.csv'), [columns, row(93, '10.2, 20.7, 30.1, 40.9'), row(95, '8, 12, 20, 30'), '000009_01_01_005.png,5,"1, 9","0, 10","1, 2, 3, 4"', ''].join('\n')); // prettier-ignore
    const args = ['--batch', 'info.csv', '--format', 'deeplesion', '--images', 'deeplesion', '--output-dir', 'dl'];
    const result = await cli.run(['segment', ...args, '--report', 'dl-reports']);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toMatch(/1 row of the list: the images are not there/);
    const names = ['000001_03_01_088-100_k93_mask', '000001_03_01_088-100_k95_mask'];
    expect(filesBelow(at('dl'))).toEqual([...names.map((name) => `${name}.nii.gz`), 'medsam2-batch.jsonl']);
    const report = runReportSchema.parse(JSON.parse(readFileSync(at('dl-reports', `${names[0]}.json`), 'utf8')));
    expect(report).toMatchObject({
      options: { conditioning: 'direct', largest_component: true },
      window: { low: -175, high: 275, scale: 'data' },
      prompts: { objects: [{ label: 1, prompts: [{ slice: 5, box: [20, 10, 40, 30] }] }] },
    });
  });

  it('RECIST npz: an npz with segs per file', async () => {
    mkdirSync(at('recist'));
    const lines = new Uint8Array(volume.voxels.length);
    for (let x = 20; x < 40; x++) lines[5 * 48 * 64 + 18 * 64 + x] = 1;
    for (let y = 10; y < 20; y++) lines[8 * 48 * 64 + y * 64 + 50] = 2;
    await writeMedsamNpz(at('recist', 'CT_1.npz'), volume, lines);
    await writeMedsamNpz(at('recist', 'CT_2.npz'), volume);
    const args = ['segment', '--batch', 'recist', '--format', 'recist-npz', '--output-dir', 'recist-out'];
    const result = await cli.run([...args, '--report', 'recist-reports']);
    expect(result.code).toBe(4);
    expect(result.stdout).toMatch(/CT_2 .*failed: .*recist/);
    const { labels } = await readNpzLabels(at('recist-out', 'CT_1.npz'), 'segs');
    expect(labels.length).toBe(volume.voxels.length);
    const report = runReportSchema.parse(JSON.parse(readFileSync(at('recist-reports', 'CT_1.json'), 'utf8')));
    expect(report.prompts.objects.map(({ prompts }) => prompts[0])).toEqual([
      { slice: 5, recist_pixels: 20, recist_mode: 'points' },
      { slice: 8, recist_pixels: 10, recist_mode: 'points' },
    ]);
    // another mode is another result
    expect((await cli.run([...args, '--report', 'recist-reports', '--recist-mode', 'box'])).code).toBe(4);
    expect(runsOf('recist-out')).toEqual(['CT_1', 'CT_2', 'CT_1', 'CT_2']);
  });

  it('LUNA points: world coordinates in, a label map with its geometry out', async () => {
    mkdirSync(at('luna'));
    const series = '1.3.6.1.4.1.14519.5.2.1.7009.9004.1';
    writeNrrd(at('luna', `${series}.nrrd`), volume);
    const { origin, spacing } = volume.geometry;
    const world = (index: readonly number[]) =>
      index.map((value, axis) => origin[axis] + value * spacing[axis]).join(',');
    writeFileSync(
      at('luna.csv'),
      `SeriesInstanceUID,CoordX,CoordY,CoordZ\n${series},${world([30, 20, 6])}\n${series},${world([40, 22, 7])}\n`,
    );
    const result = await cli.run(['segment', '--batch', 'luna.csv', '--format', 'luna', '--images', 'luna', '--output-dir', 'luna-out', '--report', 'luna-reports']); // prettier-ignore
    expect(result).toMatchObject({ code: 0 });
    const { geometry } = await openVolume(at('luna-out', `${series}.nii.gz`));
    geometry.origin.forEach((value, axis) => expect(value).toBeCloseTo(origin[axis], 3));
    const report = runReportSchema.parse(JSON.parse(readFileSync(at('luna-reports', `${series}.json`), 'utf8')));
    expect(report.window).toMatchObject({ low: -1500, high: 0, scale: 'data' });
    expect(report.prompts.objects.map(({ prompts }) => prompts[0])).toEqual([
      { slice: 6, points: [[30, 20, 1]] },
      { slice: 7, points: [[40, 22, 1]] },
    ]);
  });
});

describe('videos with masks', () => {
  const rows = 40;
  const columns = 48;
  const numbersAt = (...parts: string[]): number[] => [...decode(readFileSync(at(...parts))).data];

  beforeAll(async () => {
    await writeFrames(at('videos', 'walk'), 5, columns, rows);
    await writeFrames(at('videos', 'run'), 4, columns, rows);
    const { palettePicture } = await masks();
    mkdirSync(at('masks', 'walk'), { recursive: true });
    mkdirSync(at('masks', 'run'), { recursive: true });
    writeFileSync(at('masks', 'walk', '00000.png'), palettePicture([1, 3]));
    writeFileSync(at('masks', 'run', '00000.png'), palettePicture([1]));
    writeFileSync(at('masks', 'run', '00002.png'), palettePicture([1, 2]));
  });

  /** Pictures of two squares with the given numbers. */
  async function masks() {
    const { encode } = await import('fast-png');
    const values = (labels: readonly number[]): Uint8Array => {
      const picture = new Uint8Array(columns * rows);
      labels.forEach((label, index) => {
        for (let y = 8; y < 20; y++) picture.fill(label, y * columns + 4 + 22 * index, y * columns + 20 + 22 * index);
      });
      return picture;
    };
    const palettePicture = (labels: readonly number[]): Uint8Array =>
      encode({ width: columns, height: rows, data: values(labels), channels: 1, depth: 8 });
    return { palettePicture, values };
  }

  const run = (folder: string, ...more: string[]) =>
    cli.run(['segment', '--batch', 'videos', '--format', 'video', '--masks', 'masks', '--output-dir', folder, ...more]);

  it('writes object numbers for every frame, without overlap, and keeps the drawn mask', async () => {
    const result = await run('v');
    expect(result).toMatchObject({ code: 0 });
    expect(filesBelow(at('v', 'walk'))).toEqual([0, 1, 2, 3, 4].map((frame) => `0000${frame}.png`));
    expect(numbersAt('v', 'walk', '00000.png')).toEqual([...(await masks()).values([1, 3])]);
    expect([...new Set(numbersAt('v', 'walk', '00002.png'))].every((value) => [0, 1, 3].includes(value))).toBe(true);
    expect((await run('v')).stderr).toMatch(/2 of 2 cases are finished already/);
  });

  it('writes a folder per object, in which objects may overlap', async () => {
    expect((await run('per', '--per-obj-png', '--report', 'per-reports')).code).toBe(0);
    expect(filesBelow(at('per', 'walk')).filter((name) => /^\d+$/.test(name))).toEqual(['001', '003']);
    expect(new Set(numbersAt('per', 'walk', '003', '00000.png'))).toEqual(new Set([0, 1]));
    const report = runReportSchema.parse(JSON.parse(readFileSync(at('per-reports', 'walk.json'), 'utf8')));
    expect(report).toMatchObject({ direction: 'forward', options: { non_overlap: false, stability_fallback: false } });
  });

  it('lets objects appear later when asked to', async () => {
    const result = await run('later', '--later-objects', '--report', 'later-reports');
    expect(result).toMatchObject({ code: 0 });
    const report = runReportSchema.parse(JSON.parse(readFileSync(at('later-reports', 'run.json'), 'utf8')));
    expect(report.options.non_overlap).toBe(true);
    expect(report.result.objects.map(({ label, scores }) => [label, scores[0].slice])).toEqual([[1, 0], [2, 2]]); // prettier-ignore
    expect(new Set(numbersAt('later', 'run', '00000.png'))).toEqual(new Set([0, 1]));
  });

  it('notices that a mask was drawn anew', async () => {
    const { palettePicture } = await masks();
    writeFileSync(at('masks', 'run', '00000.png'), palettePicture([2]));
    const before = runsOf('v').length;
    expect((await run('v')).code).toBe(0);
    expect(runsOf('v').slice(before)).toEqual(['run']);
  });

  it('does not mix results with the masks or frames', async () => {
    for (const folder of ['masks', 'videos']) expect((await run(folder)).code).toBe(2);
    await cp(at('videos'), at('copy'), { recursive: true });
    const result = await run('copy');
    expect(result.code).toBe(4);
    expect(filesBelow(at('copy', 'walk')).every((name) => name.endsWith('.jpg'))).toBe(true);
  });

  const python = testPython();
  (python === undefined ? it.skip : it)('Pillow reads the pictures as palette indices', () => {
    const script =
      'import sys; from PIL import Image; im = Image.open(sys.stdin.buffer); print(im.mode, im.getpalette()[3:6])';
    expect(runPython(python ?? '', script, readFileSync(at('v', 'walk', '00001.png'))).trim()).toBe('P [128, 0, 0]');
  });
});
