/**
 * What can go wrong with input, outputs and models, tried one by one on the real program: every time one sentence that
 * says what is wrong, one line that says what to do, an exit code that is not 0, and nothing left behind.
 */
import { makePhantom, sliceElements, writeFiles, writeInstance } from '@medsam2/server/testing';
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fixtureWeights } from '../support/models.js';
import { writeFrames, writeNifti, writeNpz, writeNrrd, writeZip } from './images.js';
import { filesBelow, finished, geometryOf, requireCleanError, setUpCli, type RunOptions } from './support.js';

const cli = setUpCli();
const at = (...parts: string[]) => join(cli.folder, ...parts);
const { volume } = makePhantom({ seed: 5 });
const voxelCount = volume.voxels.length;

beforeAll(async () => {
  writeNrrd(at('ct.nrrd'), volume);
  mkdirSync(at('empty'));
  writeFileSync(at('empty.nii.gz'), '');
  writeFileSync(at('empty.npz'), '');
  writeFileSync(at('text.nii.gz'), 'this is no image');
  writeFileSync(at('text.dat'), 'this is no image');
  writeFileSync(at('video.mp4'), 'ftyp');
  writeNifti(at('ct.nii'), volume);
  copyFileSync(at('ct.nii'), at('cut.nii'));
  truncateSync(at('cut.nii'), 5000);
  const zipped = gzipSync(readFileSync(at('ct.nii')));
  writeFileSync(at('cut.nii.gz'), zipped.subarray(0, zipped.length >> 1));
  const huge = Buffer.from(readFileSync(at('ct.nii')));
  [30000, 30000, 30000].forEach((size, axis) => huge.writeInt16LE(size, 42 + 2 * axis));
  writeFileSync(at('huge.nii'), huge);
  writeNrrd(at('nan.nrrd'), { voxels: new Float32Array(voxelCount).fill(NaN), geometry: volume.geometry });
  writeNrrd(at('flat.nrrd'), { voxels: new Int16Array(voxelCount).fill(-1000), geometry: volume.geometry });
  writeNrrd(at('other-grid.nrrd'), makePhantom({ slices: 4 }).volume);
  writeNrrd(at('blank.nrrd'), { voxels: new Int16Array(voxelCount), geometry: volume.geometry });
  const rgb = Uint8Array.from({ length: 40 * 32 * 4 * 3 }, (_, index) => (index * 7) % 256);
  writeNifti(at('rgb.nii.gz'), { voxels: rgb, geometry: geometryOf(40, 32, 4) }, 3);
  const array = { shape: [2, 8, 8], bytes: new Uint8Array(128) };
  await writeNpz(at('objects.npz'), [{ name: 'imgs', descr: '|O', ...array }]);
  await writeNpz(at('noimgs.npz'), [{ name: 'gts', descr: '|u1', ...array }]);
  await writeNpz(at('flat.npz'), [{ name: 'imgs', descr: '|u1', shape: [128], bytes: array.bytes }]);
  await writeNpz(at('short.npz'), [{ name: 'imgs', descr: '|u1', shape: [64, 512, 512], bytes: array.bytes }]);
  const series = [1, 2].map((name) => sliceElements(makePhantom({ slices: 3, seed: name }).volume, name));
  writeFiles(at('mixed'), series.flat().map((elements) => writeInstance(elements))); // prettier-ignore
  writeFiles(at('gaps'), series[0].map((elements) => writeInstance({ ...elements, '00280030': undefined }))); // prettier-ignore
  writeFiles(at('series'), series[0].map((elements) => writeInstance(elements))); // prettier-ignore
  mkdirSync(at('no-dicom'));
  writeFileSync(at('no-dicom', 'notes.txt'), 'nothing to see');
  await writeFrames(at('frames'), 2);
  await writeFrames(at('frames'), 1, 20, 20);
  writeFileSync(at('prompts.json'), '{"objects": [{"label": 1, "prompts": [{"slice": 3, "box": [1, 2, 3]}]}]}');
  writeFileSync(at('twice.json'), JSON.stringify({ objects: [1, 1].map((label) => ({ label, prompts: [{ slice: 3, points: [[4, 4, 1]] }] })) })); // prettier-ignore
  writeFileSync(at('broken.json'), '{"objects": [');
  writeFileSync(at('colour.png'), readFileSync(join(at('frames'), '00000.jpg')));
  writeFileSync(at('taken.nii.gz'), 'precious');
});

