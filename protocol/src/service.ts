import { z } from 'zod';
import { pacsNameSchema } from './basics.js';

export const roles = ['reader', 'annotator', 'admin'] as const;
/** reader: sees; annotator: segments and saves; admin: sees everybody's sessions, saves and the audit */
export type Role = (typeof roles)[number];

export const modelSchema = z.object({
  name: z.string(),
  title: z.string(),
  isDefault: z.boolean(),
  /** must not be used for patients; shown wherever its results are */
  demonstration: z.boolean(),
  licence: z.object({ spdx: z.string(), restricted: z.boolean(), terms: z.string() }),
  view: z.enum(['full', 'roi']),
  sha256: z.string(),
  loaded: z.boolean(),
  device: z.string().optional(),
});
export type ModelInfo = z.infer<typeof modelSchema>;

export const serviceSchema = z.object({
  name: z.literal('medsam2'),
  version: z.string(),
  auth: z.enum(['none', 'keys', 'oidc']),
  pacs: z.array(z.object({ name: pacsNameSchema, writable: z.boolean() })),
  user: z.object({ id: z.string(), roles: z.array(z.enum(roles)) }).optional(),
  limits: z.object({ sessionsPerUser: z.int(), volumeBytes: z.int(), bodyBytes: z.int() }),
});
export type ServiceInfo = z.infer<typeof serviceSchema>;
