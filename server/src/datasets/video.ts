import { UserError } from '@medsam2/models';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectPrompts, Prompt } from '../engine/types.js';
import { listFrames } from '../imaging/formats/frames.js';
import type { Volume } from '../imaging/volume.js';
import { labelsOf } from '../evaluation/metrics.js';
import { readMaskPng } from './mask-png.js';
import { readListText } from './table.js';
import { UniqueIds, type BatchCase, type CaseList, type ListProblem } from './types.js';

export interface VideoOptions {
  /** folder with one folder of frames per video */
  readonly videos: string;
  /** folder with one folder of PNG masks per video, named like the frames */
  readonly masks: string;
  /** text file with one video name per line; default: every folder of `videos` */
  readonly list?: string;
  /** masks of one object each in folders `<video>/<object number>/<frame>.png`, instead of numbered pixels in one PNG */
  readonly perObject?: boolean;
  /** use every mask there is as a prompt, instead of the first only */
  readonly allMasks?: boolean;
  /** start each object at its own first mask; without it an object must be in the first mask of the video */
  readonly laterObjects?: boolean;
}

/**
 * Cases of a DAVIS-style data set: one per video, its objects prompted by masks (specification section 9.1).
 * Masks are read when the video's turn comes.
 *
 * @throws UserError `list-not-found`, `images-folder`
 */
export async function readVideos(options: VideoOptions): Promise<CaseList> {
  const present = await subfolders(options.videos);
  const wanted: NamedVideo[] =
    options.list === undefined ? present.map((video) => ({ video })) : linesOf(await readListText(options.list));
  const ids = new UniqueIds();
  const cases: BatchCase[] = [];
  const problems: ListProblem[] = [];
  wanted.forEach(({ video, row }) => {
    if (present.includes(video)) {
      cases.push({
        id: ids.take(video),
        input: join(options.videos, video),
        window: { kind: 'none' },
        fingerprint: JSON.stringify([options.perObject, options.allMasks, options.laterObjects]),
        promptFiles: [join(options.masks, video)],
        objects: (volume) => videoObjects(video, volume, options),
      });
    } else {
      problems.push({
        file: options.list ?? options.videos,
        row,
        message: `There is no folder of frames "${video}".`,
      });
    }
  });
  return { cases, problems };
}

/** A mask of one object on one frame. */
interface FrameMask {
  readonly label: number;
  readonly slice: number;
  /** [row][column], 0 or 1 */
  readonly mask: Uint8Array;
  readonly rows: number;
  readonly columns: number;
}

/**
 * The mask prompts of one video.
 *
 * @throws UserError `video-masks-missing`, `video-object-later`, `mask-size` and those of `readMaskPng`
 */
async function videoObjects(video: string, volume: Volume, options: VideoOptions): Promise<ObjectPrompts[]> {
  const frames = (await listFrames(join(options.videos, video))).map((file) => file.replace(/\.[^.]*$/, ''));
  const folder = join(options.masks, video);
  const found = new Map<number, Prompt[]>();
  let firstObjects: ReadonlySet<number> | undefined;
  for (const [slice, frame] of frames.entries()) {
    const masks = (await masksOfFrame(folder, frame, slice, options.perObject === true)).filter(({ mask }) =>
      mask.includes(1),
    );
    if (slice === 0 && masks.length === 0 && !options.laterObjects && !options.allMasks) break;
    if (masks.length === 0) continue;
    firstObjects ??= new Set(masks.map(({ label }) => label));
    for (const { label, mask, rows, columns } of masks) {
      requireSize({ rows, columns }, volume, video, frame);
      const earlier = found.get(label) ?? [];
      if (earlier.length > 0 && !options.allMasks) continue;
      if (!firstObjects.has(label) && !options.laterObjects) throw laterObject(video, label, frame);
      found.set(label, [...earlier, { kind: 'mask', slice, mask }]);
    }
    if (!options.allMasks && !options.laterObjects) break;
  }
  if (found.size === 0) {
    throw new UserError(
      'video-masks-missing',
      `Video ${video} has no object in ${options.allMasks || options.laterObjects ? 'any mask' : 'the mask of its first frame'}.`,
      'Put PNG masks named like the frames into a folder named like the video, or let objects appear later.',
    );
  }
  return [...found].sort(([a], [b]) => a - b).map(([label, prompts]) => ({ label, prompts }));
}

async function masksOfFrame(folder: string, frame: string, slice: number, perObject: boolean): Promise<FrameMask[]> {
  if (!perObject) {
    const path = join(folder, `${frame}.png`);
    const picture = await readMaskPng(path).catch(unlessMissing);
    if (!picture) return [];
    const { values, rows, columns } = picture;
    return labelsOf(values).map((label) => ({ label, slice, mask: onlyLabel(values, label), rows, columns }));
  }
  const masks: FrameMask[] = [];
  for (const name of (await subfolders(folder)).filter((entry) => /^\d+$/.test(entry) && Number(entry) > 0)) {
    const picture = await readMaskPng(join(folder, name, `${frame}.png`)).catch(unlessMissing);
    if (!picture) continue;
    const { values, rows, columns } = picture;
    masks.push({
      label: Number(name),
      slice,
      mask: Uint8Array.from(values, (value) => (value > 0 ? 1 : 0)),
      rows,
      columns,
    });
  }
  return masks;
}

/** Most frames have no mask: that is no error here. */
function unlessMissing(error: unknown): undefined {
  if (error instanceof UserError && error.code === 'mask-not-found') return undefined;
  throw error;
}

const onlyLabel = (values: Uint8Array | Uint16Array, label: number): Uint8Array =>
  Uint8Array.from(values, (value) => (value === label ? 1 : 0));

function requireSize(
  { rows, columns }: { rows: number; columns: number },
  { geometry }: Volume,
  video: string,
  frame: string,
): void {
  if (rows === geometry.rows && columns === geometry.columns) return;
  throw new UserError(
    'mask-size',
    `The mask of frame ${frame} of video ${video} has ${columns} x ${rows} pixels, the frame ${geometry.columns} x ${geometry.rows}.`,
    'Save masks at the size of the frames.',
  );
}

const laterObject = (video: string, label: number, frame: string): UserError =>
  new UserError(
    'video-object-later',
    `Object ${label} of video ${video} appears only later, at frame ${frame}.`,
    'Let objects appear later, or give a mask of every object on the first frame that has masks.',
  );

async function subfolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map(({ name }) => name)
      .sort();
  } catch (cause) {
    const remedy = 'Give a folder that holds one folder per video.';
    throw new UserError('images-folder', `${folder} cannot be read as a folder.`, remedy, { cause });
  }
}

interface NamedVideo {
  readonly video: string;
  /** line of the list file, from 1; absent without one */
  readonly row?: number;
}

function linesOf(text: string): NamedVideo[] {
  const lines = text.split(/\r?\n/).map((line, at) => ({ video: line.trim(), row: at + 1 }));
  return lines.filter(({ video }) => video !== '');
}