interface BadCase {
  readonly name: string;
  /** `INPUT` stands for the good volume */
  readonly args: string;
  readonly code?: number;
  readonly sentence: RegExp;
  readonly remedy?: RegExp;
  readonly options?: RunOptions;
}
const good = '--slice 6 --box 20,15,40,30';

const cases: readonly BadCase[] = [
  { name: 'no input', args: `${good} -o x.nrrd`, code: 2, sentence: /There is no input/ },
  { name: 'no prompt', args: 'ct.nrrd -o x.nrrd', code: 2, sentence: /no prompt/, remedy: /--box/ },
  { name: 'no slice', args: 'ct.nrrd --box 1,2,3,4 -o x.nrrd', code: 2, sentence: /on no slice/ },
  { name: 'no output', args: `ct.nrrd ${good}`, code: 2, sentence: /no place for the result/ },
  { name: 'a batch option without a batch', args: `ct.nrrd ${good} -o x.nrrd --table t.csv`, code: 2, sentence: /--table is for batches/ },
  { name: 'prompts twice', args: `ct.nrrd ${good} --prompts prompts.json -o x.nrrd`, code: 2, sentence: /cannot be given together/ },
  { name: 'a window that is none', args: `ct.nrrd ${good} --window liverish -o x.nrrd`, code: 2, sentence: /"liverish" cannot be used/, remedy: /abdomen/ },
  { name: 'a device that is none', args: `ct.nrrd ${good} --device tpu -o x.nrrd`, code: 2, sentence: /"tpu" is not a device/, remedy: /cuda/ },
  { name: 'a memory size that is none', args: `ct.nrrd ${good} --memory 1 -o x.nrrd`, code: 2, sentence: /--memory cannot be "1"/ },
  { name: 'a range backwards', args: `ct.nrrd ${good} --range 8:2 -o x.nrrd`, code: 2, sentence: /the first not after the last/ },
  { name: 'the input after points', args: '--slice 6 --points 3,4,+ ct.nrrd -o x.nrrd', code: 2, sentence: /no input, and "ct\.nrrd" stands where points/ },

  { name: 'a missing file', args: `missing.nii.gz ${good} -o x.nrrd`, sentence: /There is no file .*missing\.nii\.gz/ },
  { name: 'a file of 0 bytes', args: `empty.nii.gz ${good} -o x.nrrd`, sentence: /0 bytes/ },
  { name: 'an npz of 0 bytes', args: `empty.npz ${good} -o x.nrrd`, sentence: /0 bytes/ },
  { name: 'text named like an image', args: `text.nii.gz ${good} -o x.nrrd`, sentence: /NIfTI/ },
  { name: 'text', args: `text.dat ${good} -o x.nrrd`, sentence: /neither NIfTI, NRRD/ },
  { name: 'a video file', args: `video.mp4 ${good} -o x.nrrd`, sentence: /not decoded/, remedy: /ffmpeg/ },
  { name: 'a cut file', args: `cut.nii ${good} -o x.nrrd`, sentence: /cut short/ },
  { name: 'a cut gzip file', args: `cut.nii.gz ${good} -o x.nrrd`, sentence: /cut short|damaged/ },
  { name: 'a file that declares 54 TB', args: `huge.nii ${good} -o x.nrrd`, sentence: /declares 30000 x 30000 x 30000 voxels .* above the limit/ },
  { name: 'a volume of NaN', args: `nan.nrrd ${good} -o x.nrrd`, sentence: /Every voxel .* NaN or infinite/ },
  { name: 'a volume outside its window', args: `flat.nrrd ${good} -o x.nrrd --window bone --window-scale data`, sentence: /one grey value/ },
  { name: 'a window on colour', args: `rgb.nii.gz ${good} -o x.nrrd --window lung`, sentence: /colour/ },
  { name: 'object arrays in npz', args: `objects.npz ${good} -o x.nrrd`, sentence: /object|\|O/ },
  { name: 'an npz without images', args: `noimgs.npz ${good} -o x.nrrd`, sentence: /imgs/ },
  { name: 'an npz of another shape', args: `flat.npz ${good} -o x.nrrd`, sentence: /128/ },
  { name: 'an npz that is shorter than it says', args: `short.npz ${good} -o x.nrrd`, sentence: /cut short/ },
  { name: 'an empty folder', args: `empty ${good} -o x.nrrd`, sentence: /folder is empty/ },
  { name: 'a folder without images', args: `no-dicom ${good} -o x.nrrd`, sentence: /no DICOM images/ },
  { name: 'mixed series', args: `mixed ${good} -o x.nrrd`, sentence: /belong to 2 series/, remedy: /0 = CT .*series .*1 = CT/ },
  { name: 'a series that is not there', args: `mixed ${good} -o x.nrrd --series 1.2.3`, sentence: /no image of the series 1\.2\.3/ },
  { name: 'a volume that is not there', args: `mixed ${good} -o x.nrrd --volume 7`, sentence: /no volume 7/ },
  { name: 'a series choice for a file', args: `ct.nrrd ${good} -o x.nrrd --series 1.2.3`, sentence: /--series is for DICOM/ },
  { name: 'a series without pixel spacing', args: `gaps ${good} -o x.nrrd`, sentence: /Pixel Spacing/, remedy: /--accept no-pixel-spacing/ },
  { name: 'frames of different sizes', args: `frames ${good} -o x.nrrd`, sentence: /Frame 1 is 48 x 40 pixels, the first one 20 x 20/ },

  { name: 'a box outside the image', args: 'ct.nrrd --slice 6 --box 20,15,400,30 -o x.nrrd', sentence: /reaches outside the image of 64 x 48/ },
  { name: 'a point outside the image', args: 'ct.nrrd --slice 6 --points 20,150,+ -o x.nrrd', sentence: /outside the image of 64 x 48/ },
  { name: 'a line outside the image', args: 'ct.nrrd --slice 6 --recist 0,0,1000000000,3 -o x.nrrd', sentence: /whole pixels inside the image/ },
  { name: 'a slice out of range', args: 'ct.nrrd --slice 12 --box 20,15,40,30 -o x.nrrd', sentence: /Slice 12 is outside the slices 0 to 11/, remedy: /from 0/ },
  { name: 'a slice outside the range that is asked for', args: `ct.nrrd ${good} --range 7:9 -o x.nrrd`, sentence: /Slice 6 is outside the slices 7 to 9/ },
  { name: 'a range outside the volume', args: `ct.nrrd ${good} --range 4:40 -o x.nrrd`, sentence: /range 4 to 40 does not fit/ },
  { name: 'two boxes for one object', args: 'ct.nrrd --slice 6 --box 1,1,9,9 --box 20,15,40,30 -o x.nrrd', sentence: /2 boxes on slice 6/ },
  { name: 'a mask that is not there', args: 'ct.nrrd --slice 6 --mask none.nrrd -o x.nrrd', sentence: /none\.nrrd/ },
  { name: 'a mask on another grid', args: 'ct.nrrd --slice 2 --mask other-grid.nrrd -o x.nrrd', sentence: /does not lie on the grid/ },
  { name: 'an empty mask', args: 'ct.nrrd --slice 6 --mask blank.nrrd -o x.nrrd', sentence: /is empty on slice 6/ },
  { name: 'a mask that is no PNG', args: 'ct.nrrd --slice 6 --mask colour.png -o x.nrrd', sentence: /colour\.png/ },
  { name: 'a prompts file with a short box', args: 'ct.nrrd --prompts prompts.json -o x.nrrd', sentence: /objects\.0\.prompts\.0\.box: A box needs 4 numbers/ },
  { name: 'a prompts file with a label twice', args: 'ct.nrrd --prompts twice.json -o x.nrrd', sentence: /label 1 is there twice/ },
  { name: 'a broken prompts file', args: 'ct.nrrd --prompts broken.json -o x.nrrd', sentence: /not valid JSON/ },
  { name: 'a missing prompts file', args: 'ct.nrrd --prompts none.json -o x.nrrd', sentence: /none\.json/ },
  { name: 'nothing found', args: 'rgb.nii.gz --slice 1 --box 8,8,24,20 -o x.nrrd', code: 3, sentence: /No object was found on slice 1/, remedy: /--overlay/ },

  { name: 'an output of unknown format', args: `ct.nrrd ${good} -o x.dcm`, sentence: /does not end in a format/, remedy: /nii\.gz/ },
  { name: 'an output that is there', args: `ct.nrrd ${good} -o taken.nii.gz`, sentence: /taken\.nii\.gz is there already/, remedy: /--force/ },
  { name: 'an output that is the input', args: `ct.nrrd ${good} -o ct.nrrd --force`, sentence: /is the input itself/ },
  { name: 'an output that is a folder', args: `ct.nrrd ${good} -o empty/`, sentence: /does not end in a format|is a folder/ },
  { name: 'an output below a file', args: `ct.nrrd ${good} -o taken.nii.gz/x.nrrd`, sentence: /cannot be written to \(.*taken\.nii\.gz is a file\)/ },
  { name: 'a folder that takes no files', args: `ct.nrrd ${good} -o /proc/x.nrrd`, sentence: /could not be written|cannot be written/ },
  { name: 'a full disk', args: `ct.nrrd ${good} -o full/x.nrrd`, sentence: /could not be written \(EFBIG\)/, remedy: /Free space/, options: { prelude: 'ulimit -f 1' } },
  { name: 'a full disk for pictures', args: `ct.nrrd --slice 6 --box 20,15,40,30 --range 6:6 -o full/x.nrrd --overlay full/look`, sentence: /could not be written \(EFBIG\)/, options: { prelude: 'ulimit -f 4' } },
  { name: 'a report in the place of the mask', args: `ct.nrrd ${good} -o x.nrrd --report x.nrrd`, code: 2, sentence: /the same file/ },

  { name: 'a missing model', args: `ct.nrrd ${good} -o x.nrrd --model nothing`, sentence: /nothing/, remedy: /medsam2 models/ },
  { name: 'no place for the built-in model', args: `ct.nrrd ${good} -o x.nrrd --model nano`, sentence: /nano cannot be set up in/, remedy: /MEDSAM2_MODELS_DIR/, options: { env: { MEDSAM2_MODELS_DIR: 'taken.nii.gz/models' } } },
  { name: 'a device that is not there', args: `ct.nrrd ${good} -o x.nrrd --device cuda:9`, sentence: /cannot be loaded on cuda/, remedy: /--device auto/ },
]; // prettier-ignore

