import type { LabelMap, Volume } from '../imaging/volume.js';
import type { Box } from '../engine/types.js';

/** A structure of the example that can be segmented, and a prompt for it. */
export interface ExampleObject {
  readonly label: number;
  readonly name: string;
  /** the slice on which it is largest */
  readonly slice: number;
  /** around it on that slice, two pixels wider on each side, as a person draws it */
  readonly box: Box;
}

export interface Example {
  readonly volume: Volume & { readonly voxels: Int16Array };
  readonly truth: LabelMap;
  readonly objects: readonly ExampleObject[];
}

interface Ellipsoid {
  /** voxels: column, row, slice */
  readonly centre: readonly [number, number, number];
  readonly radii: readonly [number, number, number];
  /** Hounsfield units */
  readonly value: number;
  readonly label?: number;
}

const [columns, rows, slices] = [192, 148, 32];
const names = ['liver', 'kidney', 'lesion'];

/** Later ones over earlier ones: skin and fat, muscle, fat, then organs. */
const anatomy: readonly Ellipsoid[] = [
  { centre: [96, 74, 16], radii: [91, 67, 99], value: -95 },
  { centre: [96, 74, 16], radii: [83, 58, 99], value: 45 },
  { centre: [96, 72, 16], radii: [76, 50, 99], value: -85 },
  { centre: [64, 64, 17], radii: [42, 40, 18], value: 105, label: 1 },
  { centre: [145, 59, 19], radii: [17, 24, 14], value: 120 },
  { centre: [105, 47, 15], radii: [22, 14, 10], value: 35 },
  { centre: [96, 104, 16], radii: [15, 13, 99], value: 330 },
  { centre: [96, 123, 16], radii: [6, 8, 99], value: 420 },
  { centre: [96, 105, 16], radii: [5, 4, 99], value: 20 },
  { centre: [105, 83, 16], radii: [6, 6, 99], value: 190 },
  { centre: [88, 84, 16], radii: [7, 5, 99], value: 115 },
  { centre: [137, 97, 12], radii: [14, 17, 9], value: 165, label: 2 },
  { centre: [53, 95, 10], radii: [13, 16, 9], value: 165 },
  { centre: [56, 59, 16], radii: [11, 10, 6], value: 30, label: 3 },
];

/**
 * A made-up abdomen as a CT would show it, with the truth: smooth organs of even density with noise, far simpler than a real
 * one. The same bytes on every machine.
 */
export function makeExample(): Example {
  const geometry: Volume['geometry'] = {
    columns,
    rows,
    slices,
    spacing: [1.6, 1.6, 4],
    origin: [-153, -118, -62],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  };
  const voxels = new Int16Array(columns * rows * slices);
  const labels = new Uint8Array(voxels.length);
  const noise = uniform(1);
  for (let z = 0, at = 0; z < slices; z++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++, at++) {
        let value = -1000;
        for (const { centre, radii, value: inside, label = 0 } of anatomy) {
          const [dx, dy, dz] = [(x - centre[0]) / radii[0], (y - centre[1]) / radii[1], (z - centre[2]) / radii[2]];
          if (dx * dx + dy * dy + dz * dz > 1) continue;
          value = inside;
          labels[at] = label;
        }
        // Three uniform numbers are close to a bell curve: about 10 HU.
        voxels[at] = Math.round(value + 10 * (2 * (noise() + noise() + noise()) - 3));
      }
    }
  }
  return {
    volume: { voxels, channels: 1, geometry, kind: 'stack', modality: 'CT', findings: [] },
    truth: { labels, geometry },
    objects: names.map((name, index) => ({ label: index + 1, name, ...largest(labels, index + 1) })),
  };
}

function largest(labels: Uint8Array, label: number): { slice: number; box: Box } {
  const area = rows * columns;
  const count = (slice: number): number =>
    labels.subarray(slice * area, (slice + 1) * area).reduce((sum, value) => sum + (value === label ? 1 : 0), 0);
  let slice = 0;
  let most = -1;
  for (let z = 0; z < slices; z++) {
    const pixels = count(z);
    if (pixels > most) [slice, most] = [z, pixels];
  }
  let [x0, y0, x1, y1] = [columns, rows, 0, 0];
  for (let at = 0; at < area; at++) {
    if (labels[slice * area + at] !== label) continue;
    const x = at % columns;
    const y = (at - x) / columns;
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  }
  return { slice, box: [x0 - 2, y0 - 2, x1 + 2, y1 + 2] };
}

/** Numbers from 0 to 1 of a linear congruential generator (Numerical Recipes). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
