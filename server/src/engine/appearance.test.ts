import { Appearance, greyOf, type GreySlice } from './appearance.js';
import type { View } from './view.js';

const [rows, columns] = [12, 16];
const whole: View = { left: 0, top: 0, width: columns, height: rows };

/** A slice with a rectangle of one grey level on another; ends included. */
function slice(ground: number, level: number, [x0, y0, x1, y1] = [5, 4, 9, 8]): GreySlice {
  const pixels = new Uint8Array(rows * columns).fill(ground);
  for (let y = y0; y <= y1; y++) pixels.fill(level, y * columns + x0, y * columns + x1 + 1);
  return { rows, columns, pixels };
}

/** The pixels of a slice that have a grey level. */
const where = ({ pixels }: GreySlice, level: number): Uint8Array =>
  Uint8Array.from(pixels, (value) => (value === level ? 1 : 0));

function learnt(): Appearance {
  const appearance = new Appearance();
  const example = slice(40, 200);
  appearance.learn(example, where(example, 200));
  return appearance;
}

describe('Appearance', () => {
  it('knows the levels of the object from those around it, and nothing of levels never seen', () => {
    const { evidence } = learnt();
    expect(evidence[200]).toBe(2);
    expect(evidence[40]).toBe(-2);
    expect(evidence[190]).toBe(2); // near one that was seen
    expect(evidence[120]).toBe(0);
  });

  it('says nothing before it has seen an object, nor after an empty mask', () => {
    const appearance = new Appearance();
    appearance.learn(slice(40, 200), new Uint8Array(rows * columns));
    expect(new Set(appearance.evidence)).toEqual(new Set([0]));
  });

  it('looks no farther than 3 pixels around the object', () => {
    const appearance = new Appearance();
    const near = slice(90, 40, [2, 1, 12, 11]); // level 90 begins 4 pixels from the object
    const example = { ...near, pixels: near.pixels.slice() };
    for (let y = 4; y <= 8; y++) example.pixels.fill(200, y * columns + 5, y * columns + 10);
    appearance.learn(example, where(example, 200));
    expect(appearance.evidence[40]).toBe(-2);
    expect(appearance.evidence[90]).toBe(0);
  });

  it('is torn where objects of two prompted slices differ', () => {
    const appearance = learnt();
    const other = slice(200, 40);
    appearance.learn(other, where(other, 40));
    expect(appearance.evidence[200]).toBeCloseTo(0, 12);
  });

  it('tells a mask that shows the object from one that shows what was around it', () => {
    const appearance = learnt();
    const next = slice(40, 200, [6, 4, 10, 8]);
    const mask = where(next, 200);
    expect(appearance.likeness(next, whole, (at) => mask[at] === 1)).toBe(2);
    expect(appearance.likeness(next, whole, (at) => mask[at] === 0)).toBe(-2);
    // Four pixels of five, seen through a view that reaches beyond the image.
    const view: View = { left: 6, top: -3, width: 5, height: 8 };
    const inView = (at: number): boolean => at % 5 < 5 && Math.floor(at / 5) === 7 && at % 5 !== 4;
    expect(appearance.likeness(next, view, inView)).toBe(2);
    expect(appearance.likeness(next, view, (at) => at < 15)).toBeUndefined();
  });

  it('maps a view to the grid of the logits; beyond the image nothing belongs to the object', () => {
    const appearance = learnt();
    const map = appearance.map(slice(200, 200), { left: 8, top: 0, width: 16, height: 16 }, 16);
    expect([map[0], map[7], map[8]]).toEqual([2, 2, -2]);
    expect([map[11 * 16], map[12 * 16]]).toEqual([2, -2]);
    expect(appearance.map(slice(200, 200), whole, 8)).toHaveLength(64);
  });
});

describe('greyOf', () => {
  it('is the mean of the channels', () => {
    const grey = new Uint8Array([1, 2]);
    expect(greyOf(grey, 1)).toBe(grey);
    expect([...greyOf(new Uint8Array([0, 30, 60, 255, 255, 254]), 3)]).toEqual([30, 255]);
  });
});
