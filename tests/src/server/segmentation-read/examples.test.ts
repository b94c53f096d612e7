import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openVolume } from '@medsam2/server';
import { matchSeg, readSeg, type SegContents } from '@medsam2/server/segmentation';
import { runPython, sharedData, testPython } from '@medsam2/models/testing';
import { folderSource } from '../segmentation/sources.js';

const data = sharedData();
const python = testPython();

if (!data) {
  it.skip('segmentations of other makers (needs the shared test data)', () => undefined);
} else {
  const examples = join(data, 'seg_examples');
  const read = (path: string): Promise<SegContents> => readSeg(readFileSync(join(examples, path)));
  const pixels = (contents: SegContents): Buffer => Buffer.concat(contents.frames.map((frame) => frame.mask()));
  const counts = (contents: SegContents): number[] =>
    contents.frames.map((frame) => frame.mask().filter((value) => value === 1).length);

  describe.each(['dcmqi_23x38x3', 'dcmqi_24x38x3'])('%s', (name) => {
    it('has the voxels of its label image on its source images', async () => {
      const contents = await read(`${name}/seg/label.seg`);
      const source = await folderSource(join(examples, name, 'image'));
      const { segments, findings } = matchSeg(contents, source);
      const truth = await openVolume(join(examples, name, 'nrrd', 'label.nrrd'));
      const { rows, columns, slices } = source.geometry;
      expect(truth.geometry).toMatchObject({ rows, columns, slices });
      const size = rows * columns;
      // the label image may be stored from the other end: its origin tells
      const same = Math.abs(truth.geometry.origin[2] - source.geometry.origin[2]) < 0.01;
      for (let slice = 0; slice < slices; slice++) {
        const at = (same ? slice : slices - 1 - slice) * size;
        const expected = Array.from(truth.voxels.subarray(at, at + size), (value) => (value === 0 ? 0 : 1));
        const mask = segments[0].slices.includes(slice) ? segments[0].mask(slice) : new Uint8Array(size);
        expect([...mask]).toEqual(expected);
      }
      expect(findings).toEqual([]);
    });

    it('is placed by position on the same slices in one multi-frame image', async () => {
      const contents = await read(`${name}/seg/label.seg`);
      const multi = await folderSource(join(examples, name, 'multiframe'));
      const single = matchSeg(contents, await folderSource(join(examples, name, 'image')));
      const placed = matchSeg(contents, multi);
      expect(placed.segments[0].slices).toEqual(single.segments[0].slices);
      expect(placed.findings.map(({ code }) => code)).toEqual(['matched-by-position']);
    });
  });

  it('reads one segmentation the same in every encoding', async () => {
    const [first, ...others] = await Promise.all(
      ['expb', 'rle', 'deflate', 'j2k'].map((name) => read(`encodings/liver_${name}.dcm`)),
    );
    expect(counts(first)).toEqual([36233, 35645, 35220]);
    for (const other of others) expect(pixels(other).equals(pixels(first))).toBe(true);
    // the same liver, cropped to 510 x 510: frames that do not begin on bytes
    expect(counts(await read('encodings/liver_nonbyte_aligned.dcm'))).toEqual(counts(first));
  });

  it('reads highdicom objects, and puts one onto its image', async () => {
    const single = await read('highdicom/seg_image_ct_binary_single_frame.dcm');
    expect(counts(single)).toEqual([1832]);
    const overlap = await read('highdicom/seg_image_ct_binary_overlap.dcm');
    expect(overlap.frames.map(({ segment }) => segment)).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
    expect(overlap.segments.map(({ label }) => label)).toEqual(['first segment', 'second segment']);
    const image = await folderSource(join(examples, 'highdicom', 'ct_image.dcm'));
    expect(matchSeg(single, image).segments[0].slices).toEqual([0]);
  });

  it('thresholds fractions at half, and says so', async () => {
    const fractional = await read('highdicom/seg_image_ct_true_fractional.dcm');
    expect(fractional.findings.map(({ code }) => code)).toEqual(['fractional-thresholded']);
    const binary = await read('highdicom/seg_image_ct_binary.dcm');
    expect(counts(fractional)).toEqual(counts(binary));
  });

  it('reads label maps with and without a padding value', async () => {
    for (const name of ['noppv', 'ppv5']) {
      const contents = await read(`labelmap_iod/sparse-labelmap-${name}.dcm`);
      expect(contents.segments.map(({ number, label }) => [number, label])).toEqual([[1, 'Liver']]);
      expect(counts(contents)).toEqual([315, 315]);
      expect(contents.findings).toEqual([]);
    }
  });

  it('refuses images', async () => {
    await expect(read('highdicom/ct_image.dcm')).rejects.toMatchObject({ code: 'not-a-segmentation' });
  });

  (python ? it : it.skip)('finds the pixels that pydicom finds', async () => {
    const names = [
      'encodings/liver_expb.dcm',
      'encodings/liver_nonbyte_aligned.dcm',
      'encodings/liver_j2k.dcm',
      'dcmqi_23x38x3/seg/label.seg',
      'highdicom/seg_image_ct_binary_overlap.dcm',
    ];
    const script = `
import base64, gzip, json, sys
from pydicom import dcmread
answers = []
for path in json.load(sys.stdin):
    pixels = dcmread(path).pixel_array.astype("uint8")
    answers.append(base64.b64encode(gzip.compress(pixels.tobytes(), 1)).decode())
print(json.dumps(answers))
`;
    const paths = names.map((name) => join(examples, name));
    const answers = JSON.parse(runPython(python ?? '', script, JSON.stringify(paths))) as string[];
    for (const [index, name] of names.entries()) {
      const theirs = gunzipSync(Buffer.from(answers[index], 'base64'));
      expect([name, pixels(await read(name)).equals(theirs)]).toEqual([name, true]);
    }
  });
}
