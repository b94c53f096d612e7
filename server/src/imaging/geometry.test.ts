import {
  cross,
  determinant,
  flipLpsRas,
  gridFromAffine,
  indexToWorld,
  indexToWorldAffine,
  invert,
  isRightHanded,
  isSameGrid,
  multiply,
  norm,
  normalise,
  pixelGrid,
  subtract,
  voxelCount,
  voxelVolume,
  worldToIndex,
  type Matrix3,
  type Vector3,
} from './geometry.js';
import type { GridGeometry } from './volume.js';

const angle = Math.PI / 6;
/** rotated by 30 degrees about z, slices running downwards: left-handed */
const oblique: GridGeometry = {
  columns: 7,
  rows: 5,
  slices: 3,
  spacing: [0.5, 0.8, 2.5],
  origin: [-10, 20, 30],
  direction: [Math.cos(angle), -Math.sin(angle), 0, Math.sin(angle), Math.cos(angle), 0, 0, 0, -1],
};
/** slices shifted along y, as with a tilted gantry */
const sheared: GridGeometry = { ...oblique, direction: [1, 0, 0, 0, 1, Math.sin(0.3), 0, 0, Math.cos(0.3)] };

describe('index <-> world', () => {
  it('places known voxels at hand-computed points', () => {
    expect(indexToWorld(oblique, [0, 0, 0])).toEqual([-10, 20, 30]);
    const [x, y, z] = indexToWorld(oblique, [2, 0, 4]);
    expect(x).toBeCloseTo(-10 + Math.cos(angle), 12);
    expect(y).toBeCloseTo(20 + Math.sin(angle), 12);
    expect(z).toBeCloseTo(20, 12);
  });

  it.each([
    ['oblique left-handed', oblique],
    ['sheared', sheared],
    ['pixels', pixelGrid(7, 5, 3)],
  ])('returns every index of a %s grid', (_name, grid) => {
    for (let k = 0; k < grid.slices; k++) {
      for (let j = 0; j < grid.rows; j++) {
        for (let i = 0; i < grid.columns; i++) {
          const back = worldToIndex(grid, indexToWorld(grid, [i, j, k]));
          expect(norm(subtract(back, [i, j, k]))).toBeLessThan(1e-12);
        }
      }
    }
  });

  it('reports handedness, voxel volume and size', () => {
    expect(isRightHanded(oblique)).toBe(false);
    expect(isRightHanded(pixelGrid(2, 2, 2))).toBe(true);
    expect(voxelVolume(oblique)).toBeCloseTo(0.5 * 0.8 * 2.5, 12);
    // a parallelepiped's volume is its base times its height, not the product of its edges
    expect(voxelVolume(sheared)).toBeCloseTo(0.5 * 0.8 * 2.5 * Math.cos(0.3), 12);
    expect(voxelCount(oblique)).toBe(105);
  });
});

describe('isSameGrid', () => {
  it('accepts differences below the tolerance at the far corner and refuses those above', () => {
    const near = { ...oblique, spacing: [0.5 + 1e-4, 0.8, 2.5] as Vector3 }; // 6 columns: 6e-4 mm
    expect(isSameGrid(oblique, near)).toBe(true);
    expect(isSameGrid(oblique, near, 5e-4)).toBe(false);
  });

  it('refuses another size, another origin and flipped slices', () => {
    expect(isSameGrid(oblique, { ...oblique, slices: 4 })).toBe(false);
    expect(isSameGrid(oblique, { ...oblique, origin: [-10, 20, 30.01] })).toBe(false);
    const flipped: GridGeometry = {
      ...oblique,
      origin: indexToWorld(oblique, [0, 0, oblique.slices - 1]),
      direction: oblique.direction.map((value, at) => (at % 3 === 2 ? -value : value)) as unknown as Matrix3,
    };
    expect(isSameGrid(oblique, flipped)).toBe(false);
  });
});

describe('gridFromAffine', () => {
  it('is the inverse of indexToWorldAffine', () => {
    const grid = gridFromAffine(oblique, indexToWorldAffine(oblique));
    expect(grid).toBeDefined();
    expect(isSameGrid(grid as GridGeometry, oblique, 1e-12)).toBe(true);
  });

  it('refuses degenerate steps', () => {
    expect(gridFromAffine(oblique, { linear: [1, 0, 0, 0, 1, 0, 0, 0, 0], origin: [0, 0, 0] })).toBeUndefined();
    expect(gridFromAffine(oblique, { linear: [1, 1, 0, 1, 1, 0, 0, 0, 1], origin: [0, 0, 0] })).toBeUndefined();
    expect(gridFromAffine(oblique, { linear: [1, 0, 0, 0, NaN, 0, 0, 0, 1], origin: [0, 0, 0] })).toBeUndefined();
    expect(gridFromAffine(oblique, { linear: [1, 0, 0, 0, 1, 0, 0, 0, 1], origin: [0, Infinity, 0] })).toBeUndefined();
  });
});

describe('3-vector maths', () => {
  it('inverts a matrix and refuses a singular one', () => {
    const m: Matrix3 = [2, 1, 0, -1, 3, 4, 0.5, 0, 1];
    const inverse = invert(m) as Matrix3;
    expect(norm(subtract(multiply(inverse, multiply(m, [3, -2, 7])), [3, -2, 7]))).toBeLessThan(1e-12);
    expect(determinant(m) * determinant(inverse)).toBeCloseTo(1, 12);
    expect(invert([1, 2, 3, 2, 4, 6, 0, 0, 1])).toBeUndefined();
  });

  it('crosses right-handed and normalises only what has a direction', () => {
    expect(cross([1, 0, 0], [0, 1, 0])).toEqual([0, 0, 1]);
    expect(normalise([0, 3, 4])).toEqual([0, 0.6, 0.8]);
    expect(normalise([0, 0, 0])).toBeUndefined();
  });

  it('turns RAS into LPS and back', () => {
    const affine = { linear: [1, 2, 3, 4, 5, 6, 7, 8, 9] as Matrix3, origin: [1, 2, 3] as Vector3 };
    expect(flipLpsRas(affine)).toEqual({ linear: [-1, -2, -3, -4, -5, -6, 7, 8, 9], origin: [-1, -2, 3] });
    expect(flipLpsRas(flipLpsRas(affine))).toEqual(affine);
  });
});
