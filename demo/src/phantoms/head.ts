/** A head with a bright lesion, as MR with contrast agent shows it. */
import { paint, type Grid, type Scene, type Shape } from './scene.js';

export const headGrid: Grid = { columns: 192, rows: 208, slices: 60, spacing: [1.1, 1.1, 2.5] };
/** by label, from 1 */
export const headNames = ['lesion', 'right ventricle', 'left ventricle'];

const anatomy: readonly Shape[] = [
  { centre: [0, 0, -12], radii: [84, 102, 96], value: 620 },
  { centre: [0, 0, -12], radii: [78, 96, 90], value: 60 },
  { centre: [0, 0, -12], radii: [72, 90, 84], value: 150 },
  { centre: [0, 0, -12], radii: [69, 87, 81], value: 330, uneven: 0.02 },
  { centre: [-32, 0, -6], radii: [25, 62, 50], value: 410, uneven: 0.06 },
  { centre: [32, 0, -6], radii: [25, 62, 50], value: 410, uneven: 0.06 },
  // the falx, eyes
  { centre: [0, 0, 30], radii: [1.5, 86, 40], value: 140 },
  { centre: [-32, -78, -58], radii: [13, 13, 13], value: 90 },
  { centre: [32, -78, -58], radii: [13, 13, 13], value: 90 },
  { centre: [-19, -8, 4], radii: [12, 30, 20], turn: -6, value: 90, label: 2 },
  { centre: [19, -8, 4], radii: [12, 30, 20], turn: 6, value: 90, label: 3 },
  { centre: [36, 30, 12], radii: [19, 22, 20], turn: 20, value: 820, label: 1, uneven: 0.05 },
];

/** Arbitrary units from 0; labels as `headNames`. */
export function paintHead(seed: number): Scene {
  return paint(headGrid, () => anatomy, { background: 8, noise: 16, seed, limits: [0, 4095] });
}
