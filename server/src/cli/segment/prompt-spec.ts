import { UserError } from '@medsam2/models';
import { maskPromptPixels, type OpenVolume } from '../../datasets/mask-file.js';
import { bresenham } from '../../engine/recist.js';
import type { Box, ObjectPrompts, Point, Prompt, RecistMode } from '../../engine/types.js';
import type { Volume } from '../../imaging/volume.js';

/** A prompt as a user states it, before the volume is at hand: masks are files, RECIST lines have two ends. */
export type PromptSpec =
  | { readonly kind: 'box'; readonly slice: number; readonly box: Box; readonly points?: readonly Point[] }
  | { readonly kind: 'points'; readonly slice: number; readonly points: readonly Point[] }
  | { readonly kind: 'mask'; readonly slice: number; readonly file: string; readonly value?: number }
  | {
      readonly kind: 'recist';
      readonly slice: number;
      /** x0, y0, x1, y1: the ends of the line in whole pixels */
      readonly line: readonly [number, number, number, number];
      readonly mode?: RecistMode;
      readonly shift?: number;
    };

export interface ObjectSpec {
  /** label value in the result, 1..65535 */
  readonly label: number;
  readonly name?: string;
  readonly prompts: readonly PromptSpec[];
}

export interface PromptContext {
  readonly openVolume: OpenVolume;
  /** how lines become prompts where the prompt itself does not say */
  readonly recist: { readonly mode: RecistMode; readonly shift?: number };
}

/**
 * Prompts on a volume: reads mask files, draws RECIST lines.
 *
 * @throws UserError `recist-outside`, and those of `maskPromptPixels`
 */
export async function resolvePrompts(
  objects: readonly ObjectSpec[],
  volume: Volume,
  context: PromptContext,
): Promise<ObjectPrompts[]> {
  const resolved: ObjectPrompts[] = [];
  for (const { label, prompts } of objects) {
    const known: Prompt[] = [];
    for (const prompt of prompts) known.push(await resolvePrompt(prompt, volume, context));
    resolved.push({ label, prompts: known });
  }
  return resolved;
}

async function resolvePrompt(spec: PromptSpec, volume: Volume, { openVolume, recist }: PromptContext): Promise<Prompt> {
  switch (spec.kind) {
    case 'box':
    case 'points':
      return spec;
    case 'mask': {
      const { file: path, slice, value } = spec;
      return { kind: 'mask', slice, mask: await maskPromptPixels({ path, slice, value }, volume, openVolume) };
    }
    case 'recist': {
      const { slice, line, mode = recist.mode, shift = recist.shift } = spec;
      requireInside(line, volume);
      const pixels = bresenham({ x: line[0], y: line[1] }, { x: line[2], y: line[3] });
      return { kind: 'recist', slice, pixels, mode, shift };
    }
  }
}

/** Before the line is drawn: a line of a billion pixels would not fit into memory. */
function requireInside(line: readonly number[], { geometry: { columns, rows } }: Volume): void {
  const inside = line.every((value, at) => Number.isInteger(value) && value >= 0 && value < (at % 2 ? rows : columns));
  if (inside) return;
  throw new UserError(
    'recist-outside',
    `The RECIST line ${line.join(',')} does not lie on whole pixels inside the image of ${columns} x ${rows} pixels.`,
    `Give the two ends as whole numbers with x between 0 and ${columns - 1} and y between 0 and ${rows - 1}.`,
  );
}
