import { column, cross, dot, normalise, voxelVolume, type Vector3 } from '../imaging/geometry.js';
import type { Volume } from '../imaging/volume.js';

/** What a pixel of each slice stands for in mm3, or why nothing can be said. */
export type PixelVolumes =
  | {
      /** mm3 of one pixel of a slice; `undefined` beside a gap of missing slices */
      readonly of: (slice: number) => number | undefined;
      /** what to tell about how it was measured */
      readonly remark?: string;
    }
  | { readonly of?: undefined; readonly remark: string };

/** A step this many times the usual one is a gap. */
const GAP = 1.5;

/**
 * How pixels become volume.
 *
 * Even stacks: every voxel counts as the cell of the grid, which is exact for tilted stacks too (pixel area times the
 * distance of slices along their normal). Uneven stacks: a pixel of a slice stands for the space up to half way to the
 * neighbouring slices, from their true positions; beside missing slices nothing is said.
 */
export function pixelVolumes(volume: Volume): PixelVolumes {
  const found = new Set(volume.findings.map(({ code }) => code));
  if (volume.kind === 'cine') return { remark: 'Frames in time have no volume.' };
  if (found.has('npz-no-spacing')) return { remark: 'The image states no spacing, so that no volume is known.' };
  if (volume.geometry.slices === 1) return { remark: 'A single slice has no volume.' };
  if (found.has('irregular-positions') || found.has('repeated-positions')) {
    return { remark: 'The slices form no common grid, so that no volume is known.' };
  }
  if (!found.has('nonuniform-spacing') && !found.has('missing-slices')) {
    const cell = voxelVolume(volume.geometry);
    return { of: () => cell };
  }
  const distances = distancesAlongNormal(volume);
  if (!distances) return { remark: 'Slice distances differ and the positions are not known.' };
  const { spacing } = volume.geometry;
  const thickness = slabs(distances, found.has('missing-slices'));
  return {
    of: (slice) => {
      const slab = thickness[slice];
      return slab === undefined ? undefined : slab * spacing[0] * spacing[1];
    },
    remark: 'Slice distances differ: each slice counts up to half way to its neighbours.',
  };
}

/** mm along the slice normal from the first slice, ascending. */
function distancesAlongNormal({ geometry, sliceSources }: Volume): number[] | undefined {
  const normal = normalise(cross(column(geometry.direction, 0), column(geometry.direction, 1)));
  const positions = sliceSources?.map(({ imagePosition }) => imagePosition?.map(Number) as Vector3 | undefined);
  if (!normal || !positions || positions.length < 2) return undefined;
  const along = positions.map((position) => (position ? dot(position, normal) : NaN));
  return along.every(Number.isFinite) ? along : undefined;
}

/** Millimetres that each slice stands for; the outermost ones reach as far out as in. */
function slabs(distances: readonly number[], gapsAreUnknown: boolean): (number | undefined)[] {
  const steps = distances.slice(1).map((distance, index) => distance - distances[index]);
  const usual = [...steps].sort((a, b) => a - b)[Math.floor((steps.length - 1) / 2)];
  return distances.map((_, slice) => {
    const before = steps[slice - 1] ?? steps[slice];
    const after = steps[slice] ?? steps[slice - 1];
    if (gapsAreUnknown && Math.max(before, after) > GAP * usual) return undefined;
    return (before + after) / 2;
  });
}
