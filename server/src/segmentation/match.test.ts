import { UserError } from '@medsam2/models';
import { indexToWorld } from '../imaging/geometry.js';
import { makePhantom } from '../imaging/testing/phantom.js';
import { matchSeg } from './match.js';
import type { SegContents, SegContentsFrame, SegSource } from './types.js';

const OBLIQUE = [0.8, -0.36, 0.48, 0.6, 0.48, -0.64, 0, 0.8, 0.6] as const;
const { volume } = makePhantom({ columns: 9, rows: 7, slices: 5, direction: OBLIQUE });
const { geometry } = volume;
const stated = (tag: string, value: string): Record<string, { Value: string[] }> => ({ [tag]: { Value: [value] } });
const identity = { ...stated('0020000D', '1.1'), ...stated('0020000E', '1.2'), ...stated('00200052', '1.3') };
const positionOf = (slice: number): [number, number, number] => [...indexToWorld(geometry, [0, 0, slice])];

const source: SegSource = {
  kind: 'stack',
  modality: 'CT',
  geometry,
  findings: [],
  sliceSources: [0, 1, 2, 3, 4].map((slice) => ({
    sopInstanceUid: `1.2.${slice}`,
    sopClassUid: '1.9',
    imagePosition: positionOf(slice).map(String) as [string, string, string],
  })),
  attributes: new Map([0, 1, 2, 3, 4].map((slice) => [`1.2.${slice}`, identity])),
};

/** A frame whose only pixel is the one with the number of its slice. */
function frameOn(slice: number, change: Partial<SegContentsFrame> = {}): SegContentsFrame {
  const mask = (): Uint8Array => Uint8Array.from({ length: 63 }, (_, pixel) => (pixel === slice ? 1 : 0));
  return {
    segment: 1,
    position: positionOf(slice),
    orientation: [0.8, 0.6, 0, -0.36, 0.48, 0.8],
    pixelSpacing: [0.9, 0.8],
    source: { sopInstanceUid: `1.2.${slice}` },
    mask,
    isEmpty: () => false,
    ...change,
  };
}

const contentsOf = (frames: readonly SegContentsFrame[], change: Partial<SegContents> = {}): SegContents => ({
  sopClassUid: '1.4',
  sopInstanceUid: '1.5',
  seriesInstanceUid: '1.6',
  studyInstanceUid: '1.1',
  frameOfReferenceUid: '1.3',
  segmentationType: 'BINARY',
  referencedSeries: ['1.2'],
  rows: 7,
  columns: 9,
  segments: [
    { number: 1, label: 'One' },
    { number: 2, label: 'Two' },
  ],
  frames,
  findings: [],
  ...change,
});

function refusal(contents: SegContents, on: SegSource = source): string {
  try {
    matchSeg(contents, on);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).toMatch(/^[^\n]+\.$/);
    return error.code;
  }
  throw new Error('the segmentation was not refused');
}

const codes = (contents: SegContents, on: SegSource = source): string[] =>
  matchSeg(contents, on).findings.map(({ code }) => code);
const slicesOf = (contents: SegContents, on: SegSource = source): number[][] =>
  matchSeg(contents, on).segments.map(({ slices }) => [...slices]);
/** A segmentation of another series: its references say nothing here. */
const elsewhere = (frames: readonly SegContentsFrame[]): SegContents =>
  contentsOf(frames, { referencedSeries: ['1.77'] });
const unnamed = { source: undefined };

