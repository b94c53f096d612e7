import { UserError } from '@medsam2/models';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Box } from '../engine/types.js';
import { numbers, wholeNumber } from './fields.js';
import { checkRows, groupBy, readCsv } from './table.js';
import { UniqueIds, type BatchCase, type CaseList, type ListProblem } from './types.js';

export interface DeepLesionOptions {
  /** DeepLesion_Dataset_Info.csv */
  readonly csv: string;
  /** folder of NIfTI volumes named `PPPPPP_SS_II_FFF-LLL.nii.gz` (patient, study, series, first and last slice) */
  readonly images: string;
  /**
   * How the boxes of the list relate to the volumes' pixels. `transposed`: x and y change places, right for the NIfTI
   * volumes made by the data set's own script, which stores slices transposed (specification section 3.4), and what the
   * research script always does. `as-listed`: x0,y0,x1,y1 of the slice as it is stored.
   */
  readonly boxes: 'transposed' | 'as-listed';
}

interface Lesion {
  readonly row: number;
  readonly series: string;
  readonly keySlice: number;
  readonly first: number;
  readonly last: number;
  readonly window: readonly [low: number, high: number];
  readonly box: readonly number[];
}

const COLUMNS = ['File_name', 'Key_slice_index', 'Slice_range', 'DICOM_windows', 'Bounding_boxes'];

const lesionRow = z
  .object({
    File_name: z.string().transform((value, context) => {
      const series = /^(\d{6}_\d{2}_\d{2})_\d{3}/.exec(value)?.[1];
      if (series !== undefined) return series;
      context.addIssue({ code: 'custom', message: 'A file name is like 000001_01_01_109.png.' });
      return z.NEVER;
    }),
    Key_slice_index: wholeNumber('The key slice', 0),
    Slice_range: numbers(2, 'The slice range'),
    DICOM_windows: numbers(2, 'The window'),
    Bounding_boxes: numbers(4, 'The box'),
  })
  .superRefine(({ Key_slice_index: key, Slice_range: [first, last], DICOM_windows: [low, high] }, context) => {
    if (key < first || key > last) {
      const message = `The key slice ${key} is not in the slice range ${first} to ${last}.`;
      context.addIssue({ code: 'custom', path: ['Key_slice_index'], message });
    }
    if (low >= high) {
      context.addIssue({ code: 'custom', path: ['DICOM_windows'], message: `The window ${low} to ${high} is empty.` });
    }
  });

/**
 * Reads DeepLesion cases: every lesion of the list whose volume is in the folder becomes a case of its own, as the
 * volumes' results would otherwise overwrite each other (specification sections 3.4, 3.5, 9.1).
 *
 * Slices of a volume count from the first slice of its name. The whole volume is segmented, with the lesion's own window.
 *
 * @throws UserError `list-not-found`, `list-columns`, `images-folder`
 */
export async function readDeepLesion({ csv, images, boxes }: DeepLesionOptions): Promise<CaseList> {
  const table = await readCsv(csv, COLUMNS);
  const checked = checkRows(csv, table.rows, lesionRow);
  const lesions = checked.rows.map(({ row, value }): Lesion => {
    const [low, high] = value.DICOM_windows;
    const [first, last] = value.Slice_range;
    const window = [low, high] as const;
    return {
      row,
      series: value.File_name,
      keySlice: value.Key_slice_index,
      first,
      last,
      window,
      box: value.Bounding_boxes,
    };
  });

  const byVolume = groupBy(lesions, ({ series, first, last }) => volumeKey(series, first, last));
  const problems: ListProblem[] = [...table.problems, ...checked.problems];
  const ids = new UniqueIds();
  const cases: BatchCase[] = [];
  let matched = 0;
  for (const file of await niftiFiles(images)) {
    const name = /^(\d{6}_\d{2}_\d{2}).*?_(\d{3})-(\d{3})/.exec(file);
    if (!name) {
      problems.push({ file: join(images, file), message: 'The name is not like 000001_03_01_088-108.nii.gz.' });
      continue;
    }
    const found = byVolume.get(volumeKey(name[1], Number(name[2]), Number(name[3]))) ?? [];
    if (found.length === 0)
      problems.push({ file: join(images, file), message: 'No row of the list is about this volume.' });
    matched += found.length;
    cases.push(...found.map((lesion) => lesionCase(lesion, images, file, boxes, ids)));
  }
  return { cases, problems, unmatchedRows: lesions.length - matched };
}

function lesionCase(
  lesion: Lesion,
  images: string,
  file: string,
  order: DeepLesionOptions['boxes'],
  ids: UniqueIds,
): BatchCase {
  const [low, high] = lesion.window;
  // The reference truncates each coordinate.
  const [a, b, c, d] = lesion.box.map(Math.trunc);
  const box: Box = order === 'transposed' ? [b, a, d, c] : [a, b, c, d];
  return {
    id: ids.take(`${file.replace(/\.nii(\.gz)?$/i, '')}_k${lesion.keySlice}_mask`),
    input: join(images, file),
    window: { kind: 'explicit', centre: (low + high) / 2, width: high - low },
    windowMode: 'data',
    objects: [{ label: 1, prompts: [{ kind: 'box', slice: lesion.keySlice - lesion.first, box }] }],
  };
}

const volumeKey = (series: string, first: number, last: number): string => `${series} ${first}-${last}`;

async function niftiFiles(folder: string): Promise<string[]> {
  try {
    const files = await readdir(folder);
    return files.filter((file) => /\.nii(\.gz)?$/i.test(file) && !file.startsWith('.')).sort();
  } catch (cause) {
    const remedy = 'Give the folder with the NIfTI volumes.';
    throw new UserError('images-folder', `${folder} cannot be read as a folder.`, remedy, { cause });
  }
}
