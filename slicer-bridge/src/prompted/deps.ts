import type { NumberArray } from '../archive.js';
import type { BridgeDeps } from '../deps.js';
import type { ClientVolume } from '../display.js';

/** What both click-by-click protocols need from outside. */
export type PromptedDeps = Pick<
  BridgeDeps,
  'segmenters' | 'log' | 'betterStack' | 'authenticate' | 'temporaryFolder' | 'now'
>;

export interface BareArray {
  readonly shape: readonly number[];
  /** C order; bool is 0 or 1 */
  readonly values: NumberArray;
}

export interface NnInteractiveDeps extends PromptedDeps {
  /**
   * Reads one npy file, gzipped or not. Pickled objects are refused.
   *
   * @param options `accept` is told the declared size in bytes before memory is taken, and may throw
   * @throws UserError
   */
  readonly readArray: (
    path: string,
    options: { readonly compressed: boolean; readonly accept: (shape: readonly number[], bytes: number) => void },
  ) => Promise<BareArray>;
}

/** An image file with its grid in space. */
export interface ImageFile {
  readonly volume: ClientVolume;
  /** labels [slice][row][column] on its grid, as the bytes of an NRRD file */
  toLabelFile(labels: Uint8Array): Promise<Buffer>;
}

export interface MonaiLabelDeps extends PromptedDeps {
  /** Reads an image file of any format that Slicer saves. @throws UserError */
  readonly openImage: (path: string, limits: { readonly maxBytes: number }) => Promise<ImageFile>;
}
