import { z } from 'zod';
import { idSchema, pixelSchema, placeSchema, worldSchema } from './basics.js';

/** Points a prompt may hold; a scribble of a long minute has fewer. */
export const maxPromptPoints = 4096;

const label = z.union([z.literal(0), z.literal(1)]).meta({ description: '1: belongs to the object; 0: does not' });
const pixelPath = z.array(pixelSchema).min(1).max(maxPromptPoints);
const worldPath = z.array(worldSchema).min(1).max(maxPromptPoints);

/**
 * A mask of one slice: base64 of runs, as `encodeRuns` of the stream makes them, of the whole slice in row-major order.
 */
export const maskSchema = z.strictObject({
  rows: z.int().min(1).max(65535),
  columns: z.int().min(1).max(65535),
  runs: z.base64().max(8 * 2 ** 20),
});

/** Drawn in pixels of one slice. */
export const pixelDrawingSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('box'),
    place: placeSchema,
    box: z.tuple([z.number(), z.number(), z.number(), z.number()]).meta({ description: '[x0, y0, x1, y1]' }),
  }),
  z.strictObject({
    kind: z.literal('points'),
    place: placeSchema,
    points: z
      .array(z.strictObject({ x: z.number(), y: z.number(), label }))
      .min(1)
      .max(maxPromptPoints),
  }),
  z.strictObject({ kind: z.literal('scribble'), place: placeSchema, path: pixelPath, label }),
  z.strictObject({ kind: z.literal('lasso'), place: placeSchema, path: pixelPath, label }),
  z.strictObject({ kind: z.literal('mask'), place: placeSchema, mask: maskSchema }),
  z.strictObject({
    kind: z.literal('recist'),
    place: placeSchema,
    line: z.tuple([z.number(), z.number(), z.number(), z.number()]).meta({ description: '[x0, y0, x1, y1]' }),
  }),
]);

/**
 * Drawn in space: on an acquired slice, or on a plane at right angles to it along the grid's rows or columns (sagittal,
 * coronal). Other planes are refused with `plane-oblique`. A box is its four corners, a lasso its closed outline.
 */
export const worldDrawingSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('world-box'), corners: z.array(worldSchema).length(4) }),
  z.strictObject({
    kind: z.literal('world-points'),
    points: z
      .array(z.strictObject({ at: worldSchema, label }))
      .min(1)
      .max(maxPromptPoints),
  }),
  z.strictObject({ kind: z.literal('world-scribble'), path: worldPath, label }),
  z.strictObject({ kind: z.literal('world-lasso'), path: worldPath, label }),
]);

export const drawingSchema = z.union([pixelDrawingSchema, worldDrawingSchema]);
export type Drawing = z.infer<typeof drawingSchema>;
export type PixelDrawing = z.infer<typeof pixelDrawingSchema>;
export type WorldDrawing = z.infer<typeof worldDrawingSchema>;

/** Body of PUT …/prompts/{id}: makes the prompt, or moves it when the identifier is known. */
export const promptBodySchema = z.strictObject({
  segment: z.int().min(1),
  drawing: drawingSchema,
  /** answer the prompt's own slice at once (default) */
  preview: z.boolean().default(true),
});
export type PromptBody = z.infer<typeof promptBodySchema>;

export const promptSchema = z.object({ id: idSchema, segment: z.int(), drawing: drawingSchema, slice: z.int() });
export type PromptState = z.infer<typeof promptSchema>;
