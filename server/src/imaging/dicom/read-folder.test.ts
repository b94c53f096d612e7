import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, UserError } from '@medsam2/models';
import { isSameGrid } from '../geometry.js';
import { makePhantom } from '../testing/phantom.js';
import { refusal, temporaryFolder } from '../testing/temporary.js';
import { readDicomFolder } from './read-folder.js';
import { selectVolume } from './select-volume.js';
import { sliceElements, writeFiles, writeInstance, type Elements } from './testing/write-dicom.js';

const root = temporaryFolder();
const { volume } = makePhantom({ columns: 16, rows: 12, slices: 6, seed: 11 });
let folders = 0;

/** A folder with the phantom's slices after `edit`; files in an order unrelated to position. */
function series(edit: (elements: Elements[]) => Elements[] = (all) => all, name = 1): string {
  const elements = edit(sliceElements(volume, name));
  const shuffled = elements.map((_, index) => elements[(index * 5 + 2) % elements.length]);
  const unique = elements.length % 5 === 0 ? elements : shuffled;
  return writeFiles(
    join(root, `series-${folders++}`),
    unique.map((one) => writeInstance(one)),
  );
}

const codes = (findings: readonly { code: string }[]): string[] => findings.map(({ code }) => code);

/** The code of a UserError thrown by `act`. */
function refusalOf(act: () => unknown): UserError {
  try {
    act();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('readDicomFolder', () => {
  it('gives the phantom back: voxels, grid, order, identities', async () => {
    const read = await selectVolume(await readDicomFolder(series())).load();
    expect(read.voxels).toEqual(volume.voxels);
    expect(isSameGrid(read.geometry, volume.geometry, 1e-5)).toBe(true);
    expect(read).toMatchObject({ kind: 'stack', channels: 1, modality: 'CT', findings: [] });
    expect(read.sliceSources?.map(({ sopInstanceUid }) => sopInstanceUid.split('.').at(-1))).toEqual([
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
    ]);
    expect(read.sliceSources?.[0].imagePosition).toEqual(['-120.5', '-80.25', '300.75']);
    expect(read.sliceSources?.[0].frameNumber).toBeUndefined();
  });

  it('reads a single file as one slice', async () => {
    const folder = series();
    const candidate = selectVolume(await readDicomFolder(join(folder, '0.dcm')));
    expect(codes(candidate.findings)).toEqual(['single-slice']);
    expect((await candidate.load()).geometry.slices).toBe(1);
  });

  it('counts what is no image, reads sub-folders, and never writes names of people', async () => {
    const folder = series();
    writeFileSync(join(folder, 'notes.txt'), 'Phantom^Test was here');
    writeFileSync(join(folder, 'empty'), '');
    mkdirSync(join(folder, 'more'));
    const report = { '00080016': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.88.11'] } };
    writeFileSync(join(folder, 'more', 'report.dcm'), writeInstance(report));
    const result = await readDicomFolder(folder);
    expect(result.findings).toEqual([
      { code: 'not-dicom', severity: 'info', message: '2 files skipped: not DICOM.' },
      expect.objectContaining({ code: 'other-objects', severity: 'info' }) as unknown,
    ]);
    expect(JSON.stringify([result.findings, result.candidates])).not.toMatch(/Phantom/);
    expect((await selectVolume(result).load()).voxels).toEqual(volume.voxels);
  });

  it('warns of a file that starts as DICOM and cannot be read', async () => {
    const folder = series();
    const whole = writeInstance(sliceElements(volume, 1)[0]);
    const noise = whole.slice();
    noise.fill(0xff, 140);
    [whole.slice(0, 200), whole.slice(0, 600), noise].forEach((bytes, index) => {
      writeFileSync(join(folder, `broken${index}.dcm`), bytes);
    });
    const result = await readDicomFolder(folder);
    expect(result.findings).toEqual([
      expect.objectContaining({
        code: 'dicom-unreadable',
        severity: 'warn',
        message: expect.stringMatching(/^3 /) as unknown,
      }),
    ]);
    expect(codes((await selectVolume(result).load()).findings)).toContain('dicom-unreadable');
  });

  it('refuses nothing, too much, and what is too large', async () => {
    const empty = join(root, 'empty');
    mkdirSync(empty);
    expect(refusalOf(() => selectVolume({ candidates: [], findings: [] })).code).toBe('no-images');
    const nothing = await readDicomFolder(empty);
    expect(refusalOf(() => selectVolume(nothing)).code).toBe('no-images');
    expect(await refusal(readDicomFolder(join(root, 'nowhere')))).toBe('path-not-found');
    expect(await refusal(readDicomFolder(series(), { maxFiles: 3 }))).toBe('too-many-files');
    const limited = await readDicomFolder(series(), { maxBytes: 1000 });
    expect(await refusal(limited.candidates[0].load())).toBe('volume-too-large');
    const large = await readDicomFolder(series(), { maxFileBytes: 500 });
    expect(codes(large.findings)).toEqual(['dicom-unreadable']);
    expect(large.candidates).toEqual([]);
  });

  it('stops when aborted, while reading headers and while decoding', async () => {
    const folder = series();
    await expect(readDicomFolder(folder, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    const control = new AbortController();
    const result = await readDicomFolder(folder);
    const done: number[] = [];
    const loading = result.candidates[0].load({
      signal: control.signal,
      onProgress: (slices, total) => {
        done.push(slices);
        expect(total).toBe(6);
        if (slices === 2) control.abort();
      },
    });
    await expect(loading).rejects.toThrow(/abort/i);
    expect(done).toEqual([1, 2]);
  });

  it('notices that a file changed between listing and loading', async () => {
    const folder = series();
    const result = await readDicomFolder(folder);
    writeFileSync(join(folder, '0.dcm'), writeInstance(sliceElements(volume, 2)[0]));
    expect(await refusal(result.candidates[0].load())).toBe('instance-changed');
  });

  it('refuses a rescale that is no number, without a patient name in the message', async () => {
    const folder = series((all) => [{ ...all[0], '00281053': { vr: 'DS', Value: ['abc'] } }, ...all.slice(1)]);
    const loading = selectVolume(await readDicomFolder(folder)).load();
    await expect(loading).rejects.toMatchObject({ code: 'bad-rescale' });
    await loading.catch((error: unknown) => expect(describeError(error)).not.toMatch(/Phantom/));
  });

  it('keeps integers that fit in 16 bits and turns to floats when a value does not', async () => {
    const folder = series((all) =>
      all.map((one, i) => (i === 3 ? { ...one, '00281052': { vr: 'DS', Value: ['40000'] } } : one)),
    );
    const { voxels } = await selectVolume(await readDicomFolder(folder)).load();
    expect(voxels).toBeInstanceOf(Float32Array);
    const size = 16 * 12;
    expect([...voxels.subarray(0, 2 * size)]).toEqual([...volume.voxels.subarray(0, 2 * size)]);
    expect([...voxels.subarray(3 * size, 4 * size)]).toEqual(
      [...volume.voxels.subarray(3 * size, 4 * size)].map((value) => value + 41024),
    );
  });
});

describe('duplicates', () => {
  const again = (one: Elements, changes: Elements): Elements => ({ ...one, ...changes });
  const otherUid = { '00080018': { vr: 'UI', Value: ['1.2.3.4.5'] }, '00200013': { vr: 'IS', Value: ['99'] } };

  it('drops an image that is present twice under another UID', async () => {
    const read = await selectVolume(await readDicomFolder(series((all) => [...all, again(all[2], otherUid)]))).load();
    expect(codes(read.findings)).toEqual(['duplicate-slices']);
    expect(read.voxels).toEqual(volume.voxels);
    expect(read.sliceSources?.map(({ sopInstanceUid }) => sopInstanceUid)).not.toContain('1.2.3.4.5');
  });

  it('drops the same instance in two files', async () => {
    const read = await selectVolume(await readDicomFolder(series((all) => [...all, all[4]]))).load();
    expect(codes(read.findings)).toEqual(['duplicate-slices']);
    expect(read.voxels).toEqual(volume.voxels);
  });

  it('refuses two different images at one position', async () => {
    const pixels = { '7FE00010': { vr: 'OW', Value: [new Uint16Array(16 * 12).buffer] } };
    const folder = series((all) => [...all, again(all[2], { ...otherUid, ...pixels })]);
    expect(await refusal(selectVolume(await readDicomFolder(folder)).load())).toBe('conflicting-duplicates');
  });
});

describe('selectVolume', () => {
  it('asks which of two series is meant, and takes either', async () => {
    const folder = series();
    writeFiles(
      join(folder, 'second'),
      sliceElements(volume, 7)
        .slice(0, 4)
        .map((one) => writeInstance(one)),
    );
    const result = await readDicomFolder(folder);
    const error = refusalOf(() => selectVolume(result));
    expect(error.code).toBe('mixed-series');
    expect(error.remedy).toMatch(/0 = CT 16x12x6 in series .*; 1 = CT 16x12x4 in series /);
    const second = result.candidates[1];
    expect(selectVolume(result, { series: second.seriesInstanceUid })).toBe(second);
    expect(selectVolume(result, { volume: 1 })).toBe(second);
    expect(refusalOf(() => selectVolume(result, { series: '1.2.3' })).code).toBe('no-such-series');
    expect(refusalOf(() => selectVolume(result, { volume: 5 })).code).toBe('no-such-volume');
    const only = await readDicomFolder(folder, { series: second.seriesInstanceUid });
    expect(selectVolume(only).sliceSources).toHaveLength(4);
  });

  it('lets a person overrule what stays true, and nothing else', async () => {
    const half = series((all) =>
      all.map((one, i) => (i < 2 ? { ...one, '00200052': { vr: 'UI', Value: ['1.2.3.9'] } } : one)),
    );
    const parts = await readDicomFolder(half);
    expect(parts.candidates.map(({ rejected }) => rejected)).toEqual([true, true]);
    expect(await refusal(selectVolume(parts).load())).toBe('several-frames-of-reference');
    const part = await parts.candidates[0].load({ overrule: ['several-frames-of-reference'] });
    expect(part.geometry.slices).toBe(4);
    expect(codes(part.findings)).toContain('several-frames-of-reference');

    const nowhere = series((all) => all.map((one) => ({ ...one, '00200032': undefined })));
    const frames = selectVolume(await readDicomFolder(nowhere));
    expect(await refusal(frames.load())).toBe('no-geometry');
    const opened = await frames.load({ overrule: ['no-geometry'] });
    expect(opened.kind).toBe('cine');
    expect(codes(opened.findings)).toContain('opened-as-frames');

    const skewed = series((all) =>
      all.map((one) => ({ ...one, '00200037': { vr: 'DS', Value: ['1', '0', '0', '0.6', '0.8', '0'] } })),
    );
    const crooked = selectVolume(await readDicomFolder(skewed));
    expect(await refusal(crooked.load({ overrule: ['bad-orientation'] }))).toBe('bad-orientation');
  });
});
