import { z } from 'zod';

/** Path under which all routes of this contract lie. A change that breaks clients gets a new one. */
export const apiPath = '/api/v1';

/**
 * DICOM unique identifier (PS3.5 section 9.1): numbers with dots between, at most 64 characters. Leading zeros, which
 * the standard forbids, occur in real archives.
 */
export const uidSchema = z
  .string()
  .max(64)
  .regex(/^\d+(\.\d+)+$/, 'not a DICOM UID')
  .meta({ description: 'DICOM unique identifier', example: '1.2.826.0.1.3680043.2.1125.1' });

/** Name of a configured PACS; never an address: clients cannot make the server call anything else. */
export const pacsNameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/);

/** Identifier made by the server or by a client for a prompt: so that a repeated request does nothing twice. */
export const idSchema = z.uuid();

export const pixelSchema = z.tuple([z.number(), z.number()]).meta({ description: '[x, y] in pixels of the slice' });
export const worldSchema = z
  .tuple([z.number(), z.number(), z.number()])
  .meta({ description: '[x, y, z] LPS millimetres' });

/** Where a drawing in pixels lies: an image of the source, or a slice of the session's volume. */
export const placeSchema = z.union([
  z.strictObject({ sopInstanceUid: uidSchema, frame: z.int().min(1).optional() }),
  z.strictObject({ slice: z.int().min(0) }),
]);
export type Place = z.infer<typeof placeSchema>;

/** RFC 9457 problem details; `code` is stable, `remedy` says what to do. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  remedy: z.string(),
  /** the request's identifier, as in the server's log */
  instance: z.string().optional(),
  /** where a request does not fit its schema */
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;

export const findingSchema = z.object({
  code: z.string(),
  severity: z.enum(['info', 'warn', 'reject']),
  message: z.string(),
});
