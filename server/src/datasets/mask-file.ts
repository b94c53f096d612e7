import { UserError } from '@medsam2/models';
import { basename } from 'node:path';
import { isSameGrid } from '../imaging/geometry.js';
import { sliceView, type Volume } from '../imaging/volume.js';
import { readMaskPng } from './mask-png.js';

/** Opens an image file; handed in, so that case lists do not depend on file formats. */
export type OpenVolume = (path: string) => Promise<Volume>;

/**
 * One slice of a mask as prompt pixels: from a PNG of the slice's size, or from a label volume on the image's grid.
 *
 * @param source `value`: the object's number in the mask; default: everything that is not 0
 * @returns [row][column], 0 or 1
 * @throws UserError `mask-size`, `mask-grid`, `mask-empty`, `slice-out-of-range`, and those of the readers
 */
export async function maskPromptPixels(
  { path, slice, value }: { readonly path: string; readonly slice: number; readonly value?: number },
  image: Volume,
  openVolume: OpenVolume,
): Promise<Uint8Array> {
  const { rows, columns, slices } = image.geometry;
  if (slice >= slices) {
    throw new UserError(
      'slice-out-of-range',
      `Slice ${slice} is outside the slices 0 to ${slices - 1}.`,
      'Slices count from 0; choose one inside the volume.',
    );
  }
  const values = /\.png$/i.test(path) ? await pngSlice(path, image) : await volumeSlice(path, slice, image, openVolume);
  const mask = new Uint8Array(rows * columns);
  for (let index = 0; index < mask.length; index++) {
    mask[index] = (value === undefined ? values[index] !== 0 : values[index] === value) ? 1 : 0;
  }
  if (mask.includes(1)) return mask;
  throw new UserError(
    'mask-empty',
    `The mask ${basename(path)} is empty on slice ${slice}${value === undefined ? '' : ` for value ${value}`}.`,
    'Check the slice number (from 0) and the value.',
  );
}

async function pngSlice(path: string, image: Volume): Promise<ArrayLike<number>> {
  const { rows, columns, values } = await readMaskPng(path);
  if (rows === image.geometry.rows && columns === image.geometry.columns) return values;
  throw new UserError(
    'mask-size',
    `The mask ${basename(path)} has ${columns} x ${rows} pixels, the slice ${image.geometry.columns} x ${image.geometry.rows}.`,
    'Give a mask of the size of the image.',
  );
}

async function volumeSlice(
  path: string,
  slice: number,
  image: Volume,
  openVolume: OpenVolume,
): Promise<ArrayLike<number>> {
  const mask = await openVolume(path);
  if (mask.channels === 1 && isSameGrid(mask.geometry, image.geometry)) return sliceView(mask, slice);
  throw new UserError(
    'mask-grid',
    `The mask ${basename(path)} does not lie on the grid of the image.`,
    'Give a mask on the grid of the image; nothing is resampled.',
  );
}
