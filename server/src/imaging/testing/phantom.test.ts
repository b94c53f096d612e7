import { makePhantom } from './phantom.js';

describe('makePhantom', () => {
  it('gives the same volume for the same seed and another for another seed', () => {
    const [a, b, c] = [makePhantom({ seed: 3 }), makePhantom({ seed: 3 }), makePhantom({ seed: 4 })];
    expect(a.volume.voxels).toEqual(b.volume.voxels);
    expect(a.truth.labels).toEqual(b.truth.labels);
    expect(a.volume.voxels).not.toEqual(c.volume.voxels);
  });

  it('labels exactly the voxels that carry the ellipsoid value', () => {
    const { volume, truth, ellipsoids } = makePhantom({ objects: 3, noise: 0, seed: 7 });
    for (const { label, value } of ellipsoids) {
      const count = truth.labels.filter((found) => found === label).length;
      expect(count).toBeGreaterThan(20);
      expect(truth.labels.every((found, at) => found !== label || volume.voxels[at] === value)).toBe(true);
    }
    expect(truth.labels.every((found, at) => found !== 0 || [40, -1000].includes(volume.voxels[at]))).toBe(true);
  });
});
