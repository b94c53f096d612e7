import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { parse } from 'csv-parse/sync';
import { registerEvaluate } from '../cli/commands/evaluate.js';
import type { GridGeometry } from '../imaging/volume.js';
import { writeLabelMap } from '../imaging/write.js';
import { statistics } from './summary.js';

const grid: GridGeometry = {
  columns: 12,
  rows: 10,
  slices: 6,
  spacing: [0.8, 0.8, 3],
  origin: [-10, 20, 30],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
};

/** A label map with boxes of voxels: [label, first column, last column], on rows 2..7 and slices 1..4. */
function boxes(...parts: readonly [label: number, first: number, last: number][]): Uint8Array {
  const labels = new Uint8Array(grid.columns * grid.rows * grid.slices);
  for (let slice = 1; slice <= 4; slice++) {
    for (let row = 2; row <= 7; row++) {
      for (const [label, first, last] of parts) {
        for (let column = first; column <= last; column++)
          labels[(slice * grid.rows + row) * grid.columns + column] = label;
      }
    }
  }
  return labels;
}

let root: string;
let truth: string;
let prediction: string;

async function put(path: string, labels: Uint8Array, geometry = grid): Promise<void> {
  await writeLabelMap(path, { labels, geometry });
}

async function evaluate(...flags: string[]): Promise<{ text: string; error?: { code?: string; message: string } }> {
  const stdout = new PassThrough();
  const chunks: Buffer[] = [];
  stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  registerEvaluate(program, { stdout, stderr: new PassThrough() });
  program.commands.forEach((command) => command.exitOverride().configureOutput({ writeErr: () => undefined }));
  const error = await program.parseAsync(['node', 'medsam2', 'evaluate', ...flags]).then(
    () => undefined,
    (thrown: { code?: string; message: string }) => thrown,
  );
  return { text: Buffer.concat(chunks).toString(), error };
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'evaluate-'));
  [truth, prediction] = [join(root, 'gt'), join(root, 'pred')];
  await mkdir(truth);
  await mkdir(prediction);
});
afterEach(() => rm(root, { recursive: true }));

