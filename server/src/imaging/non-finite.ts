import { UserError } from '@medsam2/models';
import type { Finding, VoxelArray } from './volume.js';

/** Number of NaN and infinite voxels; 0 for integer arrays without looking. */
export function countNonFinite(voxels: VoxelArray): number {
  if (!(voxels instanceof Float32Array || voxels instanceof Float64Array)) return 0;
  let count = 0;
  // x - x is 0 for every finite x and NaN otherwise
  for (let i = 0; i < voxels.length; i++) if (voxels[i] - voxels[i] !== 0) count++;
  return count;
}

/**
 * What to tell about NaN and infinite voxels: nothing, or one `non-finite-voxels` finding. They stay in the array;
 * windowing treats them as the smallest finite value.
 *
 * @throws UserError `no-finite-voxels` when no voxel is a number
 */
export function nonFiniteFindings(voxels: VoxelArray): Finding[] {
  const count = countNonFinite(voxels);
  if (count === 0) return [];
  if (count === voxels.length) {
    throw new UserError(
      'no-finite-voxels',
      'Every voxel of the image is NaN or infinite.',
      'Export the image again; there is nothing to segment in this one.',
    );
  }
  return [
    {
      code: 'non-finite-voxels',
      severity: 'warn',
      message: `${count} of ${voxels.length} voxels are NaN or infinite; they are shown as the smallest finite value.`,
    },
  ];
}
