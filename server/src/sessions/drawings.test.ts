import { userError } from '@medsam2/models/testing/errors';
import type { Drawing } from '@medsam2/protocol';
import { encodeRuns, toBase64 } from '@medsam2/protocol/stream';
import { indexToWorld } from '../imaging/geometry.js';
import type { GridGeometry } from '../imaging/volume.js';
import { enginePrompt, placeDrawing, planeSize } from './drawings.js';
import { SessionGrid } from './grid.js';
import { innerPoints, samplePath, type PixelPoint } from './outline.js';

const tilt = (18 * Math.PI) / 180;
const geometries: Record<string, GridGeometry> = {
  axial: grid([1, 0, 0, 0, 1, 0, 0, 0, 1]),
  'turned about all axes': grid([0.36, 0.48, -0.8, -0.8, 0.6, 0, 0.48, 0.64, 0.6]),
  'with a tilted gantry': grid([1, 0, 0, 0, 1, Math.sin(tilt), 0, 0, Math.cos(tilt)]),
};

function grid(direction: GridGeometry['direction']): GridGeometry {
  return { columns: 30, rows: 20, slices: 8, spacing: [0.7, 0.9, 4], origin: [-12, 30, 5.5], direction };
}

const images = Array.from({ length: 8 }, (_, slice) => ({ sopInstanceUid: `1.2.${slice + 1}` }));
const plain = new SessionGrid(geometries.axial, images);
const ask = (drawing: Drawing, on = plain) => {
  const placed = placeDrawing(drawing, on);
  return enginePrompt(placed, planeSize(on, placed.plane));
};
const place = { slice: 2 };

describe('places', () => {
  it('are images of the source, or slices', () => {
    expect(plain.sliceAt({ sopInstanceUid: '1.2.4' })).toBe(3);
    expect(plain.sliceAt({ slice: 7 })).toBe(7);
  });

  it('name the only frame of an image or leave it out', () => {
    expect(plain.sliceAt({ sopInstanceUid: '1.2.4', frame: 1 })).toBe(3);
    const frames = new SessionGrid(
      geometries.axial,
      images.map((_, slice) => ({ sopInstanceUid: '1.2.9', frame: 8 - slice })),
    );
    expect(frames.sliceAt({ sopInstanceUid: '1.2.9', frame: 8 })).toBe(0);
    expect(frames.sliceAt({ sopInstanceUid: '1.2.9' })).toBe(7);
  });

  it.each([[{ sopInstanceUid: '1.2.99' }], [{ sopInstanceUid: '1.2.4', frame: 2 }], [{ slice: 8 }]])(
    'outside of the volume are refused: %j',
    async (wrong) => expect((await userError(() => plain.sliceAt(wrong))).code).toBe('image-not-found'),
  );
});

describe('drawings in pixels', () => {
  it('are boxes whichever corner was drawn first, cut to the image', () => {
    expect(ask({ kind: 'box', place, box: [25, 15, -4, 3] })).toEqual({ kind: 'box', slice: 2, box: [0, 3, 25, 15] });
  });

  it('that miss the image are refused', async () => {
    const box = await userError(() => ask({ kind: 'box', place, box: [31, 0, 40, 5] }));
    expect(box.code).toBe('box-outside');
    const line = await userError(() => ask({ kind: 'recist', place, line: [-9, -9, -3, -3] }));
    expect(line.code).toBe('line-outside');
  });

  it('are scribbles as a few points along them, whatever their label', () => {
    const path = Array.from({ length: 100 }, (_, i): [number, number] => [i / 4, 10]);
    const prompt = ask({ kind: 'scribble', place, path, label: 0 });
    if (prompt.kind !== 'points') throw new Error(prompt.kind);
    expect(prompt.points).toHaveLength(4);
    expect(prompt.points.at(0)).toEqual({ x: 0, y: 10, label: 0 });
    expect(prompt.points.at(-1)).toEqual({ x: 24.75, y: 10, label: 0 });
  });

  const square: [number, number][] = [
    [5, 5],
    [15, 5],
    [15, 15],
    [5, 15],
  ];

  it('are a lasso around the object as its box and its deepest point', () => {
    expect(ask({ kind: 'lasso', place, path: square, label: 1 })).toEqual({
      kind: 'box',
      slice: 2,
      box: [5, 5, 15, 15],
      points: [{ x: 10, y: 10, label: 1 }],
    });
  });

  it('are a lasso around something else as points inside of it', () => {
    const prompt = ask({ kind: 'lasso', place, path: square, label: 0 });
    if (prompt.kind !== 'points') throw new Error(prompt.kind);
    expect(prompt.points).toHaveLength(5);
    for (const { x, y, label } of prompt.points) {
      expect(label).toBe(0);
      expect(Math.min(x, y)).toBeGreaterThan(5);
      expect(Math.max(x, y)).toBeLessThan(15);
    }
  });

  it('are masks to the pixel, of the size of the slice', async () => {
    const mask = new Uint8Array(600).fill(1, 17, 40);
    const runs = toBase64(encodeRuns(mask));
    const prompt = ask({ kind: 'mask', place, mask: { rows: 20, columns: 30, runs } });
    expect(prompt).toEqual({ kind: 'mask', slice: 2, mask });
    for (const wrong of [
      { rows: 30, columns: 20, runs },
      { rows: 20, columns: 30, runs: toBase64(Uint8Array.of(250, 250, 3)) },
    ]) {
      const error = await userError(() => ask({ kind: 'mask', place, mask: wrong }));
      expect(error.code).toBe('mask-invalid');
    }
  });
});

