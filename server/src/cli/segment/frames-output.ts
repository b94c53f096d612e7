import { join } from 'node:path';
import { Readable } from 'node:stream';
import { palettePng } from '../../datasets/palette-png.js';
import type { Assembly } from '../../engine/assemble.js';
import { writeAtomically } from '../../imaging/atomic-write.js';
import type { GridGeometry } from '../../imaging/volume.js';
import { fillFolder, makeFolder } from './outputs.js';

/** Where the masks of a video go, as the research script lays them out. */
export interface FramesDestination {
  readonly folder: string;
  /** names of the frames without extension, in order */
  readonly frames: readonly string[];
  /** `<object>/<frame>.png` with values 0 and 1, instead of object numbers in `<frame>.png` */
  readonly perObject: boolean;
}

/** Names of pictures below a folder of masks. */
export const isFrameMask = (name: string): boolean => /^(\d{3,}[/\\])?[^/\\.][^/\\]*\.png$/.test(name);

/**
 * Writes one palette PNG per frame (or per object and frame), for every frame, also where nothing is.
 *
 * @throws UserError `label-above-255`, `output-folder`, `output-not-written`
 */
export async function writeFrames(
  { folder, frames, perObject }: FramesDestination,
  { labels, objects, maskOf }: Assembly,
  { rows, columns }: GridGeometry,
  signal: AbortSignal,
): Promise<void> {
  const size = rows * columns;
  await fillFolder(folder, isFrameMask, async (staging) => {
    const names: string[] = [];
    const write = async (name: string, values: Uint8Array | Uint16Array): Promise<void> => {
      const picture = await palettePng(values, rows, columns);
      await writeAtomically(join(staging, name), Readable.from([picture], { objectMode: false }));
      names.push(name);
    };
    const folders = perObject ? objects.map(({ label }) => ({ label, name: String(label).padStart(3, '0') })) : [];
    for (const { name } of folders) await makeFolder(join(staging, name));
    for (const [frame, base] of frames.entries()) {
      signal.throwIfAborted();
      if (!perObject) await write(`${base}.png`, labels.subarray(frame * size, (frame + 1) * size));
      for (const { label, name } of folders) {
        await write(join(name, `${base}.png`), maskOf(label, frame));
      }
    }
    return names;
  });
}
