import { runPython, testPython } from '@medsam2/models/testing';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resizeAntialiased, resizeBicubic, resizeBilinear } from './resize.js';
import { TestRandom } from './testing/random.js';

describe('resizeBicubic', () => {
  const row = Uint8Array.from([0, 50, 100, 200, 255, 0, 10, 20]);

  it.each([
    [12, [0, 21, 58, 89, 150, 215, 255, 130, 0, 5, 16, 21]],
    [5, [15, 101, 232, 41, 11]],
  ])("gives the specification's golden row of %d pixels, in either axis", (size, expected) => {
    expect([...resizeBicubic(row, 1, 8, 1, 1, size)]).toEqual(expected);
    expect([...resizeBicubic(row, 8, 1, 1, size, 1)]).toEqual(expected);
  });

  it('gives the image itself when no size changes', () => {
    expect(resizeBicubic(row, 2, 4, 1, 2, 4)).toBe(row);
  });

  it('keeps the channels of a colour image apart', () => {
    const random = new TestRandom(3);
    const image = random.bytes(9 * 7 * 3);
    const resized = resizeBicubic(image, 9, 7, 3, 4, 11);
    for (let channel = 0; channel < 3; channel++) {
      const plane = image.filter((_, index) => index % 3 === channel);
      expect(resized.filter((_, index) => index % 3 === channel)).toEqual(resizeBicubic(plane, 9, 7, 1, 4, 11));
    }
  });
});

describe('resizeBilinear', () => {
  it("gives the specification's golden row", () => {
    const expected = [0, 0.5, 1.166667, 1.833333, 2.5, 3];
    const row = Float32Array.from([0, 1, 2, 3]);
    for (const resized of [resizeBilinear(row, 1, 4, 1, 6), resizeBilinear(row, 4, 1, 6, 1)]) {
      expected.forEach((value, index) => expect(resized[index]).toBeCloseTo(value, 6));
    }
  });

  it('spreads a single pixel', () => {
    expect([...resizeBilinear(Float32Array.from([-1024]), 1, 1, 2, 3)]).toEqual(new Array(6).fill(-1024));
  });
});

describe('resizeAntialiased', () => {
  it('weighs eight pixels when it quarters, fewer at the borders', () => {
    // The weights of output 1 of 512 -> 128 (specification section 3.4).
    const weights = Array.from({ length: 16 }, (_, pixel) => {
      const impulse = new Float32Array(16);
      impulse[pixel] = 32;
      return resizeAntialiased(impulse, 1, 16, 1, 4)[1];
    });
    expect(weights).toEqual([0, 0, 1, 3, 5, 7, 7, 5, 3, 1, 0, 0, 0, 0, 0, 0]);
    const ones = resizeAntialiased(new Float32Array(16).fill(1), 1, 16, 1, 4);
    ones.forEach((value) => expect(value).toBeCloseTo(1, 6));
  });
});

/** One array for Python to resize, [rows][columns] or [rows][columns][channels]. */
interface Case<T> {
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  readonly outRows: number;
  readonly outColumns: number;
  readonly values: T;
}

const python = testPython();

