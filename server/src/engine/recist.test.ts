import { UserError } from '@medsam2/models';
import { runPython, testPython } from '@medsam2/models/testing';
import { NumpyRandom } from './numpy-random.js';
import { bresenham, linePixels, recistPrompt, simulateRecist } from './recist.js';
import type { RecistMode } from './types.js';

const python = testPython();
const slice = { columns: 64, rows: 48 };
const line = bresenham({ x: 10, y: 8 }, { x: 21, y: 15 });

describe('recistPrompt', () => {
  it('makes a square of half a diameter around the middle', () => {
    // diameter = hypot(11, 7) = 13.04, half = 6; middle (15.5, 11.5) truncated
    expect(recistPrompt(line, 'box', slice)).toEqual({ kind: 'box', box: [9, 5, 21, 17] });
  });

  it('adds the shift and clamps to the slice', () => {
    expect(recistPrompt(line, 'box', { ...slice, shift: 100 })).toEqual({ kind: 'box', box: [0, 0, 63, 47] });
  });

  it('takes first and last pixel in row-major order, whatever order the pixels come in', () => {
    const points = recistPrompt([...line].reverse(), 'three-points', slice);
    expect(points).toEqual({
      kind: 'points',
      points: [
        { x: 15.5, y: 11.5, label: 1 },
        { x: 10, y: 8, label: 1 },
        { x: 21, y: 15, label: 1 },
      ],
    });
  });

  it('draws the same five pixels for the same line each time, all on the line', () => {
    const first = recistPrompt(line, 'points', slice);
    expect(recistPrompt(line, 'points', slice)).toEqual(first);
    if (first.kind !== 'points') throw new Error('expected points');
    const drawn = first.points.map(({ x, y }) => `${x},${y}`);
    expect(new Set(drawn).size).toBe(5);
    expect(line.map(({ x, y }) => `${x},${y}`)).toEqual(expect.arrayContaining(drawn));
  });

  it('goes on with a generator that is handed in', () => {
    const random = new NumpyRandom(2024);
    const first = recistPrompt(line, 'points', { ...slice, random });
    expect(recistPrompt(line, 'points', { ...slice, random })).not.toEqual(first);
  });

  it.each([
    ['recist-line-empty', [], 'box'],
    ['recist-line-short', line.slice(0, 4), 'points'],
    ['recist-line-short', line.slice(0, 1), 'three-points'],
    ['recist-line-outside', [{ x: 64, y: 3 }], 'box'],
    ['recist-line-outside', [{ x: 1.5, y: 3 }], 'box'],
  ] as const)('refuses with %s', (code, pixels, mode) => {
    expect(() => recistPrompt(pixels, mode, slice)).toThrow(
      expect.objectContaining({ name: 'UserError', code }) as UserError,
    );
  });

  (python ? it : it.skip)('equals the rules written with numpy, draws included', () => {
    const ends = new NumpyRandom(3);
    const lines = Array.from({ length: 60 }, () => {
      const end = (): { x: number; y: number } => ({ x: ends.interval(63), y: ends.interval(47) });
      return bresenham(end(), end());
    }).filter((pixels) => pixels.length >= 5);
    const modes: RecistMode[] = ['box', 'points', 'center', 'three-points', 'box-grid'];
    const expected = JSON.parse(
      runPython(
        python as string,
        `import sys, json, numpy as np
np.random.seed(2024)
out = []
for pixels in json.load(sys.stdin):
    image = np.zeros((48, 64), np.uint8)
    for p in pixels: image[p["y"], p["x"]] = 3
    ys, xs = np.where(image > 0)
    xy = np.stack([xs, ys], 1)
    a, b = xy[0], xy[-1]
    middle = (a + b) / 2
    half = int(np.linalg.norm(a - b) / 2)
    (cx, cy) = middle.astype(int)
    box = [max(0, cx - half - 2), max(0, cy - half - 2), min(63, cx + half + 2), min(47, cy + half + 2)]
    gx, gy = np.meshgrid(np.linspace(box[0], box[2], 3, dtype=int), np.linspace(box[1], box[3], 3, dtype=int))
    out.append({
        "box": [int(v) for v in box],
        "points": xy[np.random.choice(len(xy), size=5, replace=False)].tolist(),
        "center": [middle.astype(np.float32).tolist()],
        "three-points": [middle.tolist(), a.tolist(), b.tolist()],
        "box-grid": np.stack([gx.ravel(), gy.ravel()], 1)[:9].tolist()})
print(json.dumps(out))`,
        JSON.stringify(lines),
      ),
    ) as Record<RecistMode, unknown>[];
    const random = new NumpyRandom(2024);
    lines.forEach((pixels, at) => {
      for (const mode of modes) {
        const prompt = recistPrompt(pixels, mode, { ...slice, shift: 2, random });
        expect(prompt.kind === 'box' ? prompt.box : prompt.points.map(({ x, y }) => [x, y])).toEqual(
          expected[at][mode],
        );
      }
    });
  });
});

