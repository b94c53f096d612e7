import { UserError } from '@medsam2/models';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { labelsOf } from '../evaluation/metrics.js';
import { linePixels } from '../engine/recist.js';
import type { ObjectPrompts, RecistMode } from '../engine/types.js';
import { readNpzLabels } from '../imaging/formats/npz.js';
import type { LabelMap, Volume } from '../imaging/volume.js';
import { UniqueIds, type CaseList } from './types.js';

export interface RecistOptions {
  /** how each line becomes a prompt; the research script's default is `points` */
  readonly mode: RecistMode;
  /** pixels added on each side of a derived box */
  readonly shift?: number;
}

/**
 * Cases of a folder of MedSAM2 npz files with RECIST lines (specification sections 3.4, 8.2, 9.1): one object per label
 * of the `recist` array. The lines are read when the case's turn comes.
 *
 * @throws UserError `images-folder` when the folder cannot be read or holds no npz file
 */
export async function readRecistCases(folder: string, options: RecistOptions): Promise<CaseList> {
  const files = await npzFiles(folder);
  const ids = new UniqueIds();
  const cases = files.map((file) => {
    const input = join(folder, file);
    return {
      id: ids.take(basename(file).replace(/\.npz$/i, '')),
      input,
      window: { kind: 'none' } as const,
      fingerprint: JSON.stringify(options),
      objects: async (volume: Volume) => recistObjects(await readNpzLabels(input, 'recist'), volume, options),
    };
  });
  return { cases, problems: [] };
}

/**
 * One RECIST prompt per label of a line array.
 *
 * @throws UserError `recist-shape` (not the size of the volume), `recist-none`, `recist-slices` (a label on several slices)
 */
export function recistObjects(lines: LabelMap, volume: Volume, { mode, shift }: RecistOptions): ObjectPrompts[] {
  const { slices, rows, columns } = lines.geometry;
  const { geometry } = volume;
  if (slices !== geometry.slices || rows !== geometry.rows || columns !== geometry.columns) {
    throw new UserError(
      'recist-shape',
      `The recist array has ${slices}x${rows}x${columns} values, the image ${geometry.slices}x${geometry.rows}x${geometry.columns}.`,
      'Save both arrays with the same shape.',
    );
  }
  const size = rows * columns;
  const slicesOfLabel = new Map<number, number[]>();
  for (let slice = 0; slice < slices; slice++) {
    for (const label of labelsOf(lines.labels.subarray(slice * size, (slice + 1) * size))) {
      slicesOfLabel.set(label, [...(slicesOfLabel.get(label) ?? []), slice]);
    }
  }
  if (slicesOfLabel.size === 0) {
    throw new UserError(
      'recist-none',
      'The recist array holds no line.',
      'Draw at least one line, or leave this file out.',
    );
  }
  return [...slicesOfLabel]
    .sort(([a], [b]) => a - b)
    .map(([label, on]) => {
      if (on.length > 1) {
        throw new UserError(
          'recist-slices',
          `The RECIST line with label ${label} is on slices ${on.slice(0, 5).join(', ')}; it must be on one.`,
          'Give each line a label of its own.',
        );
      }
      const [slice] = on;
      const pixels = linePixels(lines.labels.subarray(slice * size, (slice + 1) * size), columns, label);
      return { label, prompts: [{ kind: 'recist', slice, pixels, mode, shift }] };
    });
}

async function npzFiles(folder: string): Promise<string[]> {
  let files: string[];
  try {
    files = (await readdir(folder)).filter((file) => /\.npz$/i.test(file) && !file.startsWith('.')).sort();
  } catch (cause) {
    const remedy = 'Give the folder with the npz files.';
    throw new UserError('images-folder', `${folder} cannot be read as a folder.`, remedy, { cause });
  }
  if (files.length === 0) throw new UserError('images-folder', `${folder} holds no npz files.`, 'Give another folder.');
  return files;
}