describe('matchSeg by reference', () => {
  it('puts frames onto the images that they name, whatever their order', () => {
    const { segments, findings } = matchSeg(contentsOf([frameOn(3), frameOn(0), frameOn(2, { segment: 2 })]), source);
    expect(findings).toEqual([]);
    expect(segments.map(({ slices }) => slices)).toEqual([[0, 3], [2]]);
    expect(segments[0].mask(3).indexOf(1)).toBe(3);
    expect(segments[1].mask(2).indexOf(1)).toBe(2);
  });

  it('takes the frame number of multi-frame images', () => {
    const multi: SegSource = {
      ...source,
      sliceSources: source.sliceSources.map((one, slice) => ({
        ...one,
        sopInstanceUid: '1.2.0',
        frameNumber: 5 - slice,
      })),
    };
    const named = (slice: number, frameNumber?: number): SegContentsFrame =>
      frameOn(slice, { source: { sopInstanceUid: '1.2.0', ...(frameNumber ? { frameNumber } : {}) } });
    expect(slicesOf(contentsOf([named(1, 4), named(4, 1)]), multi)[0]).toEqual([1, 4]);
    // without a number it is not known which frame is meant; the position does not stand in for it
    expect(codes(contentsOf([named(1, 4), named(2)]), multi)).toEqual(['frames-without-slice']);
  });

  it('needs no position for that', () => {
    expect(slicesOf(contentsOf([frameOn(2, { position: undefined, orientation: undefined })]))[0]).toEqual([2]);
  });

  it('matches frames in time', () => {
    const cine: SegSource = { ...source, kind: 'cine', attributes: new Map() };
    expect(
      slicesOf(contentsOf([frameOn(1, { position: undefined })], { frameOfReferenceUid: undefined }), cine)[0],
    ).toEqual([1]);
    expect(refusal(contentsOf([frameOn(1, unnamed)]), cine)).toBe('segmentation-not-on-series');
  });

  it('leaves out frames of images that are not in the volume, and says how many', () => {
    const other = frameOn(1, { source: { sopInstanceUid: '1.2.99' } });
    expect(slicesOf(contentsOf([frameOn(0), other]))[0]).toEqual([0]);
    expect(codes(contentsOf([frameOn(0), other]))).toEqual(['frames-without-slice']);
  });

  it('does not place another phase of the same series by its position', () => {
    const other = frameOn(1, { source: { sopInstanceUid: '1.2.99' } });
    expect(refusal(contentsOf([other]))).toBe('segmentation-not-on-series');
  });

  it('refuses a frame that lies elsewhere than the image that it names', () => {
    expect(refusal(contentsOf([frameOn(0), frameOn(1, { position: positionOf(2) })]))).toBe('segmentation-other-grid');
    const [x, y, z] = positionOf(1);
    expect(refusal(contentsOf([frameOn(1, { position: [x + 0.2, y, z] })]))).toBe('segmentation-other-grid');
    // digits lost in writing are no other place
    expect(slicesOf(contentsOf([frameOn(1, { position: [x + 0.001, y - 0.002, z] })]))[0]).toEqual([1]);
  });

  it('joins frames of one segment on one slice, and says so', () => {
    const more = frameOn(1, { mask: () => Uint8Array.from({ length: 63 }, (_, pixel) => (pixel > 60 ? 1 : 0)) });
    const contents = contentsOf([frameOn(1), more]);
    expect([...matchSeg(contents, source).segments[0].mask(1)].flatMap((value, pixel) => (value ? pixel : []))).toEqual(
      [1, 61, 62],
    );
    expect(codes(contents)).toEqual(['frames-joined']);
  });

  it('drops frames without pixels', () => {
    expect(slicesOf(contentsOf([frameOn(1), frameOn(2, { isEmpty: () => true })]))[0]).toEqual([1]);
  });
});

describe('matchSeg by position', () => {
  it('places frames of another series of the same frame of reference, and says so', () => {
    const contents = elsewhere([frameOn(4, unnamed), frameOn(0, { source: { sopInstanceUid: '1.77.1' } })]);
    expect(slicesOf(contents)[0]).toEqual([0, 4]);
    expect(codes(contents)).toEqual(['matched-by-position']);
  });

  it('takes the true positions of uneven stacks', () => {
    const shifted: [number, number, number] = positionOf(7);
    const uneven: SegSource = {
      ...source,
      sliceSources: source.sliceSources.map((one, slice) =>
        slice === 4 ? { ...one, imagePosition: shifted.map(String) as [string, string, string] } : one,
      ),
    };
    expect(slicesOf(elsewhere([frameOn(4, { ...unnamed, position: shifted })]), uneven)[0]).toEqual([4]);
    expect(refusal(elsewhere([frameOn(4, unnamed)]), uneven)).toBe('segmentation-not-on-series');
  });

  it('does not take the nearest slice for the right one', () => {
    const between = positionOf(1).map((value, axis) => (value + positionOf(2)[axis]) / 2) as [number, number, number];
    expect(refusal(elsewhere([frameOn(1, { ...unnamed, position: between })]))).toBe('segmentation-not-on-series');
    const partly = elsewhere([frameOn(0, unnamed), frameOn(1, { ...unnamed, position: between })]);
    expect(codes(partly)).toEqual(['matched-by-position', 'frames-without-slice']);
  });

  it('refuses another pixel size or orientation', () => {
    expect(refusal(elsewhere([frameOn(0, { ...unnamed, pixelSpacing: [0.8, 0.9] })]))).toBe('segmentation-other-grid');
    expect(refusal(elsewhere([frameOn(0, { ...unnamed, orientation: [1, 0, 0, 0, 1, 0] })]))).toBe(
      'segmentation-other-grid',
    );
    expect(refusal(elsewhere([frameOn(0, { ...unnamed, orientation: [-0.8, -0.6, 0, -0.36, 0.48, 0.8] })]))).toBe(
      'segmentation-other-grid',
    );
  });

  it('does not compare positions without a frame of reference', () => {
    expect(refusal({ ...elsewhere([frameOn(0, unnamed)]), frameOfReferenceUid: undefined })).toBe(
      'segmentation-not-on-series',
    );
  });
});

describe('matchSeg refuses', () => {
  it.each([
    ['segmentation-other-study', { studyInstanceUid: '1.8' }],
    ['segmentation-other-frame-of-reference', { frameOfReferenceUid: '1.8' }],
    ['segmentation-other-grid', { rows: 9, columns: 7 }],
  ] as const)('%s', (code, change) => expect(refusal(contentsOf([frameOn(0)], change))).toBe(code));

  it('a segmentation without frames', () => expect(refusal(contentsOf([]))).toBe('segmentation-not-on-series'));
});
