import { z } from 'zod';
import { idSchema } from './basics.js';
import { drawingSchema } from './prompts.js';
import { saveBodySchema, saveSchema } from './saves.js';
import { segmentBodySchema, segmentStatisticsSchema } from './segments.js';
import { createSessionSchema, propagateSchema } from './sessions.js';

/** A segmentation without a viewer: the same requests in one body. */
export const jobBodySchema = z.strictObject({
  source: createSessionSchema.shape.source,
  model: createSessionSchema.shape.model,
  window: createSessionSchema.shape.window,
  view: createSessionSchema.shape.view,
  segments: z
    .array(segmentBodySchema.extend({ prompts: z.array(drawingSchema).min(1).max(1000) }))
    .min(1)
    .max(255),
  propagate: propagateSchema.omit({ segments: true }).prefault({}),
  /** absent: nothing is saved, statistics only */
  save: saveBodySchema.omit({ segments: true, replaces: true }).optional(),
  /** told about the end; its host must be allowed by the operator */
  webhook: z.url({ protocol: /^https?$/ }).optional(),
});
export type JobBody = z.infer<typeof jobBodySchema>;

export const jobSchema = z.object({
  id: idSchema,
  state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
  /** 0..1 */
  progress: z.number(),
  stage: z.string(),
  created: z.iso.datetime(),
  finished: z.iso.datetime().optional(),
  problem: z.object({ code: z.string(), detail: z.string(), remedy: z.string() }).optional(),
  save: saveSchema.optional(),
  statistics: z.array(segmentStatisticsSchema).optional(),
  warnings: z.array(z.string()),
});
export type JobState = z.infer<typeof jobSchema>;
