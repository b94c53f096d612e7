import { drawingSchema, type Drawing } from '@medsam2/protocol';
import { testSeries } from '../testing/series.js';
import type { Point3 } from '../types/cornerstone.js';
import { drawingOf, placedOf, type Drawn } from './drawing-of.js';

// Slices 3 mm apart, pixels of 2 mm from (-10, -20).
const series = testSeries({ depths: [6, 3, 0] });
const axial: Point3 = [0, 0, -1];
const sagittal: Point3 = [1, 0, 0];
const square = (z: number): Point3[] => [
  [0, 0, z],
  [20, 0, z],
  [0, 10, z],
  [20, 10, z],
];
const drawn = (over: Partial<Drawn>): Drawn => ({ tool: 'box', points: square(3), viewPlaneNormal: axial, ...over });

function expectDrawing(result: ReturnType<typeof drawingOf>): Drawing {
  if ('reason' in result) throw new Error(JSON.stringify(result.reason));
  return drawingSchema.parse(result);
}

test('on the image of a stack it is in pixels of that image', () => {
  const drawing = expectDrawing(drawingOf(drawn({ imageId: series.imageIds[2] }), series));
  expect(drawing).toEqual({ kind: 'box', place: { sopInstanceUid: '1.2.3' }, box: [5, 10, 15, 15] });
});

test('on frames of a clip the frame counts, whatever the world says', () => {
  const clip = testSeries({ depths: [0, 0, 0], isMultiFrame: true });
  const drawing = expectDrawing(drawingOf(drawn({ points: square(0), imageId: clip.imageIds[1] }), clip));
  expect(drawing).toMatchObject({ place: { sopInstanceUid: '1.2.1', frame: 2 } });
});

test('in a volume viewport along the slices it is on the nearest image', () => {
  expect(expectDrawing(drawingOf(drawn({ points: square(4.4) }), series))).toMatchObject({
    place: { sopInstanceUid: '1.2.2' },
  });
  expect(drawingOf(drawn({ points: square(12) }), series)).toEqual({ reason: { key: 'viewer.outside' } });
});

test('across the slices it is in world coordinates', () => {
  const points: Point3[] = [[5, 0, 0], [5, 10, 0], [5, 0, 6], [5, 10, 6]]; // prettier-ignore
  const drawing = expectDrawing(drawingOf(drawn({ points, viewPlaneNormal: sagittal }), series));
  expect(drawing).toEqual({ kind: 'world-box', corners: points });
});

test('turned planes and drawings beside the image are refused', () => {
  const turned: Point3 = [Math.SQRT1_2, 0, Math.SQRT1_2];
  expect(drawingOf(drawn({ viewPlaneNormal: turned }), series)).toEqual({ reason: { key: 'viewer.oblique' } });
  const beside = square(3).map(([x, y, z]): Point3 => [x - 500, y, z]);
  expect(drawingOf(drawn({ points: beside, imageId: series.imageIds[0] }), series)).toEqual({
    reason: { key: 'viewer.outside' },
  });
});

test('every tool says what it means, and long paths fit the protocol', () => {
  const path = Array.from({ length: 9000 }, (_, step): Point3 => [step / 100, 5, 3]);
  const kinds = (['point', 'pointNegative', 'scribble', 'eraser', 'lasso'] as const).map((tool) => {
    const points = tool === 'point' || tool === 'pointNegative' ? [path[0]] : path;
    const drawing = expectDrawing(drawingOf(drawn({ tool, points }), series));
    return [
      drawing.kind,
      drawing.kind === 'points' ? drawing.points[0].label : 'label' in drawing ? drawing.label : -1,
    ];
  });
  expect(kinds).toEqual([
    ['points', 1],
    ['points', 0],
    ['scribble', 1],
    ['scribble', 0],
    ['lasso', 1],
  ]);
});

test('a prompt comes back to where it was drawn', () => {
  const drawing = expectDrawing(drawingOf(drawn({ imageId: series.imageIds[1] }), series));
  const placed = placedOf(drawing, series);
  expect(placed).toMatchObject({ tool: 'box', imageId: series.imageIds[1], labels: [1] });
  expect(placed?.points).toEqual(square(3));
});

test('world drawings are shown on the plane that they lie on', () => {
  const across: Drawing = { kind: 'world-box', corners: [[5, 0, 0], [5, 10, 0], [5, 0, 6], [5, 10, 6]] }; // prettier-ignore
  expect(placedOf(across, series)).toMatchObject({ viewPlaneNormal: [1, 0, 0] });
  expect(placedOf(across, series)?.imageId).toBeUndefined();
  expect(placedOf({ kind: 'world-box', corners: square(6) }, series)).toMatchObject({ imageId: series.imageIds[0] });
});

test('what has no place in the viewports is not shown', () => {
  expect(placedOf({ kind: 'box', place: { slice: 1 }, box: [0, 0, 1, 1] }, series)).toBeUndefined();
  expect(placedOf({ kind: 'box', place: { sopInstanceUid: '9.9' }, box: [0, 0, 1, 1] }, series)).toBeUndefined();
});
