import { column, cross, dot, fromColumns, normalise, norm, type Affine } from '../geometry.js';
import type { Finding, GridGeometry } from '../volume.js';

/**
 * Gives a single slice that states no slice step (2-D files) one of 1 mm along its normal, so that it has a grid.
 * Other grids are returned as they are.
 */
export function singleSliceAffine(size: { slices: number }, affine: Affine): Affine {
  const step = column(affine.linear, 2);
  if (size.slices !== 1 || norm(step) > 0) return affine;
  const [u, v] = [column(affine.linear, 0), column(affine.linear, 1)];
  const normal = normalise(cross(u, v));
  return normal ? { linear: fromColumns(u, v, normal), origin: affine.origin } : affine;
}

/** One `sheared-grid` finding when the axes are not at right angles (beyond 0.1 degrees), as with a tilted gantry. */
export function shearFindings({ direction }: GridGeometry): Finding[] {
  const [u, v, w] = [column(direction, 0), column(direction, 1), column(direction, 2)];
  const cosine = Math.max(Math.abs(dot(u, v)), Math.abs(dot(u, w)), Math.abs(dot(v, w)));
  if (cosine < Math.sin((0.1 * Math.PI) / 180)) return [];
  const degrees = (Math.asin(Math.min(1, cosine)) * 180) / Math.PI;
  return [
    {
      code: 'sheared-grid',
      severity: 'warn',
      message: `The axes of the image are not at right angles (${degrees.toFixed(1)} degrees off); not every viewer shows such grids correctly.`,
    },
  ];
}
