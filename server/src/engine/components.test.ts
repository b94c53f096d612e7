import { runPython, testPython } from '@medsam2/models/testing';
import { connectedComponents, fillHoles2d, largestComponent3d } from './components.js';
import { NumpyRandom } from './numpy-random.js';

const python = testPython();

/** Random 0/1 voxels; `density` of 16 is all ones. */
function randomMask(random: NumpyRandom, length: number, density: number): Uint8Array {
  return Uint8Array.from({ length }, () => (random.interval(15) < density ? 1 : 0));
}

describe('connectedComponents', () => {
  it('joins voxels that touch at a corner, across rows and slices', () => {
    const mask = new Uint8Array(3 * 3 * 3);
    for (const diagonal of [0, 13, 26]) mask[diagonal] = 1;
    const components = connectedComponents((index) => mask[index] !== 0, { slices: 3, rows: 3, columns: 3 });
    expect(components.count).toBe(1);
    expect([...components.sizes]).toEqual([3]);
  });

  it('does not join the end of a row to the start of the next', () => {
    const mask = Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0);
    expect(connectedComponents((index) => mask[index] !== 0, { slices: 1, rows: 3, columns: 4 }).count).toBe(2);
  });

  it('joins a spiral whose arms meet late, without recursion', () => {
    const side = 201;
    const mask = new Uint8Array(side * side);
    let [x, y, dx, dy] = [0, 0, 1, 0];
    const free = (cx: number, cy: number): boolean =>
      cx >= 0 && cy >= 0 && cx < side && cy < side && !mask[cy * side + cx];
    for (let turns = 0; turns < 2;) {
      mask[y * side + x] = 1;
      // Two ahead must be free, so that neighbouring arms stay one pixel apart.
      if (free(x + dx, y + dy) && (free(x + 2 * dx, y + 2 * dy) || !inside(x + 2 * dx, y + 2 * dy, side))) {
        [x, y, turns] = [x + dx, y + dy, 0];
      } else {
        [dx, dy, turns] = [-dy, dx, turns + 1];
      }
    }
    expect(connectedComponents((index) => mask[index] !== 0, { slices: 1, rows: side, columns: side }).count).toBe(1);
  });

  (python ? it : it.skip)('labels random volumes and slices like scipy.ndimage.label with full connectivity', () => {
    const random = new NumpyRandom(7);
    const shapes = [
      [1, 17, 23],
      [6, 9, 7],
      [4, 1, 12],
      [5, 12, 1],
      [7, 8, 9],
    ];
    const cases = shapes.flatMap((shape) =>
      [1, 2, 4, 8].map((density) => ({ shape, mask: randomMask(random, shape[0] * shape[1] * shape[2], density) })),
    );
    const expected = JSON.parse(
      runPython(
        python as string,
        `import sys, json, numpy as np
from scipy import ndimage
out = []
for case in json.load(sys.stdin):
    labels, count = ndimage.label(np.array(case["mask"]).reshape(case["shape"]), np.ones((3, 3, 3)))
    out.append(labels.ravel().tolist())
print(json.dumps(out))`,
        JSON.stringify(cases.map(({ shape, mask }) => ({ shape, mask: [...mask] }))),
      ),
    ) as number[][];

    cases.forEach(({ shape, mask }, at) => {
      const [slices, rows, columns] = shape;
      const components = connectedComponents((index) => mask[index] !== 0, { slices, rows, columns });
      const labels = new Array<number>(mask.length).fill(0);
      components.runStart.forEach((start, run) => {
        labels.fill(components.runComponent[run] + 1, start, components.runEnd[run]);
      });
      // Both number components by their first voxel in raster order, after renumbering scipy's.
      expect(labels).toEqual(renumbered(expected[at]));
    });
  });
});

describe('largestComponent3d', () => {
  it('keeps the larger of two bodies, through slices', () => {
    const mask = new Uint8Array(2 * 2 * 5);
    for (const index of [0, 1, 4, 14]) mask[index] = 1; // 0,1 together; 4 and 14 are one column in two slices
    mask[9] = 1; // third voxel of the second body
    const kept = largestComponent3d(mask, 2, 2, 5);
    expect([...kept.keys()].filter((index) => kept[index])).toEqual([4, 9, 14]);
  });

  it('keeps the first in raster order of two equal bodies, as the reference does', () => {
    expect([...largestComponent3d(Uint8Array.of(1, 1, 0, 1, 1), 1, 1, 5)]).toEqual([1, 1, 0, 0, 0]);
  });

  it('gives an empty mask for an empty mask', () => {
    expect([...largestComponent3d(new Uint8Array(8), 2, 2, 2)]).toEqual(new Array(8).fill(0));
  });

  it('refuses a mask that is not of the stated size', () => {
    expect(() => largestComponent3d(new Uint8Array(7), 2, 2, 2)).toThrow(RangeError);
  });
});

describe('fillHoles2d', () => {
  const ring = Float32Array.of(5, 5, 5, 5, 5, -1, -2, 5, 5, 5, 5, 5, 5, 5, 5, 5);

  it('fills a hole that is small enough, and leaves the input as it was', () => {
    const filled = fillHoles2d(ring, 4, 2);
    expect(filled[5]).toBeCloseTo(0.1, 6);
    expect(filled[6]).toBeCloseTo(0.1, 6);
    expect(ring[5]).toBe(-1);
  });

  it('leaves a hole that is larger than the limit', () => {
    expect(fillHoles2d(ring, 4, 1)).toBe(ring);
  });

  it('counts a logit of exactly zero as background, and diagonal pixels as one hole', () => {
    const map = Float32Array.of(0, 3, 3, 0);
    expect([...fillHoles2d(map, 2, 1)]).toEqual([0, 3, 3, 0]);
    expect(fillHoles2d(map, 2, 2)[0]).toBeCloseTo(0.1, 6);
  });

  (python ? it : it.skip)('equals the rule written with scipy on random logits', () => {
    const random = new NumpyRandom(11);
    const maps = [4, 7, 10, 12].map((density) =>
      Float32Array.from({ length: 32 * 32 }, () => (random.interval(15) < density ? 1 : -1)),
    );
    const expected = JSON.parse(
      runPython(
        python as string,
        `import sys, json, numpy as np
from scipy import ndimage
out = []
for flat in json.load(sys.stdin):
    logits = np.array(flat, dtype=np.float32).reshape(32, 32)
    labels, _ = ndimage.label(logits <= 0, np.ones((3, 3)))
    areas = np.bincount(labels.ravel())
    hole = (labels > 0) & (areas[labels] <= 8)
    out.append(np.where(hole, np.float32(0.1), logits).ravel().tolist())
print(json.dumps(out))`,
        JSON.stringify(maps.map((map) => [...map])),
      ),
    ) as number[][];
    maps.forEach((map, at) => expect([...fillHoles2d(map, 32, 8)]).toEqual(expected[at]));
    expect(expected.some((map) => map.some((logit) => logit > 0 && logit < 1))).toBe(true);
  });
});

function inside(x: number, y: number, side: number): boolean {
  return x >= 0 && y >= 0 && x < side && y < side;
}

function renumbered(labels: readonly number[]): number[] {
  const numbers = new Map<number, number>([[0, 0]]);
  return labels.map((label) => {
    if (!numbers.has(label)) numbers.set(label, numbers.size);
    return numbers.get(label) as number;
  });
}
