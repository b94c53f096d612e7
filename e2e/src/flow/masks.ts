/** Questions about masks on the grid of a study's truth, [slice][row][column]. */
import { diceWith, type PhantomStudy, type Point } from '../support/index.js';

export type Plane = 'axial' | 'sagittal' | 'coronal';

type Voxel = readonly [column: number, row: number, slice: number];

/** One slice of a mask, shared with it. */
export function onSlice({ grid }: PhantomStudy, mask: Uint8Array, slice: number): Uint8Array {
  const area = grid.rows * grid.columns;
  return mask.subarray(slice * area, (slice + 1) * area);
}

export function slicesWith(study: PhantomStudy, mask: Uint8Array): number[] {
  return [...Array(study.grid.slices).keys()].filter((slice) => onSlice(study, mask, slice).includes(1));
}

/** Slices on which two masks are not the same. */
export function differing(study: PhantomStudy, one: Uint8Array, other: Uint8Array): number[] {
  return [...Array(study.grid.slices).keys()].filter(
    (slice) => Buffer.compare(onSlice(study, one, slice), onSlice(study, other, slice)) !== 0,
  );
}

/** Dice with the truth of a structure, of the volume or of one slice. */
export function agreement(study: PhantomStudy, mask: Uint8Array, label: number, slice?: number): number {
  return slice === undefined
    ? diceWith(mask, study.truth, label)
    : diceWith(onSlice(study, mask, slice), onSlice(study, study.truth, slice), label);
}

/** Where a voxel's centre is: LPS mm; on a clip, whose frames have no place in space, [column, row]. */
export function placeOf({ modality, grid, origin }: PhantomStudy, [column, row, slice]: Voxel): Point {
  if (modality === 'US') return [column, row];
  const [x, y, z] = grid.spacing;
  return [origin[0] + column * x, origin[1] + row * y, origin[2] + slice * z];
}

/** The nearest voxel to a place in LPS mm. */
export function voxelAt({ grid, origin }: PhantomStudy, place: readonly number[]): Voxel {
  const [column, row, slice] = place.map((value, axis) => Math.round((value - origin[axis]) / grid.spacing[axis]));
  return [column, row, slice];
}

const across: Readonly<Record<Plane, readonly [number, number]>> = { axial: [0, 1], sagittal: [1, 2], coronal: [0, 2] };

export interface Probes {
  readonly inside: readonly Voxel[];
  readonly outside: readonly Voxel[];
}

/**
 * Some voxels of a plane through `through` that lie well inside a mask, and some well outside but near it: so far from
 * its border that interpolation and outlines do not matter.
 *
 * @param avoid another mask, near which there are to be none
 */
export function probes(
  { grid }: PhantomStudy,
  mask: Uint8Array,
  plane: Plane,
  through: Voxel,
  { margin = 2, avoid }: { readonly margin?: number; readonly avoid?: Uint8Array } = {},
): Probes {
  const sizes = [grid.columns, grid.rows, grid.slices];
  const [first, second] = across[plane];
  const at = (values: Uint8Array, voxel: readonly number[]): number =>
    voxel.every((value, axis) => value >= 0 && value < sizes[axis])
      ? values[(voxel[2] * grid.rows + voxel[1]) * grid.columns + voxel[0]]
      : 0;
  const around = (values: Uint8Array, voxel: readonly number[], reach: number): number => {
    let count = 0;
    for (let a = -reach; a <= reach; a++) {
      for (let b = -reach; b <= reach; b++) {
        const other = [...voxel];
        other[first] += a;
        other[second] += b;
        count += at(values, other);
      }
    }
    return count;
  };
  const [inside, outside]: Voxel[][] = [[], []];
  for (let a = 4; a < sizes[first] - 4; a += 3) {
    for (let b = 4; b < sizes[second] - 4; b += 3) {
      const voxel: [number, number, number] = [...through];
      voxel[first] = a;
      voxel[second] = b;
      if (avoid !== undefined && around(avoid, voxel, margin) > 0) continue;
      const near = around(mask, voxel, margin);
      if (near === (2 * margin + 1) ** 2) inside.push(voxel);
      else if (near === 0 && around(mask, voxel, 2 * margin) > 0) outside.push(voxel);
    }
  }
  return { inside: spread(inside, 8), outside: spread(outside, 8) };
}

const spread = <T>(all: readonly T[], most: number): T[] =>
  all.length <= most ? [...all] : Array.from({ length: most }, (_, at) => all[Math.floor((at * all.length) / most)]);

/** The voxel of a set that lies deepest in it on its slice: where a person would click. */
export function deepest({ grid }: PhantomStudy, within: (column: number, row: number) => boolean): Point | undefined {
  let best: { readonly point: Point; readonly depth: number } | undefined;
  for (let row = 1; row < grid.rows - 1; row++) {
    for (let column = 1; column < grid.columns - 1; column++) {
      if (!within(column, row)) continue;
      let depth = 1;
      while (
        [-depth, 0, depth].every((a) => [-depth, 0, depth].every((b) => within(column + a, row + b))) &&
        depth < grid.rows
      )
        depth++;
      if (best === undefined || depth > best.depth) best = { point: [column, row], depth };
    }
  }
  return best?.point;
}
