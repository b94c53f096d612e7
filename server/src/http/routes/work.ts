import { propagateSchema, runSchema, saveBodySchema, saveSchema, segmentStatisticsSchema } from '@medsam2/protocol';
import { z } from 'zod';
import { json, route, type Route } from '../route.js';
import type { ApiServices } from '../services.js';
import { modelOf, ofSession, sessionAnswer, sessionParams, sessionProblems } from './shared.js';

const exportFormats = ['nii.gz', 'nrrd', 'npz', 'dcm'] as const;

/** What is done with a session's prompts and masks. */
export function workRoutes(services: ApiServices): Route[] {
  const { sessions } = services;
  const subject = ofSession(services);
  /** Verbs without a body that answer with the session. */
  const verb = (name: 'cancel' | 'undo' | 'redo', summary: string, problems: readonly string[]): Route =>
    route({
      method: 'post',
      path: `/sessions/:session/${name}`,
      operation: `session.${name}`,
      tag: 'Work',
      summary,
      role: 'annotator',
      params: sessionParams,
      answers: { 200: sessionAnswer('The session') },
      problems: [...sessionProblems, ...problems],
      audit: { action: 'update', subject },
      run: async ({ principal, params }) => json(await sessions[name](principal, params.session)),
    });
  return [
    route({
      method: 'post',
      path: '/sessions/:session/propagate',
      operation: 'session.propagate',
      tag: 'Work',
      summary: 'Follow the segments through the volume, or a stretch of it',
      description: 'Answers once the run is queued; slices come over the event stream, from the prompts outward.',
      role: 'annotator',
      params: sessionParams,
      body: propagateSchema,
      bodyOptional: true,
      example: { direction: 'both', range: { first: 20, last: 60 } },
      answers: { 202: { description: 'The run', schema: runSchema } },
      problems: [...sessionProblems, 'nothing-to-propagate', 'segment-not-found', 'slice-not-found'],
      audit: {
        action: 'execute',
        subject: async (call, answer) => ({ ...(await subject(call)), ...modelOf(answer) }),
      },
      run: async ({ principal, params, body }) => json(await sessions.propagate(principal, params.session, body), 202),
    }),
    verb('cancel', 'Stop the run; slices that are done stay', []),
    verb('undo', 'Take the last change back, whatever it was', ['nothing-to-undo']),
    verb('redo', 'Do again what was taken back', ['nothing-to-redo']),
    route({
      method: 'post',
      path: '/sessions/:session/reset',
      operation: 'session.reset',
      tag: 'Work',
      summary: 'Remove prompts and masks of one segment, or of all; can be undone',
      role: 'annotator',
      params: sessionParams,
      body: z.strictObject({ segment: z.int().min(1).optional() }),
      bodyOptional: true,
      example: { segment: 1 },
      answers: { 200: sessionAnswer('The session') },
      problems: [...sessionProblems, 'segment-not-found'],
      audit: { action: 'update', subject },
      run: async ({ principal, params, body }) => json(await sessions.reset(principal, params.session, body.segment)),
    }),
    route({
      method: 'get',
      path: '/sessions/:session/statistics',
      operation: 'session.statistics',
      tag: 'Work',
      summary: 'Volume, diameters and intensities of every segment',
      role: 'reader',
      params: sessionParams,
      answers: {
        200: { description: 'Per segment', schema: z.object({ statistics: z.array(segmentStatisticsSchema) }) },
      },
      problems: ['session-not-found', 'session-not-ready'],
      audit: { action: 'read', subject },
      run: async ({ principal, params }) => json({ statistics: await sessions.statistics(principal, params.session) }),
    }),
    route({
      method: 'get',
      path: '/sessions/:session/export',
      operation: 'session.export',
      tag: 'Work',
      summary: 'The label map as a file',
      role: 'reader',
      params: sessionParams,
      query: z.strictObject({ format: z.enum(exportFormats).default('nii.gz') }),
      answers: { 200: { description: 'The file', contentType: 'application/octet-stream' } },
      problems: ['session-not-found', 'session-not-ready', 'nothing-to-save'],
      audit: { action: 'read', flush: true, subject },
      run: async ({ principal, params, query }) => ({
        kind: 'file',
        ...(await sessions.exportLabelMap(principal, params.session, query.format)),
      }),
    }),
    route({
      method: 'post',
      path: '/sessions/:session/save',
      operation: 'session.save',
      tag: 'Work',
      summary: 'Save the segments as DICOM Segmentation in the PACS',
      description:
        'A new instance each time. 201: the PACS gave it back identical. 202: it is safe on this server’s disk, and the ' +
        '`state` and `message` say what the PACS did; a PACS that is down delays, it does not lose.',
      role: 'annotator',
      params: sessionParams,
      body: saveBodySchema,
      bodyOptional: true,
      example: { description: 'Liver, second reading', reviewed: true },
      answers: {
        201: { description: 'Saved and verified', schema: saveSchema },
        202: { description: 'Safe on this server, not verified', schema: saveSchema },
      },
      problems: [...sessionProblems, 'nothing-to-save', 'spool-full', 'pacs-read-only', 'seg-invalid'],
      audit: {
        action: 'create',
        flush: true,
        subject: async (call, answer) => ({
          ...(await subject(call)),
          ...(answer?.kind === 'json' ? { save: (answer.body as { id: string }).id } : {}),
        }),
      },
      run: async ({ principal, params, body }) => {
        const save = await sessions.save(principal, params.session, body);
        return json(save, save.state === 'verified' ? 201 : 202);
      },
    }),
  ];
}
