import { z } from 'zod';
import { uidSchema } from './basics.js';

/** A coded term (PS3.3 section 8.8): scheme SCT wherever there is one. */
export const codeSchema = z.strictObject({
  scheme: z.string().min(1).max(16),
  value: z.string().min(1).max(64),
  meaning: z.string().min(1).max(64),
});
export type Code = z.infer<typeof codeSchema>;

/** What a segment is (PS3.3 section C.8.20.2: category and type; anatomic region where it applies). */
export const segmentTermsSchema = z.strictObject({
  category: codeSchema,
  type: codeSchema,
  typeModifier: codeSchema.optional(),
  region: codeSchema.optional(),
  regionModifier: codeSchema.optional(),
});
export type SegmentTerms = z.infer<typeof segmentTermsSchema>;

export const colourSchema = z
  .tuple([z.int().min(0).max(255), z.int().min(0).max(255), z.int().min(0).max(255)])
  .meta({ description: '[red, green, blue], sRGB' });

export const segmentBodySchema = z.strictObject({
  label: z.string().trim().min(1).max(64).optional(),
  colour: colourSchema.optional(),
  terms: segmentTermsSchema.optional(),
  /** a locked segment refuses prompts, masks and propagation */
  locked: z.boolean().optional(),
});
export type SegmentBody = z.infer<typeof segmentBodySchema>;

export const segmentSchema = z.object({
  /** 1.. within the session; never used again after a segment is deleted */
  id: z.int().min(1),
  label: z.string(),
  colour: colourSchema,
  terms: segmentTermsSchema,
  locked: z.boolean(),
  trackingUid: uidSchema,
  /** slices with at least one pixel, ascending */
  slices: z.array(z.int()),
});
export type SegmentState = z.infer<typeof segmentSchema>;

/** Body of a search in the terminology. */
export const termHitSchema = z.object({ terms: segmentTermsSchema, label: z.string(), colour: colourSchema });
export type TermHit = z.infer<typeof termHitSchema>;

export const segmentStatisticsSchema = z.object({
  segment: z.int(),
  voxels: z.int(),
  /** millilitres; absent for cine */
  volumeMl: z.number().optional(),
  /** longest diameter on one slice and the longest at right angles to it there, as RECIST; mm (pixels for cine) */
  longAxis: z.number().optional(),
  shortAxis: z.number().optional(),
  axisSlice: z.int().optional(),
  axisUnit: z.enum(['mm', 'px']),
  /** of the intensities in `unit` */
  mean: z.number().optional(),
  sd: z.number().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  unit: z.string().meta({ description: 'HU for CT, otherwise the unit that the series states, or "stored"' }),
  /** why a figure is absent, or what to know before trusting one; sentences without patient data */
  remarks: z.array(z.string()).optional(),
});
export type SegmentStatistics = z.infer<typeof segmentStatisticsSchema>;