describe('segment', () => {
  it.each(cases)('$name', async ({ args, code = 1, sentence, remedy, options }) => {
    const before = filesBelow(cli.folder);
    const result = await cli.run(['segment', ...args.split(' ')], options);
    const text = requireCleanError(result);
    expect(text).toMatch(sentence);
    if (remedy) expect(result.stderr.trimEnd().split('\n').at(-1)).toMatch(remedy);
    expect(result.code).toBe(code);
    // a mask that was complete before the pictures failed may stay; nothing else may
    const left = filesBelow(cli.folder).filter(
      (name) => !before.includes(name) && !/^full(\/x\.nrrd|\/look)?$/.test(name),
    );
    expect(left).toEqual([]);
    expect(readFileSync(at('taken.nii.gz'), 'utf8')).toBe('precious');
  });

  it('writes an empty mask when asked to', async () => {
    const args = ['segment', 'rgb.nii.gz', '--slice', '1', '--box', '8,8,24,20', '-o', 'nothing.nrrd', '--allow-empty'];
    const result = await cli.run(args);
    expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(/object 1: not found/) as string });
    expect(filesBelow(cli.folder)).toContain('nothing.nrrd');
  });

  it('reads a chosen series of a mixed folder', async () => {
    const args = ['--slice', '1', '--box', '20,15,40,30', '-o', 'chosen.nrrd', '--volume', '1', '--force'];
    expect((await cli.run(['segment', 'mixed', ...args])).code).toBe(0);
  });

  it('uses a rejected volume when its finding is accepted by name', async () => {
    const args = ['--slice', '1', '--box', '20,15,40,30', '-o', 'accepted.nrrd', '--accept', 'no-pixel-spacing'];
    const result = await cli.run(['segment', 'gaps', ...args]);
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(/warning: .*frames/);
  });

  it('shows the trace of a failure with --verbose only', async () => {
    const args = ['segment', 'missing.nii.gz', '--slice', '6', '--box', '20,15,40,30', '-o', 'x.nrrd'];
    expect((await cli.run(args)).stderr).not.toMatch(/\n\s+at /);
    expect((await cli.run([...args, '--verbose'])).stderr).toMatch(/\[file-not-found\][^]*\n\s+at /);
  });
});

