import {
  drawingSchema,
  editSchema,
  fromBase64,
  idSchema,
  promptAnswerSchema,
  promptBodySchema,
  segmentBodySchema,
  segmentSchema,
  sliceScoreSchema,
} from '@medsam2/protocol';
import { z } from 'zod';
import { json, route, wholeNumber, type Route } from '../route.js';
import type { ApiServices } from '../services.js';
import { ofSession, sessionAnswer, sessionParams, sessionProblems } from './shared.js';

const segmentParams = sessionParams.extend({ segment: wholeNumber(1, 1_000_000) });
const promptParams = sessionParams.extend({ prompt: idSchema });
const sliceParams = segmentParams.extend({ slice: wholeNumber(0, 1_000_000) });
const previewBody = z.strictObject({
  segment: z.int().min(1),
  drawings: z.array(drawingSchema).min(1).max(1000),
});
const segmentProblems = [...sessionProblems, 'segment-not-found', 'segment-locked'];
const drawingProblems = [...segmentProblems, 'image-not-found', 'slice-not-found', 'plane-oblique', 'mask-invalid'];

/** Segments of a session, and what is drawn on them. */
export function segmentRoutes(services: ApiServices): Route[] {
  const { sessions } = services;
  const subject = ofSession(services);
  const ofSegment = async (call: Parameters<typeof subject>[0] & { params: { segment: number } }) => ({
    ...(await subject(call)),
    segment: call.params.segment,
  });
  return [
    route({
      method: 'post',
      path: '/sessions/:session/segments',
      operation: 'segment.add',
      tag: 'Segments',
      summary: 'Add a segment',
      role: 'annotator',
      params: sessionParams,
      body: segmentBodySchema,
      bodyOptional: true,
      example: { label: 'Liver', colour: [221, 130, 101] },
      answers: { 201: { description: 'The segment', schema: segmentSchema } },
      problems: sessionProblems,
      audit: { action: 'update', subject },
      run: async ({ principal, params, body }) => json(await sessions.addSegment(principal, params.session, body), 201),
    }),
    route({
      method: 'patch',
      path: '/sessions/:session/segments/:segment',
      operation: 'segment.change',
      tag: 'Segments',
      summary: 'Change label, colour, terms or lock of a segment',
      role: 'annotator',
      params: segmentParams,
      body: segmentBodySchema,
      example: { locked: true },
      answers: { 200: { description: 'The segment', schema: segmentSchema } },
      problems: segmentProblems,
      audit: { action: 'update', subject: ofSegment },
      run: async ({ principal, params, body }) =>
        json(await sessions.changeSegment(principal, params.session, params.segment, body)),
    }),
    route({
      method: 'delete',
      path: '/sessions/:session/segments/:segment',
      operation: 'segment.remove',
      tag: 'Segments',
      summary: 'Remove a segment; can be undone',
      role: 'annotator',
      params: segmentParams,
      answers: { 200: sessionAnswer('The session') },
      problems: segmentProblems,
      audit: { action: 'update', subject: ofSegment },
      run: async ({ principal, params }) =>
        json(await sessions.removeSegment(principal, params.session, params.segment)),
    }),
    route({
      method: 'put',
      path: '/sessions/:session/prompts/:prompt',
      operation: 'prompt.put',
      tag: 'Segments',
      summary: 'Draw a prompt, or move it',
      description: 'The client makes the identifier: a request that is repeated does nothing twice.',
      role: 'annotator',
      params: promptParams,
      body: promptBodySchema,
      bodyLimit: 'mask',
      example: { segment: 1, drawing: { kind: 'box', place: { slice: 40 }, box: [120, 80, 180, 150] } },
      answers: { 200: { description: 'What changed', schema: promptAnswerSchema } },
      problems: drawingProblems,
      audit: {
        action: 'update',
        subject: async (call) => ({ ...(await subject(call)), segment: call.body.segment }),
      },
      run: async ({ principal, params, body, signal }) =>
        json(await sessions.putPrompt(principal, params.session, params.prompt, body, signal)),
    }),
    route({
      method: 'delete',
      path: '/sessions/:session/prompts/:prompt',
      operation: 'prompt.remove',
      tag: 'Segments',
      summary: 'Remove a prompt; can be undone',
      role: 'annotator',
      params: promptParams,
      answers: { 200: sessionAnswer('The session') },
      problems: [...sessionProblems, 'prompt-not-found', 'segment-locked'],
      audit: { action: 'update', subject },
      run: async ({ principal, params }) => json(await sessions.removePrompt(principal, params.session, params.prompt)),
    }),
    route({
      method: 'post',
      path: '/sessions/:session/preview',
      operation: 'prompt.preview',
      tag: 'Segments',
      summary: 'The model’s answer to drawings, without changing the session',
      role: 'annotator',
      params: sessionParams,
      body: previewBody,
      bodyLimit: 'mask',
      example: { segment: 1, drawings: [{ kind: 'box', place: { slice: 40 }, box: [120, 80, 180, 150] }] },
      answers: { 200: { description: 'What would change', schema: promptAnswerSchema } },
      problems: drawingProblems,
      audit: {
        action: 'execute',
        subject: async (call) => ({ ...(await subject(call)), segment: call.body.segment }),
      },
      run: async ({ principal, params, body, signal }) =>
        json(await sessions.preview(principal, params.session, body.segment, body.drawings, signal)),
    }),
    route({
      method: 'put',
      path: '/sessions/:session/segments/:segment/slices/:slice',
      operation: 'slice.edit',
      tag: 'Segments',
      summary: 'A mask edited by hand: kept to the pixel, used as a correction',
      role: 'annotator',
      params: sliceParams,
      body: editSchema,
      bodyLimit: 'mask',
      example: { mask: { rows: 512, columns: 512, runs: 'gICAAQQ=' } },
      answers: { 200: { description: 'The slice', schema: sliceScoreSchema } },
      problems: drawingProblems,
      audit: { action: 'update', subject: ofSegment },
      run: async ({ principal, params, body }) => {
        const { rows, columns, runs } = body.mask;
        const mask = { rows, columns, runs: fromBase64(runs) };
        return json(await sessions.editSlice(principal, params.session, params.segment, params.slice, mask));
      },
    }),
  ];
}
