import { seriesOf } from './series.js';
import { displaySetOf, metadataOf, testSeries } from './testing/series.js';

test('images are named as DICOM names them, in the viewer’s order', () => {
  const series = testSeries({ depths: [6, 3, 0] });
  expect(series.target.images).toEqual([
    { sopInstanceUid: '1.2.1' },
    { sopInstanceUid: '1.2.2' },
    { sopInstanceUid: '1.2.3' },
  ]);
  expect(series.target.kind).toBe('stack');
  expect(series.spacing).toBe(3);
  expect(series.indexOf({ sopInstanceUid: '1.2.3' })).toBe(2);
  expect(series.indexOf({ sopInstanceUid: '9' })).toBeUndefined();
  expect(series.indexOfId(series.imageIds[1])).toBe(1);
});

test('frames that share their place are a clip, frames that do not are slices', () => {
  const clip = testSeries({ depths: [0, 0, 0], isMultiFrame: true, modality: 'US' });
  expect(clip.target.kind).toBe('cine');
  expect(clip.target.images[2]).toEqual({ sopInstanceUid: '1.2.1', frame: 3 });
  expect(testSeries({ depths: [0, 1, 2], isMultiFrame: true }).target.kind).toBe('stack');
});

test('what holds no images is refused with the reason', () => {
  const options = { depths: [0, 1] };
  const core = metadataOf(options);
  expect(seriesOf({ ...displaySetOf(options), Modality: 'SEG' }, core)).toEqual({
    reason: { key: 'viewer.not-images', values: { modality: 'SEG' } },
  });
  expect(seriesOf({ ...displaySetOf(options), imageIds: [] }, core)).toEqual({ reason: { key: 'viewer.no-images' } });
  expect(seriesOf(displaySetOf(options), { metaData: { get: () => undefined } })).toEqual({
    reason: { key: 'viewer.no-images' },
  });
});