describe('models import', () => {
  beforeAll(async () => {
    const weights = readFileSync(fixtureWeights);
    writeFileSync(at('cut.safetensors'), weights.subarray(0, 5000));
    writeFileSync(at('cut.pt'), Buffer.concat([Buffer.from('PK\x03\x04'), weights.subarray(0, 3000)]));
    // the first shape in the header, changed to another one of the same length
    const text = weights.subarray(8, 8 + Number(weights.readBigUInt64LE(0))).toString('latin1');
    const wrong = Buffer.from(weights);
    const found = /"shape":\s?\[(\d)/.exec(text);
    if (!found) throw new Error('the header has no shape');
    wrong.write(String((Number(found[1]) % 9) + 1), 8 + found.index + found[0].length - 1, 'latin1');
    writeFileSync(at('wrong.safetensors'), wrong);
    // a checkpoint whose pickle would run a command; the command would leave a file
    const pickle = `cos\nsystem\n(S'touch ${at('owned')}'\ntR.`;
    await writeZip(at('hostile.pt'), 'archive/data.pkl', Buffer.from(pickle));
  });

  it.each(['cut.safetensors', 'cut.pt', 'wrong.safetensors', 'hostile.pt', 'missing.pt'])('%s', async (file) => {
    const result = await cli.run(['models', 'import', file, '--config', 'fixture', '--name', 'other']);
    requireCleanError(result);
    expect(result.code).toBe(1);
    expect((await cli.run(['models', 'list'])).stdout).not.toMatch(/^other/m);
  });

  afterAll(() => expect(filesBelow(cli.folder)).not.toContain('owned'));
});

test('a batch in which the disk fills up stops and says how to go on', async () => {
  writeFileSync(at('cases.csv'), `input,slice,box\nct.nrrd,6,"20,15,40,30"\n`);
  const child = cli.start(['segment', '--batch', 'cases.csv', '--output-dir', 'batch'], { prelude: 'ulimit -f 0' });
  const result = await finished(child);
  expect(requireCleanError(result)).toMatch(/journal .* cannot be used \(EFBIG\)/);
  expect(result.code).toBe(1);
});
