import { frameOf, imageKey, imageRef } from './images.js';

test.each([
  ['wadors:/dicomweb/default/studies/1.2/series/3.4/instances/5.6/frames/7', 7],
  ['dicomweb:https://host/wado?objectUID=5.6&frame=12', 12],
  ['wadouri:/file?frame=1', 1],
  ['wadors:/dicomweb/default/studies/1.2/series/3.4/instances/5.6', undefined],
])('the frame of %s', (imageId, frame) => {
  expect(frameOf(imageId)).toBe(frame);
});

test('images of single-frame instances are named without a frame', () => {
  expect(imageRef('1.2', 'wadors:/instances/1.2/frames/1', 1)).toEqual({ sopInstanceUid: '1.2' });
  expect(imageRef('1.2', 'wadors:/instances/1.2/frames/3', 9)).toEqual({ sopInstanceUid: '1.2', frame: 3 });
  expect(imageKey({ sopInstanceUid: '1.2' })).toBe(imageKey({ sopInstanceUid: '1.2', frame: 1 }));
});
