import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { writeAtomically } from './atomic-write.js';
import { readNpzLabels } from './formats/npz.js';
import { isSameGrid } from './geometry.js';
import { openVolume } from './open.js';
import { makePhantom } from './testing/phantom.js';
import { filesOf, refusal, temporaryFolder } from './testing/temporary.js';
import { labelFileFormat, writeLabelMap } from './write.js';

const folder = temporaryFolder();
const { truth } = makePhantom({ direction: [0, 0.6, 0.8, 1, 0, 0, 0, -0.8, 0.6] });
const shear = makePhantom({ direction: [1, 0, 0, 0, 1, Math.sin(0.2), 0, 0, Math.cos(0.2)] }).truth;

describe('writeLabelMap', () => {
  it.each(['nii', 'nii.gz', 'nrrd', 'mha'])('writes %s that the reader gives back', async (ending) => {
    for (const [name, labelMap] of [
      ['oblique', truth],
      ['sheared', shear],
      ['wide', { labels: Uint16Array.from(truth.labels, (label) => label * 1000), geometry: truth.geometry }],
    ] as const) {
      const path = join(folder, `${name}.${ending}`);
      await writeLabelMap(path, labelMap);
      const volume = await openVolume(path);
      expect(volume.voxels).toEqual(labelMap.labels);
      expect(isSameGrid(volume.geometry, labelMap.geometry, 1e-4)).toBe(true);
    }
  });

  it('writes npz that the reader gives back', async () => {
    const path = join(folder, 'labels.npz');
    await writeLabelMap(path, truth);
    const read = await readNpzLabels(path, 'segs');
    expect(read.labels).toEqual(truth.labels);
    expect(isSameGrid(read.geometry, truth.geometry, 1e-12)).toBe(true);
  });

  it('writes equal files for equal results', async () => {
    for (const ending of ['nii.gz', 'nrrd', 'mha', 'npz']) {
      const [a, b] = [join(folder, `a.${ending}`), join(folder, `b.${ending}`)];
      await writeLabelMap(a, truth);
      await writeLabelMap(b, truth);
      expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
    }
  });

  it('refuses unknown endings, missing folders, and labels that do not belong to the grid', async () => {
    expect(await refusal(Promise.resolve().then(() => labelFileFormat('labels.png')))).toBe('output-format');
    expect(await refusal(writeLabelMap(join(folder, 'absent', 'a.nii.gz'), truth))).toBe('output-not-written');
    const short = { labels: truth.labels.subarray(1), geometry: truth.geometry };
    await expect(writeLabelMap(join(folder, 'short.nii'), short)).rejects.toThrow(RangeError);
    await writeLabelMap(join(folder, 'source.nii'), truth);
    const { native } = await openVolume(join(folder, 'source.nii'));
    await expect(writeLabelMap(join(folder, 'other.nii'), shear, { native })).rejects.toThrow(RangeError);
  });

  it('copies no text of a NIfTI header, where names of patients can be', async () => {
    const path = join(folder, 'named.nii');
    await writeLabelMap(path, truth);
    const bytes = readFileSync(path);
    for (const at of [14, 148, 228, 328]) bytes.write('DOE^JANE', at, 'latin1');
    writeFileSync(path, bytes);
    await writeLabelMap(join(folder, 'result.nii'), truth, await openVolume(path));
    expect(readFileSync(join(folder, 'result.nii')).includes('DOE')).toBe(false);
  });
});

describe('writeAtomically', () => {
  it.each(['nii', 'nii.gz', 'nrrd', 'mha', 'npz'])(
    'reports why %s cannot be written, and leaves nothing',
    async (ending) => {
      const place = join(folder, `occupied_${ending}`);
      const path = join(place, `a.${ending}`);
      // a folder in the way: everything is written before the rename fails
      mkdirSync(join(path, 'inside'), { recursive: true });
      expect(await refusal(writeLabelMap(path, truth))).toBe('output-not-written');
      expect(filesOf(place)).toEqual([`a.${ending}`]);
    },
  );

  it('leaves the earlier file and nothing else when the content fails midway', async () => {
    const place = join(folder, 'atomic');
    mkdirSync(place);
    const path = join(place, 'result.bin');
    await writeAtomically(path, Readable.from([Buffer.from('first')]));
    const failing = Readable.from(
      (function* () {
        yield Buffer.alloc(1 << 20);
        throw new Error('the producer failed');
      })(),
    );
    await expect(writeAtomically(path, failing)).rejects.toThrow('the producer failed');
    expect(readFileSync(path, 'utf8')).toBe('first');
    expect(filesOf(place)).toEqual(['result.bin']);
  });
});