describe('NumpyRandom', () => {
  (python ? it : it.skip)('gives the bits of numpy over several refills', () => {
    const expected = JSON.parse(
      runPython(
        python as string,
        `import json, numpy as np
r = np.random.RandomState(12345)
print(json.dumps(r.randint(0, 2**32, 2000, dtype=np.uint32).tolist()))`,
      ),
    ) as number[];
    const random = new NumpyRandom(12345);
    expect(expected.map(() => random.nextUint32())).toEqual(expected);
  });

  it.each([-1, 1.5, 2 ** 32])('refuses seed %s', (seed) => {
    expect(() => new NumpyRandom(seed)).toThrow(RangeError);
  });
});

describe('simulateRecist', () => {
  const paint = (rows: number, columns: number, inside: (x: number, y: number) => boolean): Uint8Array =>
    Uint8Array.from({ length: rows * columns }, (_, at) => (inside(at % columns, Math.floor(at / columns)) ? 1 : 0));

  it('finds the long axis of an ellipse', () => {
    const mask = paint(60, 80, (x, y) => ((x - 40) / 30) ** 2 + ((y - 30) / 12) ** 2 <= 1);
    const recist = simulateRecist(mask, 60, 80);
    expect(recist?.diameter).toBe(60);
    expect(recist?.pixels[0]).toEqual({ x: 10, y: 30 });
    expect(recist?.pixels).toHaveLength(61);
  });

  it('keeps the line inside a mask that bends', () => {
    // An L of two bars: the far ends are 39 apart each way, but no straight line joins them inside.
    const mask = paint(40, 40, (x, y) => x < 4 || y >= 36);
    const recist = simulateRecist(mask, 40, 40);
    expect(recist?.pixels.every(({ x, y }) => mask[y * 40 + x] === 1)).toBe(true);
    expect(recist?.diameter).toBeLessThan(45);
    expect(recist?.diameter).toBeGreaterThanOrEqual(39);
  });

  it('does not jump between two bodies', () => {
    const mask = paint(10, 30, (x) => x < 5 || x > 25);
    expect(simulateRecist(mask, 10, 30)?.diameter).toBeCloseTo(Math.hypot(4, 9), 10);
  });

  it('gives one pixel for one pixel and nothing for nothing', () => {
    expect(
      simulateRecist(
        paint(5, 5, (x, y) => x === 2 && y === 3),
        5,
        5,
      ),
    ).toEqual({
      pixels: [{ x: 2, y: 3 }],
      diameter: 0,
    });
    expect(simulateRecist(new Uint8Array(25), 5, 5)).toBeUndefined();
  });

  it('draws a line that gives a box around most of the lesion', () => {
    const mask = paint(50, 50, (x, y) => (x - 22) ** 2 + (y - 27) ** 2 <= 81);
    const recist = simulateRecist(mask, 50, 50);
    const prompt = recistPrompt(recist?.pixels ?? [], 'box', { columns: 50, rows: 50 });
    expect(prompt).toEqual({ kind: 'box', box: [13, 18, 31, 36] });
  });
});

describe('linePixels', () => {
  it('lists the pixels of one label in row-major order', () => {
    expect(linePixels(Uint8Array.of(0, 2, 1, 2, 0, 2), 3, 2)).toEqual([
      { x: 1, y: 0 },
      { x: 0, y: 1 },
      { x: 2, y: 1 },
    ]);
  });
});
