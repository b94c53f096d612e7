import { runPython, testPython } from '@medsam2/models/testing';
import { NumpyRandom } from '../engine/numpy-random.js';
import { distanceTransform } from './distance-transform.js';
import { labelsOf, normalisedSurfaceDistance, scoreLabel } from './metrics.js';
import { surfaceDistances } from './surface-distance.js';
import { surfelAreas } from './surfel-areas.js';

const python = testPython();
const withPython = python ? it : it.skip;

/** The package is from 2018: it names things that numpy and scipy have since moved. */
const IMPORT_REFERENCE = `
import sys, json, types, numpy as np
from scipy import ndimage
np.Inf = np.inf; np.NaN = np.nan
ndimage.filters = types.SimpleNamespace(correlate=ndimage.correlate)
ndimage.morphology = types.SimpleNamespace(distance_transform_edt=ndimage.distance_transform_edt)
from surface_distance import lookup_tables, metrics
`;

interface MaskCase {
  readonly name: string;
  /** slices, rows, columns */
  readonly shape: readonly [number, number, number];
  /** mm along column, row, slice */
  readonly spacing: readonly [number, number, number];
  readonly tolerance: number;
  readonly truth: readonly number[];
  readonly prediction: readonly number[];
}

function randomCases(): MaskCase[] {
  const random = new NumpyRandom(5);
  const spacings: [number, number, number][] = [[1, 1, 1], [0.7, 0.7, 5], [0.3145, 0.5, 2.5], [2, 1, 0.5]]; // prettier-ignore
  const cases: MaskCase[] = [];
  for (let at = 0; at < 120; at++) {
    const flat = at % 5 === 0;
    const shape: [number, number, number] = [
      flat ? 1 : 1 + random.interval(7),
      2 + random.interval(12),
      2 + random.interval(12),
    ];
    const length = shape[0] * shape[1] * shape[2];
    const kind = at % 3;
    const noise = (density: number): number[] => Array.from({ length }, () => (random.interval(15) < density ? 1 : 0));
    // Solid bodies (the usual case), pure noise (every pattern and ambiguous face), and sparse specks.
    const ball = (): number[] => {
      const [s, r, c] = shape.map((size) => random.interval(size - 1));
      const radius = 1 + random.interval(6);
      return Array.from({ length }, (_, index) => {
        const column = index % shape[2];
        const row = Math.floor(index / shape[2]) % shape[1];
        const slice = Math.floor(index / (shape[1] * shape[2]));
        return Math.hypot(slice - s, row - r, column - c) <= radius ? 1 : 0;
      });
    };
    const make = (): number[] => (kind === 0 ? ball() : noise(kind === 1 ? 8 : 1));
    cases.push({
      name: `random ${at}`,
      shape,
      spacing: spacings[at % spacings.length],
      tolerance: [0, 1, 2, 3.5][random.interval(3)],
      truth: make(),
      prediction: make(),
    });
  }
  const empty = new Array<number>(60).fill(0);
  const single = empty.with(22, 1);
  const base = { shape: [3, 4, 5] as const, spacing: [1, 1.5, 3] as const, tolerance: 2 };
  cases.push({ ...base, name: 'one voxel each, apart', truth: single, prediction: empty.with(59, 1) });
  cases.push({ ...base, name: 'one voxel, the same', truth: single, prediction: single });
  cases.push({ ...base, name: 'prediction empty', truth: single, prediction: empty });
  cases.push({ ...base, name: 'full volume', truth: empty.map(() => 1), prediction: empty.map(() => 1) });
  return cases;
}

