import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Case, HeldVolume } from '../client/cases.js';
import type { ClientVolume } from '../display.js';
import { BridgeError } from '../errors.js';
import type { ImageStack, OpenStack, VolumeSegmenter } from '../segmenter.js';

/** How the plug-in's requests are understood; docs/slicer.md has the table. */
export type Semantics = 'compat' | 'better';

/** What an operation on a case works with. */
export interface Operation {
  readonly semantics: Semantics;
  readonly stack: OpenStack;
  readonly signal: AbortSignal;
  /** what the operator should know of this run, a sentence each */
  readonly notes: string[];
}

/** The volume ready for a model; what was computed of its slices for the same model is used again. */
export async function openFor(
  held: HeldVolume,
  segmenter: VolumeSegmenter,
  toStack: (volume: ClientVolume) => ImageStack,
): Promise<OpenStack> {
  if (held.opened?.model === segmenter.model) return held.opened.stack;
  if (held.volume === undefined) {
    throw new BridgeError(
      409,
      'volume-forgotten',
      'The volume was forgotten to make room for others.',
      'Click "Segment Middle Slice" again on this volume.',
    );
  }
  held.opened?.stack.close();
  held.opened = undefined;
  const stack = await segmenter.open(toStack(held.volume));
  held.opened = { model: segmenter.model, stack };
  return stack;
}

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Labels between two clicks: mostly background, so that a fast setting is small enough. */
export const packLabels = (labels: Uint8Array): Promise<Buffer> => deflate(labels, { level: 1 });

export async function unpackLabels(packed: Buffer, { held }: Case): Promise<Uint8Array> {
  const { slices, rows, columns } = held.size;
  return inflate(packed, { maxOutputLength: slices * rows * columns });
}