describe.each(Object.entries(geometries))('drawings in space, %s', (name, geometry) => {
  const on = new SessionGrid(geometry, images);
  const world = (x: number, y: number, slice: number): [number, number, number] => [
    ...indexToWorld(geometry, [x, y, slice]),
  ];

  it('on an acquired slice are in its pixels', () => {
    const corners = [world(3, 4, 5), world(10, 4, 5), world(10, 12, 5), world(3, 12, 5)];
    const placed = placeDrawing({ kind: 'world-box', corners }, on);
    expect(placed).toMatchObject({ slice: 5, drawing: { kind: 'box' } });
    expect(placed.plane).toBeUndefined();
    const { drawing } = placed;
    if (drawing.kind !== 'box') throw new Error(drawing.kind);
    [3, 4, 10, 12].forEach((value, index) => expect(drawing.box[index]).toBeCloseTo(value, 6));
  });

  it('at any depth belong to the nearest slice', () => {
    const placed = placeDrawing({ kind: 'world-points', points: [{ at: world(3, 4, 5.4), label: 1 }] }, on);
    expect(placed.slice).toBe(5);
  });

  it('outside of the stack are refused', async () => {
    const at = world(3, 4, 7.7);
    const error = await userError(() => placeDrawing({ kind: 'world-points', points: [{ at, label: 1 }] }, on));
    expect(error.code).toBe('image-not-found');
  });

  if (name.startsWith('with')) return;

  it('across the stack are in pixels of the plane of one column or row', () => {
    const column = [world(7, 3, 1), world(7, 15, 1), world(7, 15, 6), world(7, 3, 6)];
    const placed = placeDrawing({ kind: 'world-box', corners: column }, on);
    expect(placed).toMatchObject({ slice: 7, plane: 'column' });
    expect(planeSize(on, placed.plane)).toEqual({ rows: 8, columns: 20 });
    const row = [world(3, 7, 1), world(15, 7, 1), world(9, 7, 6)];
    expect(placeDrawing({ kind: 'world-lasso', path: row, label: 1 }, on)).toMatchObject({ slice: 7, plane: 'row' });
  });

  it('on other planes are refused', async () => {
    const path = [world(3, 3, 1), world(15, 3, 1), world(15, 15, 6), world(3, 15, 6)];
    const error = await userError(() => placeDrawing({ kind: 'world-lasso', path, label: 1 }, on));
    expect(error.code).toBe('plane-oblique');
  });
});

it('uses the place of every slice where distances are not equal', () => {
  const heights = [0, 4, 8, 12, 19, 26, 33, 40];
  const positions = heights.map((height) => [-12, 30, 5.5 + height] as const);
  const on = new SessionGrid(geometries.axial, images, positions);
  const at = (z: number) =>
    placeDrawing({ kind: 'world-points', points: [{ at: [-12, 30, 5.5 + z], label: 1 }] }, on).slice;
  expect([0, 12, 15, 16, 19, 30, 40].map(at)).toEqual([0, 3, 3, 4, 4, 6, 7]);
});

describe('outlines', () => {
  it('give inner points that are inside, also of outlines that bend', () => {
    const bent: PixelPoint[] = [
      [2, 2],
      [20, 2],
      [20, 6],
      [6, 6],
      [6, 18],
      [2, 18],
    ];
    for (const [x, y] of innerPoints(bent, 5, { rows: 20, columns: 30 })) {
      expect(x <= 6 || y <= 6).toBe(true);
    }
  });

  it('give no point where they hold none', () => {
    expect(
      innerPoints(
        [
          [1.2, 1.2],
          [1.6, 1.2],
          [1.4, 1.6],
        ],
        3,
        { rows: 9, columns: 9 },
      ),
    ).toEqual([]);
  });

  it('are sampled at equal distances', () => {
    expect(
      samplePath(
        [
          [0, 0],
          [4, 0],
          [4, 4],
        ],
        3,
      ),
    ).toEqual([
      [0, 0],
      [4, 0],
      [4, 4],
    ]);
    expect(samplePath([[1, 1]], 3)).toEqual([[1, 1]]);
  });
});
