/** Volumes with boxes, generated and real, and how alike two label volumes are. */
import { sharedData } from '@medsam2/models/testing';
import { NpzArchive, openVolume, type Box } from '@medsam2/server';
import { makePhantom } from '@medsam2/server/testing';
import type { ClientVolume } from '@medsam2/slicer-bridge';
import { join } from 'node:path';

export interface Scene {
  readonly name: string;
  readonly volume: ClientVolume;
  readonly dtype: string;
  /** as the client sends them: unsorted, not clipped */
  readonly boxes: readonly (readonly number[])[];
  /** the same, sorted and clipped */
  readonly clean: readonly Box[];
  readonly start: number;
  readonly end: number;
  readonly slice: number;
}

/** Two objects; the second box is given from corner to corner the other way, and reaches over the edge. */
export function phantomScene(): Scene {
  const { volume, truth } = makePhantom({ columns: 72, rows: 64, slices: 10, seed: 7 });
  const { columns, rows, slices } = volume.geometry;
  const boxes = [1, 2].map((label) => boundsOf(Uint8Array.from(truth.labels), { columns, rows }, 5, label));
  const [x0, y0, x1, y1] = boxes[1];
  return {
    name: 'a phantom',
    volume: { slices, rows, columns, channels: 1, voxels: volume.voxels },
    dtype: '<i2',
    boxes: [boxes[0], [x1, y1, x0, y0]],
    clean: [boxes[0], [x0, y0, x1, y1]],
    // from head to foot, and beyond the volume
    start: 12,
    end: 1,
    slice: 5,
  };
}

export async function realScene(name: string, label: number, count: number): Promise<Scene | undefined> {
  const data = sharedData();
  if (data === undefined) return undefined;
  const { voxels, geometry } = await openVolume(join(data, name, 'dicom'));
  const { rows, columns } = geometry;
  const archive = await NpzArchive.open(join(data, name, 'gt.npz'));
  const truth = Uint8Array.from((await archive.read('gts')).values);
  archive.close();
  const area = rows * columns;
  const pixels = (slice: number): number =>
    truth.subarray(slice * area, (slice + 1) * area).reduce((sum, value) => sum + Number(value === label), 0);
  const largest = Array.from({ length: geometry.slices }, (_, slice) => slice).reduce((best, slice) =>
    pixels(slice) > pixels(best) ? slice : best,
  );
  const first = Math.max(0, Math.min(largest - (count >> 1), geometry.slices - count));
  const slice = largest - first;
  const box = boundsOf(truth.subarray(first * area), { rows, columns }, slice, label);
  const cut = voxels.slice(first * area, (first + count) * area);
  const dtype = { Int16Array: '<i2', Uint16Array: '<u2', Float32Array: '<f4' }[cut.constructor.name] ?? '';
  return {
    name,
    volume: { slices: count, rows, columns, channels: 1, voxels: cut },
    dtype,
    boxes: [box],
    clean: [box],
    start: Math.max(0, slice - 3),
    end: Math.min(count - 1, slice + 2),
    slice,
  };
}

function boundsOf(
  labels: Uint8Array,
  { rows, columns }: { rows: number; columns: number },
  slice: number,
  label: number,
): Box {
  const area = rows * columns;
  let [x0, y0, x1, y1] = [columns, rows, 0, 0];
  for (let i = 0; i < area; i++) {
    if (labels[slice * area + i] !== label) continue;
    const [x, y] = [i % columns, Math.floor(i / columns)];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  }
  return [Math.max(0, x0 - 2), Math.max(0, y0 - 2), Math.min(columns - 1, x1 + 2), Math.min(rows - 1, y1 + 2)];
}

export const dice = (a: Uint8Array, b: Uint8Array): number => {
  let [both, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    sum += Number(a[i] > 0) + Number(b[i] > 0);
    if (a[i] > 0 && a[i] === b[i]) both++;
  }
  return sum === 0 ? 1 : (2 * both) / sum;
};
