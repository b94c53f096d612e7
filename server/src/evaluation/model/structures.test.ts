import { findStructures } from './structures.js';

const size = { slices: 4, rows: 20, columns: 30 };

/** Labels with boxes of a value: [label, slice, x0, y0, x1, y1], ends included. */
function labelsWith(...boxes: readonly (readonly [number, number, number, number, number, number])[]): Uint8Array {
  const labels = new Uint8Array(size.slices * size.rows * size.columns);
  for (const [label, slice, x0, y0, x1, y1] of boxes) {
    for (let y = y0; y <= y1; y++) {
      for (let x = x0; x <= x1; x++) labels[(slice * size.rows + y) * size.columns + x] = label;
    }
  }
  return labels;
}

describe('findStructures', () => {
  it('prompts the largest slice with the tight box', () => {
    const labels = labelsWith([2, 0, 3, 4, 9, 9], [2, 1, 2, 5, 12, 11], [2, 2, 3, 4, 9, 9]);
    const [structure, ...others] = findStructures(labels, new Map([[2, 'organ']]), size);
    expect(others).toEqual([]);
    expect(structure).toMatchObject({
      label: 2,
      name: 'organ',
      voxels: 42 + 77 + 42,
      slices: [0, 1, 2],
      key: 1,
      box: [2, 5, 12, 11],
      connected: true,
    });
    expect([...structure.truth]).toEqual([...labels].map((value) => (value === 2 ? 1 : 0)));
  });

  it('takes the first of equally large slices', () => {
    const labels = labelsWith([1, 1, 0, 0, 9, 9], [1, 2, 0, 0, 9, 9], [1, 3, 0, 0, 9, 9]);
    expect(findStructures(labels, new Map(), size)[0]).toMatchObject({ key: 1, name: 'label 1' });
  });

  it('leaves out what is on too few slices or has too few voxels', () => {
    const two = labelsWith([1, 0, 0, 0, 19, 19], [1, 1, 0, 0, 19, 19]);
    const tiny = labelsWith([1, 0, 0, 0, 4, 4], [1, 1, 0, 0, 4, 4], [1, 2, 0, 0, 4, 4]);
    expect(findStructures(two, new Map(), size)).toEqual([]);
    expect(findStructures(tiny, new Map(), size)).toEqual([]);
    expect(findStructures(tiny, new Map(), size, { leastVoxels: 75, leastSlices: 3 })).toHaveLength(1);
  });

  it('counts pieces that touch at a corner as one, and others as several', () => {
    const rest = [[1, 0, 0, 0, 5, 5], [1, 2, 0, 0, 5, 5]] as const; // prettier-ignore
    const touching = labelsWith(...rest, [1, 1, 0, 0, 5, 5], [1, 1, 6, 6, 9, 9]);
    const apart = labelsWith(...rest, [1, 1, 0, 0, 5, 5], [1, 1, 7, 7, 10, 10]);
    expect(findStructures(touching, new Map(), size)[0].connected).toBe(true);
    expect(findStructures(apart, new Map(), size)[0].connected).toBe(false);
  });
});
