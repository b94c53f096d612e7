import { join } from 'node:path';
import { Readable } from 'node:stream';
import { writeAtomically } from '../../imaging/atomic-write.js';
import { renderOverlay, type OverlayMask, type OverlayPrompt } from '../../report/overlay.js';
import { fillFolder } from './outputs.js';
import type { PreparedVolume, SegmentedVolume } from './segment-volume.js';

export interface OverlayText {
  readonly model: string;
  readonly demonstration: boolean;
  readonly names: ReadonlyMap<number, string>;
}

/** Names of the pictures in an overlay folder. */
export const isOverlayName = (name: string): boolean => /^slice_\d{4,}\.png$/.test(name);

/**
 * Draws every slice that has a prompt or a part of an object, into `slice_0040.png` and so on. The folder is filled at
 * the end, so that it never holds some of the pictures; pictures of an earlier run in it are replaced as a whole.
 *
 * @returns number of pictures
 * @throws UserError `output-folder`, `output-not-written`
 */
export async function writeOverlays(
  folder: string,
  prepared: PreparedVolume,
  result: SegmentedVolume,
  text: OverlayText,
  signal: AbortSignal,
): Promise<number> {
  const slices = overlaySlices(prepared, result);
  const digits = Math.max(4, String(prepared.source.slices - 1).length);
  await fillFolder(folder, isOverlayName, async (staging) => {
    const names: string[] = [];
    for (const slice of slices) {
      signal.throwIfAborted();
      const name = `slice_${String(slice).padStart(digits, '0')}.png`;
      const picture = await renderOverlay(overlayOf(slice, prepared, result, text));
      await writeAtomically(join(staging, name), Readable.from([picture], { objectMode: false }));
      names.push(name);
    }
    return names;
  });
  return slices.length;
}

function overlaySlices({ objects }: PreparedVolume, { assembly }: SegmentedVolume): number[] {
  const prompted = objects.flatMap(({ prompts }) => prompts.map(({ slice }) => slice));
  const found = assembly.objects.flatMap(({ scores }) => scores.filter(({ pixels }) => pixels > 0).map(({ slice }) => slice)); // prettier-ignore
  return [...new Set([...prompted, ...found])].sort((a, b) => a - b);
}

function overlayOf(slice: number, prepared: PreparedVolume, { assembly, absent }: SegmentedVolume, text: OverlayText) {
  const { source, objects } = prepared;
  const { rows, columns, channels, slices } = source;
  const labels = assembly.labels.subarray(slice * rows * columns, (slice + 1) * rows * columns);
  const masks = assembly.objects.flatMap(({ label, scores }): OverlayMask[] => {
    const name = text.names.get(label) ?? `object ${label}`;
    const missing = absent.find((object) => object.label === label && object.slice === slice);
    const score = scores.find((candidate) => candidate.slice === slice);
    if (missing) {
      const nothing = `${name}  not found here  presence ${missing.presence.toFixed(1)}`;
      return [{ label, mask: new Uint8Array(rows * columns), text: nothing }];
    }
    if (!score) return [];
    const mask = new Uint8Array(rows * columns);
    for (let at = 0; at < mask.length; at++) if (labels[at] === label) mask[at] = 1;
    const presence = `presence ${score.presence.toFixed(1)}  ${score.origin}`;
    const line =
      score.pixels === 0
        ? `${name}  not on this slice  ${presence}`
        : `${name}  IoU ${score.iou.toFixed(2)}  ${presence}`;
    return [{ label, mask, text: line }];
  });
  const prompts = objects.flatMap(({ label, prompts: all }): OverlayPrompt[] =>
    all.filter((prompt) => prompt.slice === slice).map((prompt) => ({ label, prompt })),
  );
  const warning = text.demonstration ? 'DEMONSTRATION MODEL, do not rely on the outlines\n' : '';
  const caption = `${warning}${text.model}, slice ${slice} (of 0 to ${slices - 1})`;
  return { image: source.image(slice), rows, columns, channels, masks, prompts, caption };
}
