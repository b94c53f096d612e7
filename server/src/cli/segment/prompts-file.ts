import { UserError } from '@medsam2/models';
import { basename, dirname, resolve } from 'node:path';
import { z } from 'zod';
import { box, numbers, points, wholeNumber } from '../../datasets/fields.js';
import { readListText } from '../../datasets/table.js';
import type { ObjectSpec, PromptSpec } from './prompt-spec.js';

const recistModes = ['box', 'points', 'center', 'three-points', 'box-grid'] as const;

const prompt = z
  .strictObject({
    slice: wholeNumber('The slice', 0),
    box: box.optional(),
    points: points.optional(),
    mask: z.string('A mask is the name of a file.').min(1, 'A mask is the name of a file.').optional(),
    mask_value: wholeNumber('The mask value', 1).optional(),
    recist: numbers(4, 'A RECIST line (x0,y0,x1,y1)').optional(),
    recist_mode: z.enum(recistModes).optional(),
    shift: wholeNumber('The shift', 0).optional(),
  })
  .superRefine((fields, context) => {
    const kinds = [fields.box ?? fields.points, fields.mask, fields.recist].filter((given) => given !== undefined);
    if (kinds.length !== 1) {
      const message = `A prompt is a box, points (or both), a mask or a recist line; this one has ${kinds.length} of them.`;
      context.addIssue({ code: 'custom', path: [], message });
    }
  });

/** The file of `--prompts`; names of fields as in case lists. */
export const promptsFileSchema = z.strictObject({
  objects: z
    .array(
      z.strictObject({
        label: wholeNumber('The label', 1).refine((label) => label <= 65535, 'The label is above 65535.'),
        name: z.string().min(1).optional(),
        prompts: z.array(prompt).min(1, 'An object needs at least one prompt.'),
      }),
    )
    .min(1, 'At least one object is needed.'),
});

type PromptFields = z.output<typeof prompt>;

/**
 * Reads a prompts file (JSON). Paths of masks are relative to it.
 *
 * @throws UserError `list-not-found`, `list-too-large`, `prompts-invalid`
 */
export async function readPromptsFile(path: string): Promise<ObjectSpec[]> {
  const invalid = (why: string, cause?: unknown): UserError =>
    new UserError(
      'prompts-invalid',
      `${basename(path)} cannot be used as prompts: ${why}`,
      'docs/cli.md shows the form: {"objects": [{"label": 1, "prompts": [{"slice": 40, "box": [120, 80, 180, 150]}]}]}.',
      { cause },
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readListText(path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw invalid('it is not valid JSON.', error);
  }
  const result = promptsFileSchema.safeParse(parsed);
  if (!result.success) {
    const [{ path: where, message }] = result.error.issues;
    throw invalid(where.length > 0 ? `at ${where.join('.')}: ${message}` : message);
  }
  const { objects } = result.data;
  const labels = objects.map(({ label }) => label);
  const twice = labels.find((label, at) => labels.indexOf(label) !== at);
  if (twice !== undefined) throw invalid(`label ${twice} is there twice.`);
  const folder = dirname(path);
  return objects.map(({ label, name, prompts }) => ({
    label,
    ...(name === undefined ? {} : { name }),
    prompts: prompts.map((fields) => specOf(fields, folder)),
  }));
}

function specOf(fields: PromptFields, folder: string): PromptSpec {
  const { slice } = fields;
  if (fields.box) return { kind: 'box', slice, box: fields.box, ...(fields.points ? { points: fields.points } : {}) };
  if (fields.points) return { kind: 'points', slice, points: fields.points };
  if (fields.recist) {
    const [x0, y0, x1, y1] = fields.recist;
    return { kind: 'recist', slice, line: [x0, y0, x1, y1], mode: fields.recist_mode, shift: fields.shift };
  }
  return { kind: 'mask', slice, file: resolve(folder, fields.mask ?? ''), value: fields.mask_value };
}
