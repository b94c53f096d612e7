import { decodeCieLab, encodeCieLab } from './colour.js';

describe('segment colours', () => {
  // Lab under D50 of the sRGB primaries, as published with the ICC profile of sRGB
  it.each([
    ['black', [0, 0, 0], [0, 0, 0]],
    ['white', [255, 255, 255], [100, 0, 0]],
    ['middle grey', [119, 119, 119], [50.03, 0, 0]],
    ['red', [255, 0, 0], [54.29, 80.81, 69.89]],
    ['green', [0, 255, 0], [87.82, -79.29, 80.99]],
    ['blue', [0, 0, 255], [29.57, 68.3, -112.03]],
  ] as const)('%s has its published Lab', (_, rgb, [lightness, a, b]) => {
    const encoded = encodeCieLab(rgb);
    expect((encoded[0] / 65535) * 100).toBeCloseTo(lightness, 1);
    expect((encoded[1] / 65535) * 255 - 128).toBeCloseTo(a, 1);
    expect((encoded[2] / 65535) * 255 - 128).toBeCloseTo(b, 1);
  });

  it('encodes neutral a* and b* as 0x8080', () =>
    expect(encodeCieLab([255, 255, 255])).toEqual([65535, 0x8080, 0x8080]));

  it('gives every colour back unchanged', () => {
    const steps = [0, 1, 2, 7, 31, 64, 100, 128, 177, 201, 254, 255];
    for (const red of steps)
      for (const green of steps)
        for (const blue of steps) expect(decodeCieLab(encodeCieLab([red, green, blue]))).toEqual([red, green, blue]);
  });

  it('brings colours outside sRGB into it', () => {
    for (const value of decodeCieLab([40000, 65535, 65535])) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(255);
    }
  });
});
