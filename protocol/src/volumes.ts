import { z } from 'zod';
import { findingSchema, pacsNameSchema, uidSchema } from './basics.js';

/** One volume that a series holds. */
export const volumeSchema = z.object({
  /** for `volume` of a session or job */
  index: z.int(),
  /** what tells the volume from the others of its series */
  label: z.string(),
  modality: z.string(),
  kind: z.enum(['stack', 'cine']),
  slices: z.int(),
  rows: z.int(),
  columns: z.int(),
  /** millimetres between columns, rows, slices; 1 for cine */
  spacing: z.tuple([z.number(), z.number(), z.number()]),
  origin: z.tuple([z.number(), z.number(), z.number()]),
  /** 3x3 row-major; columns: unit vectors of increasing column, row and slice, LPS */
  direction: z.array(z.number()).length(9),
  findings: z.array(findingSchema),
  /** a finding says that it must not be segmented as it is */
  rejected: z.boolean(),
  /** codes of rejecting findings that a person may overrule */
  overrulable: z.array(z.string()),
});
export type VolumeInfo = z.infer<typeof volumeSchema>;

/** The images of a volume, by slice: how a viewer matches slices, never by index. */
export const sliceImageSchema = z.object({ sopInstanceUid: uidSchema, frame: z.int().optional() });

export const seriesRefSchema = z.strictObject({
  /** default: the first configured */
  pacs: pacsNameSchema.optional(),
  study: uidSchema,
  series: uidSchema,
  /** index of the volume when the series holds several */
  volume: z.int().min(0).max(99_999).optional(),
  /** codes of rejecting findings to accept on purpose */
  overrule: z.array(z.string().max(64)).max(16).optional(),
});
export type SeriesRef = z.infer<typeof seriesRefSchema>;
