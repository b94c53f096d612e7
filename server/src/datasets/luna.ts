import { UserError } from '@medsam2/models';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ObjectPrompts } from '../engine/types.js';
import { worldToIndex, type Vector3 } from '../imaging/geometry.js';
import type { Volume } from '../imaging/volume.js';
import { finiteNumber } from './fields.js';
import { checkRows, groupBy, readCsv } from './table.js';
import { UniqueIds, type BatchCase, type CaseList, type ListProblem } from './types.js';

export interface LunaOptions {
  /** columns SeriesInstanceUID, CoordX, CoordY, CoordZ (LPS mm) */
  readonly csv: string;
  /** folder of volumes named by series: `<SeriesInstanceUID>.mha` (or .mhd, .nii.gz, .nii, .nrrd) */
  readonly images: string;
}

const noduleRow = z.object({
  SeriesInstanceUID: z.string().regex(/^[0-9]+(\.[0-9]+)+$/, 'This is no DICOM UID.'),
  CoordX: finiteNumber('CoordX'),
  CoordY: finiteNumber('CoordY'),
  CoordZ: finiteNumber('CoordZ'),
});

const EXTENSION = /\.(mha|mhd|nii|nii\.gz|nrrd)$/i;

/**
 * Reads LUNA-style point lists: all points of a series become the objects 1, 2, 3 … of one case, each from one positive
 * point at its world coordinates, with the window of the LUNA25 script (specification sections 3.1, 9.1).
 *
 * @throws UserError `list-not-found`, `list-columns`, `images-folder`
 */
export async function readLuna({ csv, images }: LunaOptions): Promise<CaseList> {
  const table = await readCsv(csv, ['SeriesInstanceUID', 'CoordX', 'CoordY', 'CoordZ']);
  const checked = checkRows(csv, table.rows, noduleRow);
  const problems: ListProblem[] = [...table.problems, ...checked.problems];
  const files = await volumesBySeries(images);
  const incomplete = new Set(checked.bad.map(({ values }) => String(values.SeriesInstanceUID)));

  const ids = new UniqueIds();
  const cases: BatchCase[] = [];
  let unmatchedRows = 0;
  for (const [series, nodules] of groupBy(checked.rows, ({ value }) => value.SeriesInstanceUID)) {
    const file = files.get(series);
    if (file === undefined) {
      unmatchedRows += nodules.length;
      continue;
    }
    if (incomplete.has(series)) {
      problems.push({ file: csv, message: `Series ${series} is left out until all its rows are right.` });
      continue;
    }
    const worlds = nodules.map(({ value }): Vector3 => [value.CoordX, value.CoordY, value.CoordZ]);
    cases.push({
      id: ids.take(series),
      input: join(images, file),
      window: { kind: 'preset', name: 'luna25' },
      windowMode: 'data',
      fingerprint: JSON.stringify(worlds),
      objects: (volume) => Promise.resolve(worlds.map((world, at) => pointObject(volume, world, at + 1))),
    });
  }
  return { cases, problems, unmatchedRows };
}

/**
 * A positive point on the voxel that holds a world point (LPS mm), rounded as ITK's TransformPhysicalPointToIndex does.
 *
 * @throws UserError `point-outside-volume`
 */
export function pointObject(volume: Volume, world: Vector3, label: number): ObjectPrompts {
  const [x, y, slice] = worldToIndex(volume.geometry, world).map((index) => Math.floor(index + 0.5));
  const { columns, rows, slices } = volume.geometry;
  if (!(x >= 0 && y >= 0 && slice >= 0 && x < columns && y < rows && slice < slices)) {
    throw new UserError(
      'point-outside-volume',
      `Point ${label} of the list, (${world.join(', ')}) mm, lies at voxel (${x}, ${y}, ${slice}) of a volume of ${columns}x${rows}x${slices}.`,
      'Check that the list belongs to this volume and is in LPS millimetres, as ITK and DICOM use.',
    );
  }
  return { label, prompts: [{ kind: 'points', slice, points: [{ x, y, label: 1 }] }] };
}

async function volumesBySeries(folder: string): Promise<Map<string, string>> {
  try {
    const files = (await readdir(folder)).filter((file) => EXTENSION.test(file)).sort();
    return new Map(files.map((file) => [file.replace(EXTENSION, ''), file]));
  } catch (cause) {
    const remedy = 'Give the folder with the volumes.';
    throw new UserError('images-folder', `${folder} cannot be read as a folder.`, remedy, { cause });
  }
}
