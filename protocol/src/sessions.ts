import { z } from 'zod';
import { idSchema, placeSchema, uidSchema } from './basics.js';
import { maskSchema, promptSchema } from './prompts.js';
import { segmentSchema } from './segments.js';
import { seriesRefSchema, sliceImageSchema, volumeSchema } from './volumes.js';

/** Window as the viewer shows it, a preset by name, or the model's default for the modality. */
export const windowSchema = z.union([
  z.literal('auto'),
  z.strictObject({ preset: z.string().max(32) }),
  z.strictObject({ centre: z.number(), width: z.number().positive() }),
  z.strictObject({ percentiles: z.tuple([z.number().min(0).max(100), z.number().min(0).max(100)]) }),
]);
export type WindowChoice = z.infer<typeof windowSchema>;

export const createSessionSchema = z.strictObject({
  source: seriesRefSchema,
  /** name of an installed model; default: the server's */
  model: z.string().max(128).optional(),
  window: windowSchema.default('auto'),
  /** `full` or `roi`; default: the model's own */
  view: z.enum(['full', 'roi']).optional(),
  /** where the user looks: slices around it are encoded first */
  position: placeSchema.optional(),
  /** continue from a segmentation of the same series in the PACS */
  segmentation: z.strictObject({ series: uidSchema, sopInstanceUid: uidSchema }).optional(),
});
export type CreateSession = z.infer<typeof createSessionSchema>;

/** Body of PATCH: changing model or window drops nothing; results that exist stay and keep their model's name. */
export const changeSessionSchema = z.strictObject({
  model: z.string().max(128).optional(),
  window: windowSchema.optional(),
  view: z.enum(['full', 'roi']).optional(),
  position: placeSchema.optional(),
});
export type ChangeSession = z.infer<typeof changeSessionSchema>;

export const propagateSchema = z.strictObject({
  /** default: every segment with a prompt that is not locked */
  segments: z.array(z.int().min(1)).max(1000).optional(),
  direction: z.enum(['both', 'forward', 'backward']).default('both'),
  /** inclusive; only these slices change: a stretch is repaired and the rest is kept */
  range: z.strictObject({ first: z.int().min(0), last: z.int().min(0) }).optional(),
  stop: z
    .strictObject({
      /** end a direction after this many slices in a row without the object; default 2; null: never */
      absentSlices: z.int().min(1).max(1000).nullable().default(2),
      /** end a direction when the predicted IoU falls below */
      minIou: z.number().min(0).max(1).optional(),
    })
    .prefault({}),
});
export type Propagate = z.infer<typeof propagateSchema>;

/** Body of PUT …/segments/{segment}/slices/{slice}: a mask edited by hand, kept as it is and used as a correction. */
export const editSchema = z.strictObject({ mask: maskSchema });

/** A run of the model over several slices. */
export const runSchema = z.object({
  id: idSchema,
  kind: z.enum(['propagate']),
  segments: z.array(z.int()),
  done: z.int(),
  total: z.int(),
  state: z.enum(['queued', 'running', 'done', 'cancelled', 'failed']),
  /** why it failed, or why it ended early, in one sentence */
  message: z.string().optional(),
});
export type RunState = z.infer<typeof runSchema>;

export const sessionSchema = z.object({
  id: idSchema,
  /** grows with every change; clients ask for what is newer */
  revision: z.int(),
  source: seriesRefSchema,
  phase: z.enum(['loading', 'ready', 'failed', 'closed']),
  /** images fetched and decoded, and slices encoded ahead */
  loading: z.object({ done: z.int(), total: z.int() }),
  encoded: z.int(),
  problem: z.object({ code: z.string(), detail: z.string(), remedy: z.string() }).optional(),
  model: z.object({ name: z.string(), sha256: z.string(), demonstration: z.boolean(), device: z.string() }),
  window: z.object({ choice: windowSchema, text: z.string() }),
  view: z.enum(['full', 'roi']),
  volume: volumeSchema.optional(),
  segments: z.array(segmentSchema),
  prompts: z.array(promptSchema),
  run: runSchema.optional(),
  canUndo: z.boolean(),
  canRedo: z.boolean(),
  /** changed since the last save that the PACS confirmed */
  unsaved: z.boolean(),
  created: z.iso.datetime(),
  /** when it is put to disk unless somebody uses it; its journal stays and it can be opened again */
  idleAt: z.iso.datetime(),
});
export type SessionState = z.infer<typeof sessionSchema>;

/** Answer of GET …/images. */
export const sessionImagesSchema = z.object({ images: z.array(sliceImageSchema) });

/** Scores of one slice of one segment. */
export const sliceScoreSchema = z.object({
  segment: z.int(),
  slice: z.int(),
  revision: z.int(),
  iou: z.number(),
  presence: z.number(),
  origin: z.enum(['prompt', 'propagated', 'blended', 'edited', 'imported']),
  pixels: z.int(),
});
export type SliceScoreState = z.infer<typeof sliceScoreSchema>;

/** Answer to a prompt: what changed. The masks come over the stream, and as `masks` here in the same encoding. */
export const promptAnswerSchema = z.object({
  revision: z.int(),
  prompt: promptSchema,
  scores: z.array(sliceScoreSchema),
  masks: z.array(maskSchema.extend({ segment: z.int(), slice: z.int() })),
  /** slices on which the model sees no object, with what to try */
  absent: z.array(z.object({ segment: z.int(), slice: z.int(), presence: z.number(), message: z.string() })),
});
export type PromptAnswer = z.infer<typeof promptAnswerSchema>;
