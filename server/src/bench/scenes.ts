import { pixelGrid } from '../imaging/geometry.js';
import type { Volume } from '../imaging/volume.js';

/**
 * A CT-like volume made on the spot: a bright ellipsoid in textured surroundings.
 * @returns voxels [slice][row][column] in Hounsfield units, held once
 */
export function benchmarkVolume(slices: number, rows = 512, columns = 512): Volume {
  const voxels = new Int16Array(slices * rows * columns);
  for (let k = 0; k < slices; k++) {
    const size = 0.16 * (1 - 1.2 * Math.abs(k / slices - 0.5));
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const inside = ((x / columns - 0.45) / size) ** 2 + ((y / rows - 0.5) / (0.8 * size)) ** 2;
        const texture = ((x * 7 + y * 13 + k * 5) % 90) - 45;
        voxels[(k * rows + y) * columns + x] = (inside < 1 ? 120 : 0) + texture;
      }
    }
  }
  return {
    voxels,
    channels: 1,
    geometry: { ...pixelGrid(columns, rows, slices), spacing: [0.7, 0.7, 2.5] },
    kind: 'stack',
    modality: 'CT',
    findings: [],
  };
}

/** The ellipse on the middle slice of `benchmarkVolume`: [row][column], 0 or 1. */
export function benchmarkMask(rows = 512, columns = 512): Uint8Array {
  return Uint8Array.from({ length: rows * columns }, (_, i) => {
    const x = (i % columns) / columns - 0.45;
    const y = Math.floor(i / columns) / rows - 0.5;
    return (x / 0.16) ** 2 + (y / 0.128) ** 2 < 1 ? 1 : 0;
  });
}

/** The box around the ellipsoid of `benchmarkVolume` on its middle slice, in pixels. */
export function benchmarkBox(rows = 512, columns = 512): [number, number, number, number] {
  return [0.28, 0.36, 0.62, 0.64].map((part, i) => Math.round(part * (i % 2 === 0 ? columns : rows))) as [
    number,
    number,
    number,
    number,
  ];
}
