import type { Case } from '../client/cases.js';
import { BridgeError } from '../errors.js';
import { clippedRange, type GridSize } from '../input/geometry.js';
import type { MaskUpload } from '../input/uploads.js';
import type { Prompt, PromptedObject, SliceRange } from '../segmenter.js';
import { LabelVolume } from './label-volume.js';
import type { Operation } from './operation.js';

export interface FullSegmentation {
  readonly result: LabelVolume;
  /** label of the object that the client adds last */
  readonly last: number;
  /** slices on which the user's mask of that object was taken as it is */
  readonly keySlices: readonly number[];
}

/**
 * "Segment": every label of the middle mask through the range, both ways. The user's mask is the result on its own slice
 * (specification sections 6.4, 6.6). `compat` takes each object's lowest slice in the range, as the plug-in's own server;
 * `better` takes all slices that the user painted.
 *
 * @throws BridgeError `range-outside`, `mask-outside`, `nothing-found`
 */
export async function segmentFull(
  { held, prompts }: Case,
  mask: MaskUpload,
  operation: Operation,
): Promise<FullSegmentation> {
  const range = rangeOf(prompts, held.size);
  const objects = promptedObjects(mask, range, operation);
  const result = new LabelVolume(held.size);
  const request = { objects, range, reprompt: false, signal: operation.signal };
  for await (const painted of operation.stack.propagate(request)) result.paint(painted);
  const found = result.compact();
  const lastObject = objects.find(({ label }) => label === found.at(-1));
  const keySlices = (lastObject?.prompts ?? []).map(({ slice }) => slice);
  return { result, last: found.length, keySlices };
}

/** @throws BridgeError `range-outside` */
export function rangeOf({ start, end }: { readonly start: number; readonly end: number }, size: GridSize): SliceRange {
  const range = clippedRange(start, end, size);
  if (range !== undefined) return range;
  throw new BridgeError(
    422,
    'range-outside',
    `The slices ${start} to ${end} are not in the volume, which has slices 0 to ${size.slices - 1}.`,
    'Set the start and the end slice in the plug-in, both inside the volume.',
  );
}

function promptedObjects(
  { labels, size }: MaskUpload,
  range: SliceRange,
  { semantics, notes }: Operation,
): PromptedObject[] {
  const area = size.rows * size.columns;
  const prompts = new Map<number, Prompt[]>();
  const outside = new Set<number>();
  for (let slice = 0; slice < size.slices; slice++) {
    const pixels = labels.subarray(slice * area, (slice + 1) * area);
    for (const label of labelsIn(pixels)) {
      if (slice < range.first || slice > range.last) {
        outside.add(label);
        continue;
      }
      const own = prompts.get(label) ?? [];
      if (own.length > 0 && semantics === 'compat') continue;
      own.push({ kind: 'mask', slice, mask: pixels.map((value) => (value === label ? 1 : 0)) });
      prompts.set(label, own);
    }
  }
  const lost = [...outside].filter((label) => !prompts.has(label));
  if (prompts.size === 0) {
    throw new BridgeError(
      422,
      'mask-outside',
      lost.length === 0
        ? 'The middle mask is empty.'
        : `The middle mask lies outside the slices ${range.first} to ${range.last}.`,
      'Paint the object on the annotated slice, or segment the middle slice again.',
    );
  }
  if (lost.length > 0) notes.push(`Segment ${lost.join(', ')} lies outside the range and was left out.`);
  return [...prompts].sort(([a], [b]) => a - b).map(([label, own]) => ({ label, prompts: own }));
}

/** The labels on a slice, without the background. */
function labelsIn(pixels: Uint8Array): number[] {
  const present = new Uint8Array(256);
  for (let i = 0; i < pixels.length; i++) present[pixels[i]] = 1;
  return [...present.keys()].filter((label) => label > 0 && present[label] === 1);
}
