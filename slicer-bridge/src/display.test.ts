import type { NumberArray } from './archive.js';
import { compatStack } from './display.js';

const shown = (voxels: NumberArray): number[] => [
  ...compatStack({ slices: 1, rows: 1, columns: voxels.length, channels: 1, voxels }).image(0),
];

// expected: what numpy gives for the formula of specification section 6.1, ((v - min) / (max - min) * 255).astype(uint8)
describe('intensities as the plug-in’s own server makes them', () => {
  it.each<[string, NumberArray, number[]]>([
    ['Hounsfield units', Int16Array.of(-1000, -200, 0, 40, 1000), [0, 102, 127, 132, 255]],
    ['unsigned stored values', Uint16Array.of(0, 300, 600, 65535), [0, 1, 2, 255]],
    ['long integers', Int32Array.of(-5, 0, 995), [0, 1, 255]],
    ['floats', Float32Array.of(0, 127.75, 511), [0, 63, 255]],
    ['doubles with NaN and infinities', Float64Array.of(NaN, -Infinity, 0, 256, Infinity), [0, 0, 0, 255, 255]],
  ])('stretches %s whose maximum is 256 or more', (_, voxels, expected) => {
    expect(shown(voxels)).toEqual(expected);
  });

  it.each<[string, NumberArray, number[]]>([
    ['bytes', Uint8Array.of(0, 17, 255), [0, 17, 255]],
    ['windowed values in the image’s own type', Int16Array.of(0, 17, 255), [0, 17, 255]],
    ['windowed floats', Float32Array.of(0, 17.9, 254.5), [0, 17, 254]],
  ])('takes %s as they are', (_, voxels, expected) => {
    expect(shown(voxels)).toEqual(expected);
  });

  it.each<[string, NumberArray, number[]]>([
    ['negative values, which would wrap', Int16Array.of(-100, 0, 100), [0, 127, 255]],
    ['signed bytes', Int8Array.of(-128, 0, 127), [0, 128, 255]],
    ['fractions up to 1, which would vanish', Float32Array.of(0, 0.5, 1), [0, 127, 255]],
    ['one value', Int16Array.of(-7, -7), [0, 0]],
  ])('stretches %s', (_, voxels, expected) => {
    expect(shown(voxels)).toEqual(expected);
  });

  it('gives each slice of a colour volume', () => {
    const voxels = Uint8Array.from({ length: 2 * 2 * 1 * 3 }, (_, i) => i);
    const stack = compatStack({ slices: 2, rows: 2, columns: 1, channels: 3, voxels });
    expect([...stack.image(1)]).toEqual([6, 7, 8, 9, 10, 11]);
  });
});
