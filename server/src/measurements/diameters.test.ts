import { diametersOf, longAxisOf } from './diameters.js';

/** Mask from a drawing: '#' is set. */
function drawn(...lines: string[]): [Uint8Array, number, number] {
  const mask = Uint8Array.from(lines.join(''), (letter) => (letter === '#' ? 1 : 0));
  return [mask, lines.length, lines[0].length];
}

describe('diametersOf', () => {
  it('is undefined for an empty mask', () => {
    expect(diametersOf(...drawn('...', '...'), { x: 1, y: 1 })).toBeUndefined();
  });

  it('measures one pixel from corner to corner', () => {
    // across the diagonal of a rectangle a x b the widest extent is at its corners: a b / max(a, b) / cos(angle)
    const found = diametersOf(...drawn('...', '.#.', '...'), { x: 3, y: 4 });
    expect(found?.long).toBeCloseTo(5, 12);
    expect(found?.short).toBeCloseTo(3.75, 12);
  });

  it('respects different spacing of columns and rows', () => {
    const bar = drawn('####');
    expect(diametersOf(...bar, { x: 2, y: 0.5 })?.long).toBeCloseTo(Math.hypot(8, 0.5), 12);
    expect(diametersOf(...bar, { x: 0.5, y: 2 })?.long).toBeCloseTo(Math.hypot(2, 2), 12);
  });

  it('finds the perpendicular of a diamond', () => {
    const found = diametersOf(...drawn('..#..', '.###.', '#####', '.###.', '..#..'), { x: 1, y: 1 });
    expect(found?.long).toBeCloseTo(Math.hypot(5, 1), 12);
    expect(found?.short).toBeGreaterThan(4.9);
    expect(found?.short).toBeLessThanOrEqual(Math.hypot(5, 1));
  });

  it('measures the longest region, not the way from one to another', () => {
    const found = diametersOf(...drawn('##.....#', '........', '......##'), { x: 1, y: 1 });
    expect(found?.long).toBeCloseTo(Math.hypot(2, 1), 12);
  });

  it('takes pixels that touch at a corner for one region', () => {
    const found = diametersOf(...drawn('#..', '.#.', '..#'), { x: 1, y: 1 });
    expect(found?.long).toBeCloseTo(Math.hypot(3, 3), 12);
    expect(found?.short).toBeCloseTo(Math.SQRT2, 12);
  });

  it('spans holes and bays', () => {
    const ring = diametersOf(...drawn('#####', '#...#', '#...#', '#####'), { x: 1, y: 1 });
    const full = diametersOf(...drawn('#####', '#####', '#####', '#####'), { x: 1, y: 1 });
    expect(ring).toEqual(full);
  });

  it('does not depend on how the mask is turned', () => {
    const shape = ['..##....', '.#####..', '########', '..#####.', '....#...'];
    const turned = [...shape[0]].map((_, x) =>
      shape
        .map((line) => line[x])
        .reverse()
        .join(''),
    );
    const mirrored = shape.map((line) => [...line].reverse().join(''));
    const reference = diametersOf(...drawn(...shape), { x: 0.7, y: 0.7 });
    for (const other of [turned, mirrored]) {
      const found = diametersOf(...drawn(...other), { x: 0.7, y: 0.7 });
      expect(found?.long).toBeCloseTo(reference?.long ?? NaN, 10);
      expect(found?.short).toBeCloseTo(reference?.short ?? NaN, 10);
    }
  });

  it('leaves out regions that are too short to matter', () => {
    const mask = drawn('##', '##');
    expect(longAxisOf(...mask, { x: 1, y: 1 }, 3)).toBeUndefined();
    expect(longAxisOf(...mask, { x: 1, y: 1 }, 2.8)?.length).toBeCloseTo(Math.sqrt(8), 12);
  });

  it('is within a pixel of the truth for a disc and an ellipse', () => {
    const [rows, columns] = [120, 140];
    const [a, b] = [50, 30];
    const mask = new Uint8Array(rows * columns);
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        if (((x - 69.5) / a) ** 2 + ((y - 59.5) / b) ** 2 <= 1) mask[y * columns + x] = 1;
      }
    }
    const found = diametersOf(mask, rows, columns, { x: 0.5, y: 0.5 });
    expect(Math.abs((found?.long ?? 0) - a)).toBeLessThan(0.5);
    expect(Math.abs((found?.short ?? 0) - b)).toBeLessThan(0.5);
  });

  it('stays usable on noise: a checkerboard of 256 x 256 pixels', () => {
    const side = 256;
    const mask = Uint8Array.from({ length: side * side }, (_, i) => ((i % side) + Math.floor(i / side)) % 2);
    const found = diametersOf(mask, side, side, { x: 1, y: 1 });
    expect(found?.long).toBeCloseTo(Math.hypot(side, side), 6);
  });
});
