import { runPython, testPython } from '@medsam2/models/testing';
import { makePhantom } from '../imaging/testing/phantom.js';
import type { GridGeometry } from '../imaging/volume.js';
import { statisticsOf } from './statistics.js';

const python = testPython();

/** The definitions of docs/measurements.md, straight from all corners of all pixels, with numpy and scipy. */
const SCRIPT = `
import json, sys
import numpy as np
from scipy import ndimage
from scipy.spatial.distance import pdist, squareform

def extent_across(pixels, axis, size):
    across = np.array([-axis[1], axis[0]])
    low, high = {}, {}
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    squares = (pixels[:, None, :] + corners) * size
    t, v = squares @ axis, squares @ across
    best = 0.0
    for place in np.unique(t):
        values = []
        for a in range(4):
            b = (a + 1) % 4
            t0, t1, v0, v1 = t[:, a], t[:, b], v[:, a], v[:, b]
            step = t1 - t0
            flat = np.abs(step) < 1e-9
            share = np.where(flat, 0, (place - t0) / np.where(flat, 1, step))
            hit = np.where(flat, np.abs(place - t0) < 1e-9, (share > -1e-9) & (share < 1 + 1e-9))
            values.append((v0 + share * (v1 - v0))[hit])
            values.append(v1[flat & (np.abs(place - t0) < 1e-9)])
        values = np.concatenate(values)
        best = max(best, values.max() - values.min())
    return best

def axes(mask, size):
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    best = (0.0, None)
    for label in range(1, count + 1):
        pixels = np.argwhere(labels == label)[:, ::-1]
        corners = np.unique(np.concatenate([pixels + c for c in ([0, 0], [1, 0], [0, 1], [1, 1])]), axis=0) * size
        distances = squareform(pdist(corners))
        longest = distances.max()
        if longest > best[0] * (1 + 1e-9):
            pairs = np.argwhere(np.triu(distances) > longest * (1 - 1e-9))
            shorts = [extent_across(pixels, (corners[b] - corners[a]) / longest, size) for a, b in pairs]
            best = (longest, max(shorts))
    return best

answers = []
for case in json.load(sys.stdin):
    shape = case["shape"]
    mask = np.array(case["mask"], dtype=bool).reshape(shape)
    values = np.array(case["values"], dtype=float).reshape(shape)
    spacing = np.array(case["spacing"])
    linear = np.array(case["direction"]).reshape(3, 3) * spacing
    answer = {"voxels": int(mask.sum()), "ml": float(mask.sum() * abs(np.linalg.det(linear)) / 1000)}
    inside = values[mask]
    answer.update(mean=inside.mean(), sd=inside.std(), min=inside.min(), max=inside.max())
    found = [axes(one, spacing[:2]) if one.any() else (0.0, None) for one in mask]
    slice_ = int(np.argmax([np.round(length, 9) for length, _ in found]))
    answer.update(slice=slice_, long=found[slice_][0], short=found[slice_][1])
    answers.append(answer)
print(json.dumps(answers))
`;

interface Answer {
  readonly voxels: number;
  readonly ml: number;
  readonly mean: number;
  readonly sd: number;
  readonly min: number;
  readonly max: number;
  readonly slice: number;
  readonly long: number;
  readonly short: number;
}

const OBLIQUE: GridGeometry['direction'] = [0.8, -0.36, 0.48, 0.6, 0.48, -0.64, 0, 0.8, 0.6];
const TILTED: GridGeometry['direction'] = [1, 0, 0, 0, 1, 0.3173, 0, 0, 0.9483];

/** Masks that are awkward to measure: ellipsoids with holes punched, islands, single pixels. */
const cases = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => {
  const phantom = makePhantom({
    seed,
    columns: 21 + seed,
    rows: 17,
    slices: 5,
    objects: 1 + (seed % 3),
    spacing: seed % 2 ? [0.8, 0.9, 3] : [0.7, 0.7, 1.25],
    direction: [undefined, OBLIQUE, TILTED][seed % 3],
    noise: 30,
  });
  const mask = Uint8Array.from(phantom.truth.labels, (label, index) => {
    const noisy = (Math.imul(index + seed, 2654435761) >>> 24) / 256;
    return (label > 0 && noisy > 0.1 * (seed % 4)) || noisy > 1 - 0.004 * seed ? 1 : 0;
  });
  return { volume: phantom.volume, mask };
});

if (!python) {
  it.skip('statistics against numpy and scipy (needs MEDSAM2_PYTHON)', () => undefined);
} else {
  describe('statistics equal those of numpy and scipy', () => {
    const input = cases.map(({ volume: { geometry, voxels }, mask }) => ({
      shape: [geometry.slices, geometry.rows, geometry.columns],
      mask: [...mask],
      values: [...voxels],
      spacing: geometry.spacing,
      direction: geometry.direction,
    }));
    const answers = JSON.parse(runPython(python, SCRIPT, JSON.stringify(input))) as Answer[];

    it.each(answers.map((answer, index) => ({ answer, index })))('case $index', ({ answer, index }) => {
      const { volume, mask } = cases[index];
      const size = volume.geometry.rows * volume.geometry.columns;
      const sliceMask = (slice: number): Uint8Array => mask.subarray(slice * size, (slice + 1) * size);
      const slices = [0, 1, 2, 3, 4].filter((slice) => sliceMask(slice).includes(1));
      const figures = statisticsOf({ id: 1, slices, mask: sliceMask }, volume, 'HU');
      expect(figures.voxels).toBe(answer.voxels);
      expect(figures.axisSlice).toBe(answer.slice);
      expect(figures.volumeMl).toBeCloseTo(answer.ml, 9);
      expect(figures.mean).toBeCloseTo(answer.mean, 9);
      expect(figures.sd).toBeCloseTo(answer.sd, 9);
      expect([figures.min, figures.max]).toEqual([answer.min, answer.max]);
      expect(figures.longAxis).toBeCloseTo(answer.long, 8);
      expect(figures.shortAxis).toBeCloseTo(answer.short, 6);
    });
  });
}
