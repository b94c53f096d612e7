import { UserError } from '@medsam2/models';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDicom } from './dicom/parse.js';
import { readDicomFolder } from './dicom/read-folder.js';
import { selectVolume } from './dicom/select-volume.js';
import { firstBytes } from './formats/byte-source.js';
import { listFrames, readFrames } from './formats/frames.js';
import { readMetaImage } from './formats/meta-image.js';
import { recogniseNifti } from './formats/nifti-header.js';
import { readNifti, type FileReadOptions } from './formats/nifti.js';
import { readNpzVolume } from './formats/npz.js';
import { readNrrd } from './formats/nrrd.js';
import type { Volume } from './volume.js';

export type ImageFormat = 'nifti' | 'nrrd' | 'metaimage' | 'npz' | 'dicom' | 'frames';

export interface OpenOptions extends FileReadOptions {
  /** DICOM: Series Instance UID of the series wanted, where a folder holds several */
  readonly series?: string;
  /** DICOM: codes of rejecting findings to accept on purpose */
  readonly overrule?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * Opens an image of any supported kind: NIfTI, NRRD, MetaImage, MedSAM2 npz, a folder of video frames, DICOM.
 * The content decides, the name only where content cannot.
 *
 * @throws UserError `file-not-found`, `file-unreadable`, `image-empty`, `image-format-unknown`, `folder-empty`, and those
 *   of the readers, for DICOM of `readDicomFolder`, `selectVolume` and `load`
 */
export async function openVolume(path: string, options: OpenOptions = {}): Promise<Volume> {
  switch (await detectFormat(path)) {
    case 'nifti':
      return readNifti(path, options);
    case 'nrrd':
      return readNrrd(path, options);
    case 'metaimage':
      return readMetaImage(path, options);
    case 'npz':
      return readNpzVolume(path, options);
    case 'frames':
      return readFrames(path, options);
    case 'dicom':
      return openDicom(path, options);
  }
}

/** `volumeIndex` is the number of a volume as the DICOM reader lists them. */
async function openDicom(path: string, options: OpenOptions): Promise<Volume> {
  const { series, volumeIndex: volume, overrule, signal } = options;
  const limits = options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes };
  const result = await readDicomFolder(path, { series, signal, ...limits });
  return selectVolume(result, { series, volume }).load({ overrule, signal, ...limits });
}

/**
 * What a path holds, by content first.
 *
 * @throws UserError as {@link openVolume}
 */
export async function detectFormat(path: string): Promise<ImageFormat> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory()) return detectFolder(path);
  const start = Buffer.from(await firstBytes(path, 4096));
  if (recogniseNifti(start)) return 'nifti';
  const text = start.toString('latin1');
  if (/^NRRD000\d/.test(text)) return 'nrrd';
  if (/^\s*(ObjectType|NDims)\s*=/m.test(text)) return 'metaimage';
  if (text.startsWith('PK')) return 'npz';
  if (isDicom(start)) return 'dicom';
  return byName(path, start);
}

/** Content that has no signature of its own, or a damaged one: then the name says which reader explains the damage. */
function byName(path: string, start: Buffer): ImageFormat {
  const isGzip = start[0] === 0x1f && start[1] === 0x8b;
  if (isGzip || /\.(nii|hdr)(\.gz)?$/i.test(path)) return 'nifti';
  if (/\.(nrrd|nhdr)$/i.test(path)) return 'nrrd';
  if (/\.(mha|mhd)$/i.test(path)) return 'metaimage';
  if (/\.npz$/i.test(path)) return 'npz';
  if (/\.(dcm|dicom|ima)$/i.test(path)) return 'dicom';
  if (/\.(mp4|mov|avi|mkv|webm)$/i.test(path)) {
    throw new UserError(
      'image-format-unknown',
      'Video files are not decoded.',
      'Extract the frames to a folder first, for example: ffmpeg -i video.mp4 -q:v 2 frames/%05d.jpg',
    );
  }
  if (/\.(jpe?g|png)$/i.test(path)) {
    throw new UserError(
      'image-format-unknown',
      'A single picture is no volume.',
      'Name the folder that holds the frames.',
    );
  }
  throw new UserError(
    'image-format-unknown',
    'The file is neither NIfTI, NRRD, MetaImage, npz nor DICOM.',
    'Convert it to one of these, or name a folder of DICOM files or video frames.',
  );
}

/** A folder with any DICOM in it is DICOM (exports often carry preview pictures); else pictures are video frames. */
async function detectFolder(folder: string): Promise<ImageFormat> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
  if (names.length === 0) {
    throw new UserError('folder-empty', 'The folder is empty.', 'Name a folder of DICOM files or video frames.');
  }
  const frames = await listFrames(folder);
  if (frames.length === 0) return 'dicom';
  const known = new Set(frames);
  for (const name of names.filter((other) => !known.has(other)).slice(0, 50)) {
    if (/\.dcm$/i.test(name) || (await isDicomFile(join(folder, name)))) return 'dicom';
  }
  return 'frames';
}

async function isDicomFile(path: string): Promise<boolean> {
  if (!(await stat(path)).isFile()) return false;
  return isDicom(await firstBytes(path, 256).catch(() => new Uint8Array(0)));
}
