import { modelSchema, pacsNameSchema, serviceSchema, termHitSchema, uidSchema, volumeSchema } from '@medsam2/protocol';
import { z } from 'zod';
import { json, route, wholeNumber, type Route } from '../route.js';
import type { ApiServices } from '../services.js';

const volumesAnswer = z.object({ volumes: z.array(volumeSchema) });

/** What the server is and offers. */
export function serviceRoutes({ service, models, searchTerms, sessions }: ApiServices): Route[] {
  return [
    route({
      method: 'get',
      path: '/service',
      operation: 'service.read',
      tag: 'Service',
      summary: 'What this server is, which PACS it knows, and who you are',
      role: 'reader',
      answers: { 200: { description: 'The server and the user', schema: serviceSchema } },
      audit: 'none',
      run: ({ principal }) =>
        Promise.resolve(json({ ...service, user: { id: principal.id, roles: [...principal.roles] } })),
    }),
    route({
      method: 'get',
      path: '/models',
      operation: 'models.list',
      tag: 'Service',
      summary: 'Installed models, with their terms of use',
      role: 'reader',
      answers: { 200: { description: 'The models', schema: z.object({ models: z.array(modelSchema) }) } },
      audit: 'none',
      run: async () => json({ models: await models.list() }),
    }),
    route({
      method: 'get',
      path: '/terms',
      operation: 'terms.search',
      tag: 'Service',
      summary: 'Search the terminology for what a segment is',
      description: 'Part of a name in English, or a code. Other codes may be used as well.',
      role: 'reader',
      query: z.strictObject({
        q: z.string().max(100).default('').meta({ description: 'words of the name, or a code', example: 'liver' }),
        limit: wholeNumber(1, 200).optional().meta({ description: 'most terms; default 20' }),
      }),
      answers: { 200: { description: 'Terms, the best first', schema: z.object({ terms: z.array(termHitSchema) }) } },
      audit: 'none',
      run: ({ query }) => Promise.resolve(json({ terms: searchTerms(query.q, query.limit ?? 20) })),
    }),
    route({
      method: 'get',
      path: '/studies/:study/series/:series/volumes',
      operation: 'series.volumes',
      tag: 'Service',
      summary: 'The volumes of a series, and what is odd about them',
      description: 'Reads the metadata of the series and no pixels. A series of several volumes needs a choice of one.',
      role: 'reader',
      params: z.strictObject({ study: uidSchema, series: uidSchema }),
      query: z.strictObject({ pacs: pacsNameSchema.optional().meta({ description: 'default: the first configured' }) }),
      answers: { 200: { description: 'The volumes', schema: volumesAnswer } },
      problems: ['pacs-unknown', 'pacs-not-found', 'pacs-unreachable'],
      audit: {
        action: 'read',
        subject: ({ params, query }) => ({ ...params, pacs: query.pacs }),
      },
      run: async ({ principal, params, query }) =>
        json({ volumes: await sessions.volumes(principal, { ...params, pacs: query.pacs }) }),
    }),
  ];
}
