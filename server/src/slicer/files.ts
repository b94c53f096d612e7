import { UserError } from '@medsam2/models';
import type { BareArray, ClientVolume, ImageFile, NnInteractiveDeps } from '@medsam2/slicer-bridge';
import { openBytes } from '../imaging/formats/byte-source.js';
import { readNpyHeader } from '../imaging/formats/npy.js';
import { readVoxels } from '../imaging/formats/read-voxels.js';
import { bytesPerVoxel, checkedCount } from '../imaging/formats/voxel-type.js';
import { openVolume } from '../imaging/open.js';
import { labelFileContent } from '../imaging/write.js';

/**
 * One npy file, gzipped or not, as nnInteractive's module sends it: C order, no pickled objects.
 *
 * @throws UserError `npy-header`, `npz-object-array`, `npz-dtype`, `npz-fortran-order`, `image-truncated`, `image-corrupt`
 */
export const readArrayFile: NnInteractiveDeps['readArray'] = async (path, { compressed, accept }) =>
  withoutPath(path, async (): Promise<BareArray> => {
    const source = await openBytes(path, { compressed });
    try {
      const { type, shape, littleEndian, fortranOrder } = await readNpyHeader(source, 'of the upload');
      if (fortranOrder) {
        throw new UserError(
          'npz-fortran-order',
          'The array of the upload is stored in Fortran order.',
          'Use the module unchanged.',
        );
      }
      const count = checkedCount(shape.length === 0 ? [1] : shape, bytesPerVoxel[type], Number.MAX_SAFE_INTEGER);
      accept(shape, count * bytesPerVoxel[type]);
      return { shape, values: await readVoxels(source, { type, count, littleEndian }) };
    } finally {
      await source.close();
    }
  });

/** An image as MONAI Label's module saves it, NIfTI or NRRD, with its grid. @throws UserError as `openVolume` */
export async function openImageFile(path: string, limits: { readonly maxBytes: number }): Promise<ImageFile> {
  const volume = await withoutPath(path, () => openVolume(path, limits));
  const { rows, columns, slices } = volume.geometry;
  const client: ClientVolume = { rows, columns, slices, channels: volume.channels, voxels: volume.voxels };
  return {
    volume: client,
    toLabelFile: async (labels) => {
      const pieces: Uint8Array[] = [];
      const content = await labelFileContent('nrrd', { labels, geometry: volume.geometry }, volume);
      for await (const piece of content) pieces.push(piece);
      return Buffer.concat(pieces);
    },
  };
}

/** Where a file lies on the server is nobody's business. */
async function withoutPath<T>(path: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const hide = (text: string): string => text.replaceAll(path, 'the upload');
    throw new UserError(error.code, hide(error.message), hide(error.remedy), { cause: error });
  }
}
