import { distanceTo, nearestPlane, orientationOf, pixelOf, planeOf, sliceSpacing, worldOf } from './plane.js';

const oblique = planeOf({
  rowCosines: [0.8, 0.6, 0],
  columnCosines: [-0.6, 0.8, 0],
  imagePositionPatient: [10, -20, 30],
  columnPixelSpacing: 0.5,
  rowPixelSpacing: 2,
  rows: 10,
  columns: 20,
});
const at = (z: number) => planeOf({ imagePositionPatient: [0, 0, z], rowPixelSpacing: 1, columnPixelSpacing: 1 });

test('pixels and world are each other’s inverse, with centres on whole numbers', () => {
  expect(worldOf(oblique, [0, 0])).toEqual([10, -20, 30]);
  const world = worldOf(oblique, [4, 3]);
  expect(world).toEqual([10 + 0.8 * 2 - 0.6 * 6, -20 + 0.6 * 2 + 0.8 * 6, 30]);
  const [x, y] = pixelOf(oblique, world);
  expect(x).toBeCloseTo(4, 12);
  expect(y).toBeCloseTo(3, 12);
  expect(distanceTo(oblique, [0, 0, 33.5])).toBeCloseTo(3.5, 12);
});

test('an image without a place is taken as Cornerstone draws it', () => {
  const plane = planeOf({ rows: 4, columns: 5, rowPixelSpacing: null, imagePositionPatient: undefined });
  expect(worldOf(plane, [2, 3])).toEqual([2, 3, 0]);
  expect(planeOf(undefined)).toMatchObject({ rows: 0, columnSpacing: 1, normal: [0, 0, 1] });
  expect(planeOf({ rowCosines: [NaN, 0, 0] }).row).toEqual([1, 0, 0]);
});

test('a view is along the slices, across them, or neither', () => {
  expect(orientationOf(oblique, [0, 0, -1])).toBe('acquired');
  expect(orientationOf(oblique, [0.8, 0.6, 0])).toBe('across');
  expect(orientationOf(oblique, [0.6, -0.8, 0])).toBe('across');
  expect(orientationOf(oblique, [1, 0, 0])).toBe('oblique');
  const turned = Math.PI / 180;
  expect(orientationOf(oblique, [0, Math.sin(turned), Math.cos(turned)])).toBe('oblique');
});

test('the nearest slice is found in any order of the images', () => {
  const planes = [at(6), at(0), at(3)];
  expect(nearestPlane(planes, [100, 100, 2])).toEqual({ index: 2, distance: 1 });
  expect(nearestPlane([], [0, 0, 0])).toBeUndefined();
  expect(sliceSpacing(planes)).toBe(3);
  expect(sliceSpacing([at(1), at(1)])).toBe(0);
  expect(sliceSpacing([at(1)])).toBe(0);
});
