import { join } from 'node:path';
import { matchSeg, readSeg, writeSeg, type SegRequest, type SegSource } from '@medsam2/server/segmentation';
import { sharedData } from '@medsam2/models/testing';
import { requestOf, stripes } from '../segmentation/requests.js';
import { folderSource, phantomSource } from '../segmentation/sources.js';

/** What is written comes back: masks, slices, and what is said of each segment. */
async function expectSame(request: SegRequest): Promise<void> {
  const contents = await readSeg(writeSeg(request).bytes);
  const { segments, findings } = matchSeg(contents, request.source);
  expect(findings).toEqual([]);
  expect(segments).toHaveLength(request.segments.length);
  segments.forEach((segment, index) => {
    const original = request.segments[index];
    expect(segment).toMatchObject({
      number: index + 1,
      label: original.label,
      terms: original.terms,
      trackingId: original.trackingId,
      trackingUid: original.trackingUid,
      algorithmType: original.algorithmType,
    });
    segment.colour?.forEach((value, axis) => expect(Math.abs(value - original.colour[axis])).toBeLessThanOrEqual(1));
    expect(segment.slices).toEqual(original.slices);
    for (const slice of original.slices) {
      expect(Buffer.from(segment.mask(slice)).equals(Buffer.from(original.mask(slice)))).toBe(true);
    }
  });
}

describe('what is written is read back', () => {
  it.each([
    ['one segment', {}, 1, false],
    ['20 segments on odd frames', { columns: 23, rows: 19, slices: 5 }, 20, false],
    ['overlapping segments', { columns: 17, rows: 13, slices: 4 }, 3, true],
    ['a single slice', { columns: 9, rows: 11, slices: 1 }, 2, false],
    ['an oblique stack', { direction: [0.8, -0.36, 0.48, 0.6, 0.48, -0.64, 0, 0.8, 0.6] as const, slices: 3 }, 2, true],
  ])('binary: %s', async (_, options, count, overlapping) => {
    const source = phantomSource(options);
    await expectSame(requestOf(source, stripes(source, count, { overlapping })));
  });

  it('segments on a few slices each', async () => {
    const source = phantomSource({ columns: 21, rows: 15, slices: 7 });
    const segments = stripes(source, 3, { slices: (segment) => [segment, segment + 2] });
    await expectSame(requestOf(source, segments));
  });

  it.each([1, 3])('label map of %i segments', async (count) => {
    const source = phantomSource({ columns: 23, rows: 19, slices: 5 });
    await expectSame(requestOf(source, stripes(source, count), { format: 'labelmap' }));
  });

  it('names the source series and the object itself', async () => {
    const source = phantomSource();
    const written = writeSeg(requestOf(source, stripes(source, 1)));
    const contents = await readSeg(written.bytes);
    const { sopClassUid, sopInstanceUid, seriesInstanceUid, studyInstanceUid } = written;
    expect(contents).toMatchObject({ sopClassUid, sopInstanceUid, seriesInstanceUid, studyInstanceUid });
    expect(contents.referencedSeries).toHaveLength(1);
  });

  const data = sharedData();
  const CASES: readonly (readonly [string, string])[] = [
    ['a tilted head CT', 'ct_head_tilt/dicom'],
    ['an enhanced multi-frame series', 'enhanced/emri_small.dcm'],
    ['ultrasound frames in time', 'synth_us/dicom'],
    ['a colour endoscopy clip', 'endo_clip/dicom'],
  ];
  (data ? it.each(CASES) : it.skip.each(CASES))('%s', async (_, path) => {
    const source: SegSource = await folderSource(join(data ?? '', path));
    const some = (segment: number): number[] => [segment, source.geometry.slices - 1 - segment];
    await expectSame(
      requestOf(source, stripes(source, 2, { slices: (segment) => some(segment).sort((a, b) => a - b) })),
    );
  });
});
