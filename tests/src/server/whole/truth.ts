import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readNpzLabels } from '@medsam2/server';
import type { SessionState } from '@medsam2/protocol';
import type { Task } from './journey.js';

/** The largest structure that is known exactly, on the grid of the series. */
export interface Truth {
  readonly task: Task;
  dice(mask: Uint8Array, slice: number): number;
}

/** What `gt.npz` of a folder says; undefined where there is none, or for another volume. */
export async function readTruth(folder: string, { volume }: SessionState): Promise<Truth | undefined> {
  const path = join(folder, 'gt.npz');
  if (volume === undefined || !existsSync(path)) return undefined;
  const { labels, geometry } = await readNpzLabels(path, 'gts');
  const { slices, rows, columns } = geometry;
  if (slices !== volume.slices || rows !== volume.rows || columns !== volume.columns) return undefined;
  const label = mostFrequent(labels);
  const size = rows * columns;
  const counts = Array.from({ length: slices }, (_, slice) => count(labels, label, slice * size, (slice + 1) * size));
  const slice = counts.indexOf(Math.max(...counts));
  let [x0, y0, x1, y1] = [columns, rows, 0, 0];
  for (let at = 0; at < size; at++) {
    if (labels[slice * size + at] !== label) continue;
    const [x, y] = [at % columns, Math.floor(at / columns)];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  }
  const range = { first: Math.max(0, slice - 1), last: Math.min(slices - 1, slice + 1) };
  return {
    task: { slice, box: [x0, y0, x1, y1], range },
    dice: (mask, at) => {
      let both = 0;
      for (let pixel = 0; pixel < size; pixel++) both += mask[pixel] & Number(labels[at * size + pixel] === label);
      return (2 * both) / (count(mask, 1, 0, size) + counts[at]);
    },
  };
}

function mostFrequent(labels: ArrayLike<number>): number {
  const counts = new Map<number, number>();
  for (let at = 0; at < labels.length; at++) {
    if (labels[at] > 0) counts.set(labels[at], (counts.get(labels[at]) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a)[0][0];
}

function count(values: ArrayLike<number>, wanted: number, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) if (values[at] === wanted) sum++;
  return sum;
}