/** Runs a script over all cases at once; it reads `cases` and `values` and appends its answers to `answers`. */
function answers(script: string, cases: readonly Case<Uint8Array | Float32Array>[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'medsam2-resize-'));
  try {
    const bytes = cases.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    writeFileSync(join(folder, 'values'), Buffer.concat(bytes));
    const sizes = cases.map(({ rows, columns, channels, outRows, outColumns }) => ({
      rows,
      columns,
      channels,
      outRows,
      outColumns,
    }));
    const prologue = `import json, sys; cases, folder = json.load(sys.stdin); answers = open(folder + '/answers', 'wb')\n`;
    runPython(python ?? '', prologue + script, JSON.stringify([sizes, folder]));
    return readFileSync(join(folder, 'answers'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const pillow = `
import numpy as np
from PIL import Image
values, at = np.fromfile(folder + '/values', np.uint8), 0
for c in cases:
    shape = (c['rows'], c['columns']) if c['channels'] == 1 else (c['rows'], c['columns'], 3)
    count = int(np.prod(shape))
    image = Image.fromarray(values[at:at + count].reshape(shape))
    assert image.mode == ('L' if c['channels'] == 1 else 'RGB')
    answers.write(np.asarray(image.resize((c['outColumns'], c['outRows']))).tobytes())
    at += count
`;

const torch = (antialias: boolean) => `
import numpy as np, torch
values, at = np.fromfile(folder + '/values', np.float32), 0
for c in cases:
    count = c['rows'] * c['columns']
    image = torch.from_numpy(values[at:at + count].copy()).reshape(1, 1, c['rows'], c['columns'])
    size = (c['outRows'], c['outColumns'])
    out = torch.nn.functional.interpolate(image, size, mode='bilinear', align_corners=False, antialias=${antialias ? 'True' : 'False'})
    answers.write(out.numpy().astype(np.float32).tobytes())
    at += count
`;

(python === undefined ? describe.skip : describe)('against Pillow and torch', () => {
  it('resizes bicubically like Pillow, to the bit', () => {
    const random = new TestRandom(20);
    const fills: readonly ((count: number) => Uint8Array)[] = [
      (count) => random.bytes(count),
      (count) => random.bytes(count).map((value) => (value < 128 ? 0 : 255)),
      (count) => new Uint8Array(count).fill(random.whole(0, 255)),
      (count) => Uint8Array.from({ length: count }, (_, index) => (index * 7) & 255),
    ];
    const cases: Case<Uint8Array>[] = [];
    for (let index = 0; index < 96; index++) {
      const [rows, columns] = [random.size(1, 700), random.size(1, 700)];
      // Every third case leaves one axis alone, every sixth makes the model's input.
      const outRows = index % 6 === 0 ? 512 : index % 6 === 3 ? rows : random.size(1, 700);
      const outColumns = index % 6 === 0 ? 512 : random.size(1, 700);
      const channels = index % 2 === 0 ? 1 : 3;
      const values = fills[index % fills.length](rows * columns * channels);
      cases.push({ rows, columns, channels, outRows, outColumns, values });
    }
    const expected = answers(pillow, cases);
    let at = 0;
    for (const { rows, columns, channels, outRows, outColumns, values } of cases) {
      const ours = resizeBicubic(values, rows, columns, channels, outRows, outColumns);
      const same = Buffer.compare(ours, expected.subarray(at, at + ours.length)) === 0;
      expect([rows, columns, channels, outRows, outColumns, same]).toEqual([
        rows,
        columns,
        channels,
        outRows,
        outColumns,
        true,
      ]);
      at += ours.length;
    }
    expect(at).toBe(expected.length);
  });

  describe.each([
    ['resizeBilinear', resizeBilinear, false],
    ['resizeAntialiased', resizeAntialiased, true],
  ] as const)('%s', (_, resize, antialias) => {
    const axis = (random: TestRandom) => (random.whole(0, 7) === 0 ? 1 : random.size(1, 520));

    it('equals torch within 2e-6, axes of one pixel included', () => {
      const random = new TestRandom(21);
      const cases = Array.from({ length: 64 }, (): Case<Float32Array> => {
        const [rows, columns, outRows] = [axis(random), axis(random), axis(random)];
        // torch 2.13 answers an antialiased resize to a single column with zeros, so that there is nothing to compare with.
        const outColumns = antialias ? Math.max(2, axis(random)) : axis(random);
        return { rows, columns, channels: 1, outRows, outColumns, values: random.floats(rows * columns) };
      });
      expect(largestError(cases, resize, antialias)).toBeLessThan(2e-6);
    });
  });

  it('makes the same masks of masks, at any size', () => {
    const random = new TestRandom(22);
    const cases = Array.from({ length: 24 }, (): Case<Float32Array> => {
      const [rows, columns] = [random.size(2, 700), random.size(2, 700)];
      const [cx, cy, r] = [random.next() * columns, random.next() * rows, (0.1 + 0.5 * random.next()) * rows];
      const values = new Float32Array(rows * columns);
      values.forEach((__, i) => (values[i] = Math.hypot((i % columns) - cx, Math.floor(i / columns) - cy) < r ? 1 : 0));
      return { rows, columns, channels: 1, outRows: 512, outColumns: 512, values };
    });
    const expected = floats(answers(torch(true), cases));
    let different = 0;
    cases.forEach(({ rows, columns, outRows, outColumns, values }, index) => {
      const ours = resizeAntialiased(values, rows, columns, outRows, outColumns);
      const theirs = expected.subarray(index * ours.length, (index + 1) * ours.length);
      for (let i = 0; i < ours.length; i++) {
        if (ours[i] >= 0.5 !== theirs[i] >= 0.5) different++;
      }
    });
    expect(different).toBe(0);
  });

  function largestError(cases: readonly Case<Float32Array>[], resize: typeof resizeBilinear, antialias: boolean) {
    const expected = floats(answers(torch(antialias), cases));
    let at = 0;
    let largest = 0;
    for (const { rows, columns, outRows, outColumns, values } of cases) {
      for (const value of resize(values, rows, columns, outRows, outColumns)) {
        const error = Math.abs(value - expected[at++]);
        largest = error <= largest ? largest : error;
      }
    }
    expect(at).toBe(expected.length);
    return largest;
  }
});

function floats(bytes: Buffer): Float32Array {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
