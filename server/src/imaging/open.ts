import { UserError } from '@medsam2/models';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
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
  /** Reads a DICOM file or folder to the one volume wanted; handed in, so that file formats do not depend on DICOM. */
  readonly readDicom?: (path: string) => Promise<Volume>;
}

/**
 * Opens an image of any supported kind: NIfTI, NRRD, MetaImage, MedSAM2 npz, a folder of video frames, DICOM.
 * The content decides, the name only where content cannot.
 *
 * @throws UserError `file-not-found`, `file-unreadable`, `image-empty`, `image-format-unknown`, `folder-empty`, and those
 *   of the readers
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
      if (options.readDicom) return options.readDicom(path);
      throw new UserError('dicom-reader-missing', 'DICOM cannot be read here.', 'Convert the series to NIfTI.');
  }
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
  if (start.subarray(128, 132).toString('latin1') === 'DICM') return 'dicom';
  if (recogniseNifti(start)) return 'nifti';
  const text = start.toString('latin1');
  if (/^NRRD000\d/.test(text)) return 'nrrd';
  if (/^\s*(ObjectType|NDims)\s*=/m.test(text)) return 'metaimage';
  if (text.startsWith('PK')) return 'npz';
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
    if (/\.dcm$/i.test(name) || (await isDicom(join(folder, name)))) return 'dicom';
  }
  return 'frames';
}

async function isDicom(path: string): Promise<boolean> {
  if (!(await stat(path)).isFile()) return false;
  const start = await firstBytes(path, 132).catch(() => new Uint8Array(0));
  return Buffer.from(start.subarray(128)).toString('latin1') === 'DICM';
}
