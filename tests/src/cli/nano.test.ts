/** The model that comes with the program, as a new user meets it: no models directory, no network, one command. */
import { openVolume, runReportSchema, type RunReport } from '@medsam2/server';
import { makePhantom } from '@medsam2/server/testing';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeNrrd } from './images.js';
import { requireCleanError, setUpCli } from './support.js';

const fresh = setUpCli({ install: false });
const withFixture = setUpCli();
const reportAt = (path: string): RunReport => runReportSchema.parse(JSON.parse(readFileSync(path, 'utf8')));

/** Ends the program when it opens a connection. */
function withoutNetwork(): Record<string, string> {
  const guard = join(fresh.folder, 'no-network.mjs');
  writeFileSync(
    guard,
    `import net from 'node:net';
net.Socket.prototype.connect = () => { process.stderr.write('it opened a connection\\n'); process.exit(99); };`,
  );
  return { NODE_OPTIONS: `--import=${pathToFileURL(guard).href}` };
}

async function labelsAt(path: string): Promise<number[]> {
  return [...(await openVolume(path)).voxels];
}

/** @param only voxels that count */
function dice(
  found: readonly number[],
  truth: ArrayLike<number>,
  label: number,
  only: (at: number) => boolean,
): number {
  let [both, sum] = [0, 0];
  for (let at = 0; at < found.length; at++) {
    if (!only(at)) continue;
    const [inFound, inTruth] = [found[at] === label, truth[at] === label];
    if (inFound && inTruth) both++;
    sum += Number(inFound) + Number(inTruth);
  }
  return (2 * both) / sum;
}

describe('nano', () => {
  it('finds a bright ellipsoid from one box, with nothing installed and no network', async () => {
    const [columns, rows, slices] = [96, 80, 16];
    const { volume, truth, ellipsoids } = makePhantom({ columns, rows, slices, objects: 1, seed: 4, noise: 10 });
    writeNrrd(join(fresh.folder, 'ct.nrrd'), volume);
    const { centre, radii } = ellipsoids[0];
    const slice = Math.round(centre[2]);
    const box = [centre[0] - radii[0], centre[1] - radii[1], centre[0] + radii[0], centre[1] + radii[1]].map(
      Math.round,
    );
    const result = await fresh.run(
      ['segment', 'ct.nrrd', '--slice', `${slice}`, '--box', box.join(','), '-o', 'mask.nrrd', '--report', 'run.json'],
      { env: withoutNetwork() },
    );
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toMatch(/note: No other model is installed; .* demonstration model nano .*models pull/);
    expect(result.stderr).toMatch(/note: nano is a DEMONSTRATION model/);
    expect(result.stdout).toMatch(/DEMONSTRATION/);
    const report = reportAt(join(fresh.folder, 'run.json'));
    expect(report).toMatchObject({
      demonstration: true,
      model: { name: 'nano' },
      options: { view: 'roi', following: 'prompted' },
    });
    expect(report.warnings.join()).toMatch(/DEMONSTRATION/);

    const found = await labelsAt(join(fresh.folder, 'mask.nrrd'));
    const area = rows * columns;
    const scores = {
      keySlice: dice(found, truth.labels, 1, (at) => Math.floor(at / area) === slice),
      volume: dice(found, truth.labels, 1, () => true),
    };
    process.stderr.write(`nano on a bright ellipsoid: ${JSON.stringify(scores)}\n`);
    expect(scores.keySlice).toBeGreaterThan(0.98);
    expect(scores.volume).toBeGreaterThan(0.98);
  });

  it('is asked for by name, and then nothing needs explaining', async () => {
    const example = await fresh.run(['example', 'example.nii.gz', '--labels', 'truth.nii.gz']);
    expect(example).toMatchObject({ code: 0, stderr: '' });
    const suggested = example.stdout.split('\n').filter((line) => line.startsWith('  medsam2 segment '));
    expect(suggested).toHaveLength(3);
    const lesion = suggested[2].trim().split(' ').slice(1);
    const result = await fresh.run([...lesion, '--model', 'nano', '--overlay', 'look'], { env: withoutNetwork() });
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).not.toMatch(/No other model/);
    const found = await labelsAt(join(fresh.folder, 'lesion.nii.gz'));
    const truth = await labelsAt(join(fresh.folder, 'truth.nii.gz'));
    expect(new Set(truth)).toEqual(new Set([0, 1, 2, 3]));
    expect(dice(found, truth, 3, () => true)).toBeGreaterThan(0.97);
  });

  it('does not come before a model that was installed', async () => {
    const { volume } = makePhantom({ seed: 5 });
    writeNrrd(join(withFixture.folder, 'ct.nrrd'), volume);
    const result = await withFixture.run([
      'segment',
      'ct.nrrd',
      '--slice',
      '6',
      '--box',
      '20,15,40,30',
      '-o',
      'a.nrrd',
    ]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toMatch(/fixture on cpu/);
    expect(result.stderr).not.toMatch(/nano/);
  });
});

