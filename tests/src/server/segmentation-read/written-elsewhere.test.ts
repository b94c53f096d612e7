import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { matchSeg, readSeg, type SegSource } from '@medsam2/server/segmentation';
import { testPython } from '@medsam2/models/testing';
import { repositoryRoot } from '../../support/root.js';
import { folderSource } from '../segmentation/sources.js';

const python = testPython();

interface Written {
  readonly name: string;
  readonly segments: number;
  readonly type: string;
}

const NAMES = [
  'binary',
  'binary-implicit',
  'binary-deflated',
  'binary-with-empty-frames',
  'binary-one-segment',
  'label-map',
  'label-map-RLELossless',
  'fractional',
  'fractional-RLELossless',
  'fractional-JPEG2000Lossless',
  'dcmqi',
  'dcmqi-with-empty-frames',
];

if (!python) {
  it.skip('segmentations of highdicom and dcmqi (needs MEDSAM2_PYTHON)', () => undefined);
} else {
  describe('segmentations written by highdicom and dcmqi on an oblique series', () => {
    const folder = mkdtempSync(join(tmpdir(), 'medsam2-seg-read-'));
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    let source: SegSource;
    let written: ReadonlyMap<string, Written>;

    beforeAll(async () => {
      const script = join(repositoryRoot(), 'tests/src/server/segmentation-read/write-segs.py');
      const run = spawnSync(python, [script, folder], { encoding: 'utf8' });
      if (run.status !== 0) throw new Error(run.stderr.slice(-2000));
      const answer = JSON.parse(run.stdout.slice(run.stdout.lastIndexOf('\n{') + 1)) as { written: Written[] };
      written = new Map(answer.written.map((one) => [one.name, one]));
      source = await folderSource(join(folder, 'source'));
    });

    it('are all there', () => expect([...written.keys()].sort()).toEqual([...NAMES].sort()));

    it.each(NAMES)('%s: equal voxels on the slices they belong to', async (name) => {
      const expected = written.get(name);
      const truth = readFileSync(join(folder, `${name}.masks`));
      const contents = await readSeg(readFileSync(join(folder, `${name}.dcm`)));
      expect(contents.segmentationType).toBe(expected?.type);
      const { segments, findings } = matchSeg(contents, source);
      expect(segments).toHaveLength(expected?.segments ?? 0);
      expect(findings.map(({ code }) => code)).toEqual(
        contents.segmentationType === 'FRACTIONAL' ? ['fractional-thresholded'] : [],
      );
      const { rows, columns, slices } = source.geometry;
      const size = rows * columns;
      segments.forEach((segment, index) => {
        expect(segment).toMatchObject({ number: index + 1, label: `Segment ${index + 1}` });
        expect(segment.terms?.type.scheme).toBe('SCT');
        const present: number[] = [];
        for (let slice = 0; slice < slices; slice++) {
          const at = (index * slices + slice) * size;
          const mask = truth.subarray(at, at + size);
          if (mask.includes(1)) present.push(slice);
          if (segment.slices.includes(slice)) expect(Buffer.from(segment.mask(slice)).equals(mask)).toBe(true);
        }
        expect(segment.slices).toEqual(present);
      });
    });

    it('keeps overlapping segments', async () => {
      const { segments } = matchSeg(await readSeg(readFileSync(join(folder, 'binary.dcm'))), source);
      const [first, second] = segments.map((segment) => segment.mask(1));
      expect(first.some((value, pixel) => value === 1 && second[pixel] === 1)).toBe(true);
    });

    it('reads what highdicom says of a segment', async () => {
      const { segments } = await readSeg(readFileSync(join(folder, 'binary.dcm')));
      expect(segments[0]).toMatchObject({
        terms: { type: { value: '64033007', meaning: 'Kidney' }, region: { meaning: 'Abdomen' } },
        trackingId: 'track 0',
        algorithmType: 'SEMIAUTOMATIC',
        algorithm: { name: 'phantom', version: '3', family: { scheme: 'DCM', value: '123110' } },
      });
    });

    it('finds the slices by position alone as well', async () => {
      const contents = await readSeg(readFileSync(join(folder, 'dcmqi.dcm')));
      const frames = contents.frames.map((frame) => ({ ...frame, source: undefined }));
      const byPosition = matchSeg({ ...contents, frames, referencedSeries: [] }, source);
      const byReference = matchSeg(contents, source);
      expect(byPosition.findings.map(({ code }) => code)).toEqual(['matched-by-position']);
      expect(byPosition.segments.map(({ slices }) => slices)).toEqual(byReference.segments.map(({ slices }) => slices));
    });
  });
}
