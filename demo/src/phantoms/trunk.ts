/** A trunk as a CT shows it: smooth organs of even density, far simpler than a real one. */
import { paint, type Grid, type Scene, type Shape } from './scene.js';

export const trunkGrid: Grid = { columns: 224, rows: 176, slices: 72, spacing: [1.6, 1.6, 3] };
/** by label, from 1 */
export const trunkNames = ['liver', 'right kidney', 'left kidney', 'spleen', 'lesion'];

const through = 400;

const anatomy: readonly Shape[] = [
  // skin and fat, muscle, fat between the organs
  { centre: [0, 0, 0], radii: [166, 122, through], value: -100 },
  { centre: [0, 2, 0], radii: [151, 108, through], value: 50 },
  { centre: [0, -4, 0], radii: [140, 94, through], value: -95 },
  // lungs above the diaphragm
  { centre: [-68, 0, 118], radii: [64, 78, 34], value: -820 },
  { centre: [72, 0, 118], radii: [60, 78, 34], value: -820 },
  // spine with its canal, muscles beside it, aorta, vena cava
  { centre: [-38, 84, 0], radii: [28, 20, through], value: 55 },
  { centre: [38, 84, 0], radii: [28, 20, through], value: 55 },
  { centre: [0, 62, 0], radii: [24, 20, through], value: 260 },
  { centre: [0, 94, 0], radii: [8, 12, through], value: 380 },
  { centre: [0, 76, 0], radii: [8, 7, through], value: 20 },
  { centre: [8, 32, 0], radii: [11, 11, through], value: 200 },
  { centre: [-20, 28, 0], radii: [13, 10, through], value: 150 },
  // bowel with gas
  { centre: [30, -48, -70], radii: [34, 22, 32], value: 30 },
  { centre: [-40, -50, -84], radii: [30, 20, 26], value: 25 },
  { centre: [30, -58, -70], radii: [16, 8, 16], value: -700 },
  // organs
  { centre: [46, -36, 30], radii: [34, 28, 34], value: 25 },
  { centre: [-62, -12, 24], radii: [66, 66, 60], value: 115, label: 1, uneven: 0.03 },
  { centre: [-64, 42, -50], radii: [24, 30, 48], turn: -25, value: 185, label: 2, uneven: 0.03 },
  { centre: [62, 42, -40], radii: [24, 30, 50], turn: 25, value: 185, label: 3, uneven: 0.03 },
  { centre: [96, 18, 38], radii: [26, 46, 40], turn: 12, value: 125, label: 4, uneven: 0.02 },
  { centre: [-78, -22, 18], radii: [21, 19, 18], value: 25, label: 5, uneven: 0.04 },
];

/** Twelve pairs of ribs, each a row of bone along the wall, falling towards the front. */
function ribs(): Shape[] {
  const parts: Shape[] = [];
  for (let pair = 0; pair < 9; pair++) {
    for (let degrees = -10; degrees <= 80; degrees += 6) {
      const angle = (degrees * Math.PI) / 180;
      const height = 110 - 24 * pair - 0.35 * (80 - degrees);
      for (const side of [-1, 1])
        parts.push({
          centre: [side * 145 * Math.cos(angle), 101 * Math.sin(angle), height],
          radii: [9, 5, 5],
          turn: side * (degrees + 90),
          value: 320,
        });
    }
  }
  return parts;
}

/** Hounsfield units; labels as `trunkNames`. */
export function paintTrunk(seed: number): Scene {
  const shapes = [...anatomy.slice(0, 3), ...ribs(), ...anatomy.slice(3)];
  return paint(trunkGrid, () => shapes, { background: -1000, noise: 10, seed, limits: [-1024, 3071] });
}
