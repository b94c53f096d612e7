import { uidSchema } from '@medsam2/protocol';
import { z } from 'zod';
import { auditRecordSchema } from '../audit/record.js';
import { json, route, wholeNumber, type Route } from '../route.js';
import type { ApiServices } from '../services.js';

const page = z.object({ records: z.array(auditRecordSchema), next: z.string().optional() });

/** Who did what. */
export function auditRoutes({ readAudit }: ApiServices): Route[] {
  return [
    route({
      method: 'get',
      path: '/audit',
      operation: 'audit.read',
      tag: 'Audit',
      summary: 'A page of the audit, oldest first',
      role: 'admin',
      query: z.strictObject({
        after: z.string().max(64).optional().meta({ description: '`next` of the last page' }),
        limit: wholeNumber(1, 1000).optional().meta({ description: 'default 100' }),
        from: z.iso.datetime().optional(),
        to: z.iso.datetime().optional(),
        user: z.string().max(256).optional(),
        study: uidSchema.optional(),
      }),
      answers: { 200: { description: 'The page; `next` is absent at the end', schema: page } },
      problems: ['audit-cursor'],
      audit: { action: 'read', subject: ({ query }) => ({ study: query.study }) },
      run: async ({ query }) => json(await readAudit({ ...query, limit: query.limit ?? 100 })),
    }),
  ];
}
