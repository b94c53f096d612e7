/** A CT as long as is wanted, with one tube from its first to its last slice, so that a propagation passes all of them. */
import type { PhantomStudy } from '@medsam2/demo';
import { seededRandom, sliceElements, writeInstance } from '@medsam2/server/testing';

const root = '1.2.826.0.1.3680043.10.1561.6';

/** @param slices at least 1 @param size rows and columns */
export function longStudy(slices: number, size: number): PhantomStudy {
  const arc = `${root}.${slices}.${size}`;
  const area = size * size;
  const voxels = new Int16Array(area * slices);
  const truth = new Uint8Array(area * slices);
  const random = seededRandom(slices);
  const noise = Int8Array.from({ length: 65_521 }, () => Math.round(20 * (random() - 0.5)));
  const tube = (slice: number) => ({
    x: size * (0.45 + 0.05 * Math.sin(slice / 60)),
    y: size * (0.45 + 0.05 * Math.cos(slice / 70)),
    radius: size * (0.11 + 0.02 * Math.sin(slice / 25)),
  });
  for (let at = 0, slice = 0; slice < slices; slice++) {
    const { x, y, radius } = tube(slice);
    const jump = Math.floor(random() * noise.length);
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++, at++) {
        const inside = (column - x) ** 2 + (row - y) ** 2 <= radius ** 2;
        const body = (column / size - 0.5) ** 2 + (row / size - 0.5) ** 2 <= 0.2;
        voxels[at] = (inside ? 185 : body ? 40 : -1000) + noise[(at + jump) % noise.length];
        truth[at] = Number(inside);
      }
    }
  }
  const middle = Math.floor(slices / 2);
  const spacing = [0.8, 0.8, 1] as const;
  const origin = [-0.4 * size, -0.4 * size, -slices / 2] as const;
  const geometry = {
    columns: size,
    rows: size,
    slices,
    spacing,
    origin,
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] as const,
  };
  const identity = {
    patientName: 'PHANTOM^LONG',
    patientId: `PHANTOM-LONG-${slices}`,
    studyUid: `${arc}.1`,
    seriesUid: `${arc}.2`,
    frameOfReferenceUid: `${arc}.3`,
    seriesDescription: `CT phantom of ${slices} slices`,
  };
  const sopInstanceUids = Array.from({ length: slices }, (_, slice) => `${arc}.4.${slice + 1}`);
  return {
    name: 'ct',
    modality: 'CT',
    ...identity,
    grid: { columns: size, rows: size, slices, spacing },
    origin,
    truth,
    structures: [{ label: 1, name: 'tube', slice: middle, box: boxAt(tube(middle)) }],
    sopInstanceUids,
    instances: () =>
      sliceElements({ voxels, channels: 1, geometry, kind: 'stack', modality: 'CT', findings: [] }, slices).map(
        (elements, slice) =>
          writeInstance({
            ...elements,
            '00080018': { vr: 'UI', Value: [sopInstanceUids[slice]] },
            '00100010': { vr: 'PN', Value: [identity.patientName] },
            '00100020': { vr: 'LO', Value: [identity.patientId] },
            '0008103E': { vr: 'LO', Value: [identity.seriesDescription] },
            '0020000D': { vr: 'UI', Value: [identity.studyUid] },
            '0020000E': { vr: 'UI', Value: [identity.seriesUid] },
            '00200052': { vr: 'UI', Value: [identity.frameOfReferenceUid] },
          }),
      ),
  };
}

/** Around the truth on a slice, two pixels wider. @returns x0, y0, x1, y1 */
export function boxOn({ grid, truth }: PhantomStudy, slice: number): readonly [number, number, number, number] {
  const area = grid.rows * grid.columns;
  let [x0, y0, x1, y1] = [grid.columns, grid.rows, 0, 0];
  for (let at = 0; at < area; at++) {
    if (truth[slice * area + at] === 0) continue;
    const x = at % grid.columns;
    const y = (at - x) / grid.columns;
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  }
  return [x0 - 2, y0 - 2, x1 + 2, y1 + 2];
}

function boxAt({ x, y, radius }: { x: number; y: number; radius: number }): readonly [number, number, number, number] {
  return [Math.floor(x - radius) - 2, Math.floor(y - radius) - 2, Math.ceil(x + radius) + 2, Math.ceil(y + radius) + 2];
}
