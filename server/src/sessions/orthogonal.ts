import type { ImageSource } from '../engine/types.js';
import { createImageSource, type ResolvedWindow } from '../imaging/window.js';
import type { Volume, VoxelArray } from '../imaging/volume.js';
import type { OrthogonalPlane } from './state.js';

/**
 * A volume seen across its slices, image by image on demand; nothing is resampled. Images of plane `column` are
 * [slice][row] for one column, of plane `row` [slice][column] for one row. A pixel is as high as the distance of slices
 * and as wide as a pixel of a slice: the model sees objects as much flattened as the slices are apart.
 */
export function orthogonalSource(volume: Volume, window: ResolvedWindow, plane: OrthogonalPlane): ImageSource {
  const { slices, rows, columns } = volume.geometry;
  const { channels } = volume;
  const width = plane === 'column' ? rows : columns;
  return {
    slices: plane === 'column' ? columns : rows,
    rows: slices,
    columns: width,
    channels,
    image: (index) => {
      const flat = gather(volume, plane, index, width);
      const geometry = { ...volume.geometry, slices: 1, rows: slices, columns: width };
      return createImageSource({ ...volume, voxels: flat, geometry }, window).image(0);
    },
  };
}

/** Voxels of one plane: [slice][row or column][channel]. */
function gather(volume: Volume, plane: OrthogonalPlane, index: number, width: number): VoxelArray {
  const { slices, rows, columns } = volume.geometry;
  const { channels, voxels } = volume;
  const out = voxels.slice(0, slices * width * channels);
  const step = plane === 'column' ? columns * channels : channels;
  const start = (plane === 'column' ? index : index * columns) * channels;
  let to = 0;
  for (let slice = 0; slice < slices; slice++) {
    let from = slice * rows * columns * channels + start;
    for (let i = 0; i < width; i++, from += step) {
      for (let channel = 0; channel < channels; channel++) out[to++] = voxels[from + channel];
    }
  }
  return out;
}

/** Where pixel (x of the plane, slice) of an orthogonal plane lies in the slice: [row][column] flat. */
export function pixelInSlice(plane: OrthogonalPlane, index: number, x: number, columns: number): number {
  return plane === 'column' ? x * columns + index : index * columns + x;
}
