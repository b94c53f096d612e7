import { idSchema, jobBodySchema, jobSchema, type JobState } from '@medsam2/protocol';
import { z } from 'zod';
import { json, route, type Call, type Route } from '../route.js';
import type { ApiServices } from '../services.js';

const jobParams = z.strictObject({ job: idSchema });

/** Segmentations without a viewer. */
export function jobRoutes({ jobs }: ApiServices): Route[] {
  const subject = ({ params }: Call<{ job: string }>) => ({ job: params.job });
  return [
    route({
      method: 'post',
      path: '/jobs',
      operation: 'job.submit',
      tag: 'Jobs',
      summary: 'Segment a series without a viewer',
      description: 'Queued. The same drawings as in a session; the result is saved when `save` is there.',
      role: 'annotator',
      body: jobBodySchema,
      bodyLimit: 'mask',
      example: {
        source: { study: '1.2.826.0.1.3680043.2.1125.1', series: '1.2.826.0.1.3680043.2.1125.1.2' },
        segments: [{ label: 'Liver', prompts: [{ kind: 'box', place: { slice: 40 }, box: [120, 80, 180, 150] }] }],
        save: {},
      },
      answers: { 202: { description: 'The job', schema: jobSchema } },
      problems: ['too-many-jobs', 'webhook-not-allowed', 'pacs-unknown'],
      audit: {
        action: 'execute',
        subject: ({ body: { source, model } }, answer) => ({
          pacs: source.pacs,
          study: source.study,
          series: source.series,
          model,
          ...(answer?.kind === 'json' ? { job: (answer.body as JobState).id } : {}),
        }),
      },
      run: async ({ principal, body }) => json(await jobs.submit(principal, body), 202),
    }),
    route({
      method: 'get',
      path: '/jobs',
      operation: 'job.list',
      tag: 'Jobs',
      summary: 'Your jobs; everybody’s for an admin',
      role: 'reader',
      answers: { 200: { description: 'The jobs', schema: z.object({ jobs: z.array(jobSchema) }) } },
      audit: { action: 'read', subject: () => ({}) },
      run: async ({ principal }) => json({ jobs: await jobs.list(principal) }),
    }),
    route({
      method: 'get',
      path: '/jobs/:job',
      operation: 'job.read',
      tag: 'Jobs',
      summary: 'How far a job is, and what came of it',
      role: 'reader',
      params: jobParams,
      answers: { 200: { description: 'The job', schema: jobSchema } },
      problems: ['job-not-found'],
      audit: { action: 'read', subject },
      run: async ({ principal, params }) => json(await jobs.get(principal, params.job)),
    }),
    route({
      method: 'delete',
      path: '/jobs/:job',
      operation: 'job.cancel',
      tag: 'Jobs',
      summary: 'Cancel a job',
      role: 'annotator',
      params: jobParams,
      answers: { 200: { description: 'The job', schema: jobSchema } },
      problems: ['job-not-found'],
      audit: { action: 'delete', subject },
      run: async ({ principal, params }) => json(await jobs.cancel(principal, params.job)),
    }),
  ];
}
