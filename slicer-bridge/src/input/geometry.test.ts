import { clippedBox, clippedRange, sizeOf } from './geometry.js';

const size = { slices: 10, rows: 40, columns: 60 };

describe('boxes of the client', () => {
  it.each<[string, number[], number[] | undefined]>([
    ['are sorted per axis', [22, 39, 10, 3], [10, 3, 22, 39]],
    ['are cut to the image', [-5, -1, 99, 99], [0, 0, 59, 39]],
    ['may be single pixels', [59, 39, 59, 39], [59, 39, 59, 39]],
    ['are none beside the image', [60, 0, 80, 10], undefined],
    ['are none above the image', [0, -20, 80, -1], undefined],
  ])('%s', (_, row, box) => expect(clippedBox(row, size)).toEqual(box));
});

describe('ranges of the client', () => {
  it.each<[string, number, number, unknown]>([
    ['are sorted', 8, 2, { first: 2, last: 8 }],
    ['are cut to the volume', 12, -3, { first: 0, last: 9 }],
    ['may be one slice', 9, 9, { first: 9, last: 9 }],
    ['are none outside', 10, 20, undefined],
  ])('%s', (_, start, end, range) => expect(clippedRange(start, end, size)).toEqual(range));
});

describe('shapes', () => {
  it('are grey or colour', () => {
    expect(sizeOf([2, 3, 4], 'imgs')).toEqual({ slices: 2, rows: 3, columns: 4, channels: 1 });
    expect(sizeOf([2, 3, 4, 3], 'imgs')).toEqual({ slices: 2, rows: 3, columns: 4, channels: 3 });
  });

  it.each([[[3, 4]], [[2, 3, 4, 4]], [[0, 3, 4]], [[-1, 3, 4]], [[1.5, 3, 4]], [[]]])(
    'are nothing else: %j',
    (shape) => {
      expect(() => sizeOf(shape, 'imgs')).toThrow('imgs');
    },
  );
});
