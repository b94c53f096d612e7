import type { Box, ImageSource } from '../../engine/types.js';
import { ellipseBaseline, otsuThreshold, thresholdBaseline } from './baselines.js';
import { flatDice } from './scores.js';
import { findStructures, sliceOf, type Structure } from './structures.js';

const [rows, columns, slices] = [40, 50, 9];

/** Balls of a grey value on a background, and their labels. */
function balls(
  background: number,
  ...objects: readonly { centre: readonly [number, number, number]; radius: number; value: number }[]
): { source: ImageSource; labels: Uint8Array } {
  const images = new Uint8Array(slices * rows * columns).fill(background);
  const labels = new Uint8Array(images.length);
  objects.forEach(({ centre: [cx, cy, cz], radius, value }, object) => {
    for (let z = 0, at = 0; z < slices; z++) {
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++, at++) {
          if (Math.hypot(x - cx, y - cy, 2 * (z - cz)) > radius) continue;
          images[at] = value;
          labels[at] = object + 1;
        }
      }
    }
  });
  const image = (slice: number): Uint8Array => images.subarray(slice * rows * columns, (slice + 1) * rows * columns);
  return { source: { slices, rows, columns, channels: 1, image }, labels };
}

const only = (labels: Uint8Array, source: ImageSource): Structure => findStructures(labels, new Map(), source)[0];

describe('ellipseBaseline', () => {
  it('fills the box of a disc as the disc, on every slice of the true extent and no other', () => {
    const { source, labels } = balls(10, { centre: [20, 18, 4], radius: 7.4, value: 200 });
    const structure = only(labels, source);
    const mask = ellipseBaseline(source, structure);
    const onKey = sliceOf(mask, structure.key, source);
    expect(flatDice(onKey, sliceOf(structure.truth, structure.key, source))).toBeGreaterThan(0.95);
    for (let slice = 0; slice < slices; slice++) {
      const expected = structure.slices.includes(slice) ? [...onKey] : new Array(onKey.length).fill(0);
      expect([...sliceOf(mask, slice, source)]).toEqual(expected);
    }
  });

  it('reaches all four sides of the box and leaves its corners out', () => {
    const { source } = balls(0);
    const box: Box = [4, 6, 12, 20];
    const mask = ellipseBaseline(source, { ...only(balls(0, { centre: [20, 18, 4], radius: 7, value: 1 }).labels, source), box, slices: [0] }); // prettier-ignore
    const at = (x: number, y: number): number => mask[y * columns + x];
    expect([at(4, 13), at(12, 13), at(8, 6), at(8, 20)]).toEqual([1, 1, 1, 1]);
    expect([at(4, 6), at(12, 6), at(4, 20), at(12, 20)]).toEqual([0, 0, 0, 0]);
  });
});

describe('otsuThreshold', () => {
  it('parts two groups of values', () => {
    const threshold = otsuThreshold(Uint8Array.from([10, 12, 11, 10, 90, 95, 92]));
    expect(threshold).toBeGreaterThanOrEqual(12);
    expect(threshold).toBeLessThan(90);
  });

  it('is the value itself where there is only one', () => {
    expect(otsuThreshold(Uint8Array.from([7, 7, 7]))).toBe(7);
  });
});

describe('thresholdBaseline', () => {
  it.each([
    ['bright', 20, 200],
    ['dark', 200, 20],
  ])('finds a %s ball exactly and stops at its ends', (_, background, value) => {
    const { source, labels } = balls(background, { centre: [20, 18, 4], radius: 7, value });
    const structure = only(labels, source);
    expect([...thresholdBaseline(source, structure)]).toEqual([...structure.truth]);
  });

  it('does not take a ball of the same value elsewhere', () => {
    const { source, labels } = balls(
      20,
      { centre: [14, 14, 4], radius: 6, value: 200 },
      { centre: [36, 28, 4], radius: 6, value: 200 },
    );
    const structure = only(labels, source);
    expect([...thresholdBaseline(source, structure)]).toEqual([...structure.truth]);
  });

  it('stays within the box and its margin where the next slice is all of one grey', () => {
    const { source, labels } = balls(20, { centre: [20, 18, 4], radius: 7, value: 200 });
    const structure = only(labels, source);
    const flooded: ImageSource = {
      ...source,
      image: (slice) => (slice === structure.key ? source.image(slice) : new Uint8Array(rows * columns).fill(200)),
    };
    const next = sliceOf(thresholdBaseline(flooded, structure), structure.key + 3, source);
    const [x0, y0, x1, y1] = structure.box;
    expect(next.reduce((sum, value) => sum + value, 0)).toBe((x1 - x0 + 5) * (y1 - y0 + 5));
  });

  it('sees colours by their luma', () => {
    const { source, labels } = balls(20, { centre: [20, 18, 4], radius: 7, value: 200 });
    const colour: ImageSource = {
      ...source,
      channels: 3,
      image: (slice) => Uint8Array.from([...source.image(slice)].flatMap((value) => [0, value, 0])),
    };
    const structure = only(labels, source);
    expect([...thresholdBaseline(colour, structure)]).toEqual([...structure.truth]);
  });

  it('finds nothing in a box without contrast that is darker than nothing', () => {
    const { source, labels } = balls(50, { centre: [20, 18, 4], radius: 7, value: 50 });
    const mask = thresholdBaseline(source, only(labels, source));
    expect(mask.includes(1)).toBe(false);
  });
});