describe('example', () => {
  it('replaces nothing unasked, and writes what is asked for only', async () => {
    expect((await fresh.run(['example', 'new/one.nii.gz'])).code).toBe(0);
    expect(requireCleanError(await fresh.run(['example', 'new/one.nii.gz']))).toMatch(/is there already/);
    expect((await fresh.run(['example', 'new/one.nii.gz', '--force'])).code).toBe(0);
    expect(requireCleanError(await fresh.run(['example', 'one.mha']))).toMatch(/does not end in \.nii\.gz/);
    const same = await fresh.run(['example', 'two.nii.gz', '--labels', 'two.nii.gz']);
    expect(same.code).toBe(2);
    expect(requireCleanError(same)).toMatch(/the same file/);
  });
});

describe('--following', () => {
  it('is what the model was made for unless something else is asked, and the report says which', async () => {
    const { volume } = makePhantom({ seed: 5 });
    writeNrrd(join(fresh.folder, 'followed.nrrd'), volume);
    const follow = async (name: string, ...more: string[]) => {
      const outputs = ['-o', `${name}.nrrd`, '--report', `${name}.json`];
      const asked = ['segment', 'followed.nrrd', '--model', 'nano', '--slice', '6', '--box', '10,8,50,40'];
      expect(await fresh.run([...asked, ...outputs, ...more])).toMatchObject({ code: 0 });
      const { following } = reportAt(join(fresh.folder, `${name}.json`)).options;
      return { following, found: await labelsAt(join(fresh.folder, `${name}.nrrd`)) };
    };
    const usual = await follow('usual');
    const memory = await follow('memory', '--following', 'memory');
    expect([usual.following, memory.following]).toEqual(['prompted', 'memory']);
    expect(usual.found).not.toEqual(memory.found);
  });
});

describe('--view', () => {
  it.each([
    ['full', 'full'],
    ['roi', 'roi'],
    ['auto', 'full'],
  ])('%s is what the model sees and what the report says', async (asked, used) => {
    const { volume } = makePhantom({ seed: 5 });
    writeNrrd(join(withFixture.folder, 'view.nrrd'), volume);
    const prompt = ['--slice', '6', '--box', '10,8,50,40', '--range', '5:7'];
    const outputs = ['-o', `${asked}.nrrd`, '--report', `${asked}.json`];
    const result = await withFixture.run(['segment', 'view.nrrd', ...prompt, '--view', asked, ...outputs]);
    expect(result).toMatchObject({ code: 0 });
    expect(reportAt(join(withFixture.folder, `${asked}.json`)).options.view).toBe(used);
  });

  it('changes the mask', async () => {
    const masks = await Promise.all(
      ['full', 'roi', 'auto'].map((name) => labelsAt(join(withFixture.folder, `${name}.nrrd`))),
    );
    expect(masks[0]).not.toEqual(masks[1]);
    expect(masks[0]).toEqual(masks[2]);
  });

  it('of a batch decides which cases are done again', async () => {
    writeFileSync(join(withFixture.folder, 'cases.csv'), 'input,slice,box,range\nview.nrrd,6,"10,8,50,40",6:6\n');
    const batch = (view: string) =>
      withFixture.run(['segment', '--batch', 'cases.csv', '--output-dir', 'out', '--view', view]);
    expect(await batch('full')).toMatchObject({ code: 0 });
    expect((await batch('auto')).stderr).toMatch(/1 of 1 cases are finished already/);
    expect((await batch('roi')).stderr).not.toMatch(/finished already/);
  });
});
