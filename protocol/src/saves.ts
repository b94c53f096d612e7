import { z } from 'zod';
import { idSchema, pacsNameSchema, uidSchema } from './basics.js';

export const saveBodySchema = z.strictObject({
  /** SeriesDescription; a version number is added when it exists already */
  description: z.string().trim().min(1).max(60).optional(),
  /** default: every segment that is not empty */
  segments: z.array(z.int().min(1)).max(1000).optional(),
  format: z.enum(['binary', 'labelmap']).default('binary'),
  /** a person looked at every slice: CompletionFlag-like statement of the user, never assumed */
  reviewed: z.boolean().default(false),
  /** the segmentation that this one replaces; it is referenced, never touched */
  replaces: z.strictObject({ series: uidSchema, sopInstanceUid: uidSchema }).optional(),
});
export type SaveBody = z.infer<typeof saveBodySchema>;

export const saveSchema = z.object({
  id: idSchema,
  pacs: pacsNameSchema,
  study: uidSchema,
  series: uidSchema,
  sopInstanceUid: uidSchema,
  description: z.string(),
  /**
   * `waiting`: on the server's disk, to be sent; `sending`; `verified`: the PACS gave it back identical;
   * `refused`: the PACS will not take it (kept on disk); `discarded` by a person.
   */
  state: z.enum(['waiting', 'sending', 'verified', 'refused', 'discarded']),
  attempts: z.int(),
  created: z.iso.datetime(),
  nextAttempt: z.iso.datetime().optional(),
  /** what happened last, one sentence and a remedy */
  message: z.string().optional(),
  bytes: z.int(),
  /** what must be known about the object, e.g. readers that refuse tilted stacks */
  warnings: z.array(z.string()),
});
export type SaveState = z.infer<typeof saveSchema>;