describe('against the surface-distance package', () => {
  withPython('has the same areas for all 256 patterns and any spacing', () => {
    const spacings = [[1, 1, 1], [1, 2, 3.3], [0.7, 1.9, 0.4], [5, 0.3145, 0.3145]] as [number, number, number][]; // prettier-ignore
    const expected = JSON.parse(
      runPython(
        python as string,
        `${IMPORT_REFERENCE}
print(json.dumps([lookup_tables.create_table_neighbour_code_to_surface_area(s).tolist() for s in json.load(sys.stdin)]))`,
        JSON.stringify(spacings),
      ),
    ) as number[][];
    spacings.forEach((spacing, at) => {
      const areas = surfelAreas(spacing);
      expect(areas).toHaveLength(256);
      const worst = Math.max(...areas.map((area, code) => Math.abs(area - expected[at][code])));
      expect(worst).toBeLessThan(1e-12);
    });
  });

  withPython('has the same Dice and NSD on random masks, spacings and tolerances', () => {
    const cases = randomCases();
    const expected = JSON.parse(
      runPython(
        python as string,
        `${IMPORT_REFERENCE}
out = []
for c in json.load(sys.stdin):
    truth = np.array(c["truth"]).reshape(c["shape"]).astype(bool)
    prediction = np.array(c["prediction"]).reshape(c["shape"]).astype(bool)
    if not truth.any() and not prediction.any(): out.append(None); continue
    d = metrics.compute_surface_distances(truth, prediction, c["spacing"][::-1])
    out.append([float(metrics.compute_dice_coefficient(truth, prediction)),
                float(metrics.compute_surface_dice_at_tolerance(d, c["tolerance"])),
                float(d["surfel_areas_gt"].sum()), float(d["surfel_areas_pred"].sum()),
                float(d["distances_gt_to_pred"].max(initial=0)), float(d["distances_pred_to_gt"].max(initial=0))])
print(json.dumps(out).replace("Infinity", "1e999"))`,
        JSON.stringify(cases),
      ),
    ) as ([number, number, number, number, number, number] | null)[];

    let compared = 0;
    cases.forEach(({ name, shape, spacing, tolerance, truth, prediction }, at) => {
      const [slices, rows, columns] = shape;
      const pair = { truth, prediction, slices, rows, columns };
      const scores = scoreLabel(pair, 1, spacing, tolerance);
      const reference = expected[at];
      if (!reference) {
        expect(scores).toMatchObject({ dice: 1, nsd: 1 });
        return;
      }
      const distances = surfaceDistances(pair, 1, spacing);
      const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
      const found = [
        scores.dice,
        scores.nsd,
        sum(distances.truthAreas),
        sum(distances.predictionAreas),
        distances.truthToPrediction.reduce((a, b) => Math.max(a, b), 0),
        distances.predictionToTruth.reduce((a, b) => Math.max(a, b), 0),
      ];
      found.forEach((value, which) => {
        const same = value === reference[which] || Math.abs(value - reference[which]) <= 1e-9;
        expect({ name, which, value, same }).toEqual({ name, which, value, same: true });
      });
      compared++;
    });
    expect(compared).toBeGreaterThan(100);
  });
});

describe('scoreLabel', () => {
  const grid = { slices: 1, rows: 2, columns: 3 };

  it('gives 1 when both are empty and 0 when only one is', () => {
    const empty = [0, 0, 0, 0, 0, 0];
    const some = [0, 1, 1, 0, 0, 0];
    expect(scoreLabel({ truth: empty, prediction: empty, ...grid }, 1, [1, 1, 1], 2)).toMatchObject({
      dice: 1,
      nsd: 1,
    });
    expect(scoreLabel({ truth: some, prediction: empty, ...grid }, 1, [1, 1, 1], 2)).toMatchObject({ dice: 0, nsd: 0 });
    expect(scoreLabel({ truth: empty, prediction: some, ...grid }, 1, [1, 1, 1], 2)).toMatchObject({ dice: 0, nsd: 0 });
  });

  it('looks at one label among several', () => {
    const pair = { truth: [1, 1, 2, 2, 0, 3], prediction: [1, 2, 2, 2, 3, 0], ...grid };
    expect(scoreLabel(pair, 2, [1, 1, 1], 0)).toMatchObject({ dice: 0.8, truthVoxels: 2, predictionVoxels: 3 });
    expect(scoreLabel(pair, 3, [1, 1, 1], 2).dice).toBe(0);
  });

  it('takes the spacing as column, row, slice', () => {
    // Two voxels one column apart: their surfaces are one column spacing apart.
    const pair = { truth: [1, 0], prediction: [0, 1], slices: 1, rows: 1, columns: 2 };
    const near = normalisedSurfaceDistance(surfaceDistances(pair, 1, [1, 50, 50]), 1);
    const far = normalisedSurfaceDistance(surfaceDistances(pair, 1, [50, 1, 1]), 1);
    expect(near).toBe(1);
    expect(far).toBeLessThan(1);
  });
});

describe('distanceTransform', () => {
  it('is infinite without sites', () => {
    expect([...distanceTransform(() => false, [1, 2, 2], [1, 1, 1])]).toEqual(new Array(4).fill(Infinity));
  });

  it('equals a search over all sites', () => {
    const random = new NumpyRandom(9);
    const shape: [number, number, number] = [5, 7, 11];
    const spacing: [number, number, number] = [2.5, 0.7, 1.1];
    const at = (index: number): [number, number, number] => [
      Math.floor(index / 77),
      Math.floor(index / 11) % 7,
      index % 11,
    ];
    const sites = [...new Set(Array.from({ length: 9 }, () => random.interval(384)))];
    const distances = distanceTransform((index) => sites.includes(index), shape, spacing);
    distances.forEach((distance, index) => {
      const nearest = Math.min(
        ...sites.map((site) => Math.hypot(...at(site).map((value, axis) => (value - at(index)[axis]) * spacing[axis]))),
      );
      expect(distance).toBeCloseTo(nearest, 12);
    });
  });
});

describe('labelsOf', () => {
  it('lists labels without background, ascending', () => {
    expect(labelsOf(Uint16Array.of(0, 3, 3, 0, 1, 500, 1))).toEqual([1, 3, 500]);
  });
});
