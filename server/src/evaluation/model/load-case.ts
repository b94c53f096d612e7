import { UserError } from '@medsam2/models';
import { basename, join } from 'node:path';
import type { ImageSource } from '../../engine/types.js';
import { NpzArchive, readNpzLabels } from '../../imaging/formats/npz.js';
import { isSameGrid } from '../../imaging/geometry.js';
import { openVolume } from '../../imaging/open.js';
import type { Volume } from '../../imaging/volume.js';
import { createImageSource, describeWindow, resolveWindow } from '../../imaging/window.js';

/** A labelled volume, ready to be prompted. */
export interface LabelledCase {
  readonly name: string;
  readonly source: ImageSource;
  /** [slice][row][column], 0 = background, on the grid of `source` */
  readonly labels: Uint8Array | Uint16Array;
  readonly names: ReadonlyMap<number, string>;
  /** along (column, row, slice) */
  readonly spacing: readonly [number, number, number];
  /** unit of the spacing; frames of a clip have no millimetres */
  readonly unit: 'mm' | 'px';
  readonly modality: string;
  /** how intensities became 0..255 */
  readonly window: string;
}

/**
 * A MedSAM2 npz: `imgs`, `gts`, `spacing`.
 *
 * @throws UserError those of the npz reader
 */
export async function loadNpzCase(path: string): Promise<LabelledCase> {
  const volume = await openVolume(path);
  return assemble(basename(path, '.npz'), volume, await readNpzLabels(path, 'gts'), new Map());
}

/**
 * A folder with an image series in `dicom/` and its labels in `gt.npz` (`gts`; `labels`: JSON text number -> name).
 *
 * @throws UserError those of the readers; `evaluate-grid-mismatch`
 */
export async function loadFolderCase(folder: string): Promise<LabelledCase> {
  const volume = await openVolume(join(folder, 'dicom'));
  const path = join(folder, 'gt.npz');
  return assemble(basename(folder), volume, await readNpzLabels(path, 'gts'), await readNames(path));
}

function assemble(
  name: string,
  volume: Volume,
  { labels, geometry }: Awaited<ReturnType<typeof readNpzLabels>>,
  names: ReadonlyMap<number, string>,
): LabelledCase {
  const { slices, rows, columns, spacing } = volume.geometry;
  const isStack = volume.kind === 'stack';
  const sameSize = geometry.slices === slices && geometry.rows === rows && geometry.columns === columns;
  if (!sameSize || (isStack && !isSameGrid(volume.geometry, geometry, 1e-2))) {
    throw new UserError(
      'evaluate-grid-mismatch',
      `The labels of ${name} are not on the grid of its images.`,
      'Nothing is resampled here; give labels on the grid of the images.',
    );
  }
  const window = resolveWindow(volume, { kind: 'auto' });
  return {
    name,
    source: createImageSource(volume, window),
    labels,
    names,
    spacing: isStack ? spacing : [1, 1, 1],
    unit: isStack ? 'mm' : 'px',
    modality: volume.modality ?? (volume.displayReady === true ? 'display images' : 'unknown'),
    window: describeWindow(window),
  };
}

/** Names are a convenience: an archive without them is no error. */
async function readNames(path: string): Promise<Map<number, string>> {
  const archive = await NpzArchive.open(path);
  try {
    return archive.has('labels') ? parseNames(await archive.readText('labels')) : new Map();
  } finally {
    archive.close();
  }
}

function parseNames(text: string): Map<number, string> {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null) return new Map();
  return new Map(Object.entries(parsed).map(([label, name]) => [Number(label), String(name)]));
}
