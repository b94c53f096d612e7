import { UserError } from '@medsam2/models';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { pixelGrid } from '../geometry.js';
import type { Volume } from '../volume.js';
import type { FileReadOptions } from './nifti.js';
import { checkedCount, defaultMaxBytes } from './voxel-type.js';

const framePattern = /\.(jpe?g|png)$/i;

/** Names of the JPEG and PNG files of a folder in lexicographic order (by code point, as Python sorts); none hidden. */
export async function listFrames(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => framePattern.test(name) && !name.startsWith('.'));
  return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/**
 * Reads a folder of video frames (8-bit JPEG or PNG), one frame after the other, in lexicographic order of their names.
 *
 * `channels` is 1 when every frame is grey, else 3 (R, G, B; grey frames are repeated, alpha is dropped). Pixels are what
 * Pillow's `Image.open(f).convert("RGB")` gives: no colour profile and no EXIF rotation is applied.
 *
 * @throws UserError `frames-none`, `frames-differ` (sizes), `frame-unreadable`, `frame-type` (16-bit, CMYK),
 *   `image-too-large`
 */
export async function readFrames(folder: string, options: FileReadOptions = {}): Promise<Volume> {
  const names = await listFrames(folder);
  if (names.length === 0) {
    throw new UserError(
      'frames-none',
      'The folder holds no JPEG or PNG frames.',
      'Extract the frames of the video first.',
    );
  }
  const plan = await planFrames(folder, names);
  const { width, height, channels } = plan;
  const size = width * height * channels;
  checkedCount([width, height, channels, names.length], 1, options.maxBytes ?? defaultMaxBytes);
  const voxels = new Uint8Array(size * names.length);
  for (const [frame, name] of names.entries()) {
    const pixels = await decodeFrame(join(folder, name), channels, frame);
    if (pixels.length !== size) throw unreadable(frame);
    voxels.set(pixels, frame * size);
  }
  return {
    voxels,
    channels,
    geometry: pixelGrid(width, height, names.length),
    kind: 'cine',
    findings: [],
    displayReady: true,
  };
}

const open = (path: string): Sharp =>
  // Pillow ignores colour profiles and tolerates what libjpeg tolerates; so do we
  sharp(path, { ignoreIcc: true, failOn: 'error', limitInputPixels: 2 ** 28 });

const unreadable = (frame: number, cause?: unknown): UserError =>
  new UserError(
    'frame-unreadable',
    `Frame ${frame} (from 0, in lexicographic order) cannot be decoded as JPEG or PNG.`,
    'Extract the frame again, or remove the file.',
    { cause },
  );

/** Reads every frame's header before any memory is taken. */
async function planFrames(
  folder: string,
  names: readonly string[],
): Promise<{ width: number; height: number; channels: 1 | 3 }> {
  let first: { width: number; height: number } | undefined;
  let allGrey = true;
  for (const [frame, name] of names.entries()) {
    const { width, height, space, depth } = await open(join(folder, name))
      .metadata()
      .catch((error: unknown) => {
        throw unreadable(frame, error);
      });
    if (depth !== 'uchar' || (space !== 'srgb' && space !== 'b-w')) {
      throw new UserError(
        'frame-type',
        `Frame ${frame} is ${space}, ${depth}; frames are 8-bit grey or RGB.`,
        'Convert the frames to 8-bit RGB.',
      );
    }
    first ??= { width, height };
    if (width !== first.width || height !== first.height) {
      throw new UserError(
        'frames-differ',
        `Frame ${frame} is ${width} x ${height} pixels, the first one ${first.width} x ${first.height}.`,
        'Keep the frames of one video in one folder; nothing is resized silently.',
      );
    }
    allGrey &&= space === 'b-w';
  }
  return { ...(first ?? { width: 0, height: 0 }), channels: allGrey ? 1 : 3 };
}

async function decodeFrame(path: string, channels: 1 | 3, frame: number): Promise<Uint8Array> {
  try {
    const image = open(path).removeAlpha();
    return await (channels === 1 ? image.toColourspace('b-w') : image.toColourspace('srgb')).raw().toBuffer();
  } catch (error) {
    throw unreadable(frame, error);
  }
}
