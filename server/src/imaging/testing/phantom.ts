import { indexToWorld, type Vector3 } from '../geometry.js';
import type { GridGeometry, LabelMap, Volume } from '../volume.js';

/** A small, fast generator with 32 bits of state (mulberry32): the same seed gives the same numbers on any machine. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export interface PhantomOptions {
  readonly seed?: number;
  readonly columns?: number;
  readonly rows?: number;
  readonly slices?: number;
  readonly spacing?: Vector3;
  readonly origin?: Vector3;
  readonly direction?: GridGeometry['direction'];
  /** number of labelled ellipsoids, 1..; label values are 1..objects */
  readonly objects?: number;
  /** amplitude of the uniform noise in HU; 0 for exact plateaus */
  readonly noise?: number;
}

export interface Ellipsoid {
  readonly label: number;
  /** (column, row, slice), fractions */
  readonly centre: Vector3;
  /** half axes in voxels along column, row, slice */
  readonly radii: Vector3;
  /** Hounsfield units */
  readonly value: number;
}

export interface Phantom {
  readonly volume: Volume;
  readonly truth: LabelMap;
  readonly ellipsoids: readonly Ellipsoid[];
}

/**
 * A CT-like volume (air -1000 HU, a body ellipse at 40 HU, bright ellipsoids at known places) with exact labels.
 *
 * Deterministic for equal options. Voxels are Int16Array [slice][row][column]; default 64 x 48 x 12, anisotropic
 * spacing 0.8 x 0.9 x 3 mm, axial. Later ellipsoids overwrite earlier ones in both image and labels.
 */
export function makePhantom(options: PhantomOptions = {}): Phantom {
  const { columns = 64, rows = 48, slices = 12, objects = 2, noise = 8 } = options;
  const random = seededRandom(options.seed ?? 1);
  const geometry: GridGeometry = {
    columns,
    rows,
    slices,
    spacing: options.spacing ?? [0.8, 0.9, 3],
    origin: options.origin ?? [-120.5, -80.25, 300.75],
    direction: options.direction ?? [1, 0, 0, 0, 1, 0, 0, 0, 1],
  };
  const between = (low: number, high: number): number => low + (high - low) * random();
  const ellipsoids = Array.from({ length: objects }, (_, index): Ellipsoid => ({
    label: index + 1,
    centre: [between(0.3, 0.7) * (columns - 1), between(0.3, 0.7) * (rows - 1), between(0.3, 0.7) * (slices - 1)],
    radii: [between(0.08, 0.18) * columns, between(0.08, 0.18) * rows, Math.max(0.6, between(0.15, 0.35) * slices)],
    value: Math.round(between(120, 900)),
  }));
  const voxels = new Int16Array(columns * rows * slices);
  const labels = new Uint8Array(voxels.length);
  let at = 0;
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++, at++) {
        const body = ((i / (columns - 1)) * 2 - 1) ** 2 + ((j / (rows - 1)) * 2 - 1) ** 2 <= 0.85;
        let value = body ? 40 : -1000;
        for (const ellipsoid of ellipsoids) {
          if (!contains(ellipsoid, i, j, k)) continue;
          value = ellipsoid.value;
          labels[at] = ellipsoid.label;
        }
        voxels[at] = value + Math.round((random() * 2 - 1) * noise);
      }
    }
  }
  return {
    volume: { voxels, channels: 1, geometry, kind: 'stack', modality: 'CT', findings: [] },
    truth: { labels, geometry },
    ellipsoids,
  };
}

/** Where an ellipsoid's centre lies in the patient, LPS mm. */
export const ellipsoidCentre = (phantom: Phantom, ellipsoid: Ellipsoid): Vector3 =>
  indexToWorld(phantom.volume.geometry, ellipsoid.centre);

function contains({ centre, radii }: Ellipsoid, i: number, j: number, k: number): boolean {
  return ((i - centre[0]) / radii[0]) ** 2 + ((j - centre[1]) / radii[1]) ** 2 + ((k - centre[2]) / radii[2]) ** 2 <= 1;
}