describe('medsam2 evaluate', () => {
  it('scores every label of every case, across formats, and averages them', async () => {
    await put(join(truth, 'a.nii.gz'), boxes([1, 0, 3], [2, 6, 9]));
    await put(join(prediction, 'a.nrrd'), boxes([1, 0, 3], [2, 8, 11]));
    await put(join(truth, 'b.mha'), boxes([1, 4, 7]));
    await put(join(prediction, 'b.nii'), boxes([1, 4, 8], [5, 10, 11]));
    const [csv, json] = [join(root, 'scores.csv'), join(root, 'scores.json')];
    const { text, error } = await evaluate('--pred', prediction, '--gt', truth, '--csv', csv, '--json', json);
    expect(error).toBeUndefined();

    const report = JSON.parse(await readFile(json, 'utf8')) as {
      convention: string;
      summary: {
        labels: { label: number; dice: { mean: number } }[];
        cases: { dice: { mean: number; median: number } };
      };
    };
    // a: label 1 equal, label 2 half shifted (2 of 4 columns shared); b: 4 of 4 and 5 columns: 8/9
    expect(report.summary.labels.map(({ label, dice }) => [label, dice.mean])).toEqual([
      [1, (1 + 8 / 9) / 2],
      [2, 0.5],
    ]);
    expect(report.summary.cases.dice.mean).toBeCloseTo((0.75 + 8 / 9) / 2, 12);
    expect(report.convention).toContain('NSD at 2 mm');

    const rows = parse<Record<string, string>>(await readFile(csv, 'utf8'), { columns: true });
    expect(rows.map((row) => [row.case, row.label, Number(row.dice), row.spacing_z, row.tolerance_mm])).toEqual([
      ['a', '1', 1, '3', '2'],
      ['a', '2', 0.5, '3', '2'],
      ['b', '1', 8 / 9, '3', '2'],
    ]);
    expect(text).toContain('NSD at 2 mm');
    expect(text).toContain('b: predicted labels not in the truth: 5');
    expect(text).toMatch(/^a +2 +0\.5000/m);
    expect(text).toMatch(/^mean per case +2 +0\.8194/m);
  });

  it('counts a missing prediction and a missing label as 0, and says so', async () => {
    await put(join(truth, 'a.nii.gz'), boxes([1, 0, 3], [2, 6, 9]));
    await put(join(prediction, 'a.nii.gz'), boxes([1, 0, 3]));
    await put(join(truth, 'b.nii.gz'), boxes([1, 0, 3]));
    await put(join(prediction, 'other.nii.gz'), boxes([1, 0, 3]));
    const { text, error } = await evaluate('--pred', prediction, '--gt', truth);
    expect(error).toBeUndefined();
    expect(text).toMatch(/^a +2 +0\.0000 +0\.0000 +96 +0 +label not predicted$/m);
    expect(text).toMatch(/^b +1 +0\.0000 +0\.0000 +96 +0 +no prediction file$/m);
    expect(text).toMatch(/^label 1 +2 +0\.5000 +0\.5000 .*1 missing, counted as 0$/m);
    expect(text).toContain('b: no prediction file: counted as 0');
    expect(text).toContain('other: a prediction without a truth, not scored');
  });

  it('does not compare grids that differ, goes on with the others, and fails at the end', async () => {
    const labels = boxes([1, 0, 3]);
    for (const name of ['moved', 'spaced', 'good', 'turned']) await put(join(truth, `${name}.nii.gz`), labels);
    await put(join(prediction, 'moved.nii.gz'), labels, { ...grid, origin: [-10, 20, 31] });
    await put(join(prediction, 'spaced.nii.gz'), labels, { ...grid, spacing: [0.8, 0.8, 3.1] });
    await put(join(prediction, 'turned.nii.gz'), labels, { ...grid, columns: 10, rows: 12 });
    await put(join(prediction, 'good.nii.gz'), labels);
    const { text, error } = await evaluate('--pred', prediction, '--gt', truth);
    expect(error).toMatchObject({ name: 'UserError', code: 'evaluation-incomplete' });
    expect(error?.message).toBe('3 of 4 cases could not be compared and are in no mean.');
    expect(text).toMatch(/^mean per case +1 +1\.0000/m);
    for (const name of ['moved', 'spaced', 'turned']) {
      expect(text).toMatch(new RegExp(`^${name}: not compared, in no mean: The prediction's grid`, 'm'));
    }
  });

  it('takes tolerance, spacing and labels from the command line', async () => {
    await put(join(truth, 'a.nii.gz'), boxes([1, 0, 3], [2, 6, 9]));
    await put(join(prediction, 'a.nii.gz'), boxes([1, 0, 4], [2, 6, 9]));
    const nsd = async (...flags: string[]): Promise<number> => {
      const json = join(root, 'scores.json');
      await evaluate('--pred', prediction, '--gt', truth, '--labels', '1,7', '--json', json, ...flags);
      const report = JSON.parse(await readFile(json, 'utf8')) as {
        cases: { labels: { label: number; nsd: number }[] }[];
      };
      expect(report.cases[0].labels.map(({ label }) => label)).toEqual([1]);
      return report.cases[0].labels[0].nsd;
    };
    // the surfaces are one column apart: 0.8 mm in the file, which NIfTI rounds to float32
    expect(await nsd('--tolerance', '0.81')).toBe(1);
    expect(await nsd('--tolerance', '0.5')).toBeLessThan(1);
    expect(await nsd('--tolerance', '0.81', '--spacing', '1,1,1')).toBeLessThan(1);
  });

  it.each([
    ['--tolerance', '-1'],
    ['--tolerance', 'two'],
    ['--spacing', '1,1'],
    ['--spacing', '0,1,1'],
    ['--labels', '0'],
    ['--labels', 'liver'],
  ])('refuses %s %s', async (flag, value) => {
    const { error } = await evaluate('--pred', prediction, '--gt', truth, flag, value);
    expect(error?.code).toBe('commander.invalidArgument');
  });

  it.each([
    ['path-not-found', () => ['--pred', join(root, 'none'), '--gt', truth]],
    ['evaluate-no-files', () => ['--pred', prediction, '--gt', truth]],
    ['evaluate-mixed-paths', () => ['--pred', join(root, 'file.nii'), '--gt', truth]],
  ])('refuses with %s', async (code, flags) => {
    await writeFile(join(root, 'file.nii'), '');
    expect((await evaluate(...flags())).error?.code).toBe(code);
  });

  it('refuses two files of one case in a folder', async () => {
    await put(join(truth, 'a.nii.gz'), boxes([1, 0, 3]));
    await put(join(truth, 'a.nrrd'), boxes([1, 0, 3]));
    expect((await evaluate('--pred', prediction, '--gt', truth)).error?.code).toBe('evaluate-ambiguous-name');
  });

  it('reports an unreadable file as a failed case', async () => {
    await put(join(truth, 'a.nii.gz'), boxes([1, 0, 3]));
    await writeFile(join(prediction, 'a.nii.gz'), 'not an image');
    const { text, error } = await evaluate('--pred', prediction, '--gt', truth);
    expect(error?.code).toBe('evaluation-incomplete');
    expect(text).toMatch(/^a: not compared, in no mean: /m);
  });

  it('compares npz results with truths by what both state of the grid', async () => {
    await put(join(truth, 'a.nii.gz'), boxes([1, 0, 3]));
    await put(join(prediction, 'a.npz'), boxes([1, 0, 3]));
    const { text, error } = await evaluate('--pred', join(prediction, 'a.npz'), '--gt', join(truth, 'a.nii.gz'));
    expect(error).toBeUndefined();
    expect(text).toMatch(/^a +1 +1\.0000 +1\.0000/m);
  });
});

describe('statistics', () => {
  it('takes the mean of the two middle values for an even count', () => {
    expect(statistics([4, 1, 3, 2])).toEqual({ count: 4, mean: 2.5, median: 2.5 });
    expect(statistics([5, 1, 3])).toEqual({ count: 3, mean: 3, median: 3 });
    expect(statistics([]).median).toBeNaN();
  });
});
