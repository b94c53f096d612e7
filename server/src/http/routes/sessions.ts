import {
  changeSessionSchema,
  createSessionSchema,
  sessionImagesSchema,
  sessionSchema,
  streamType,
  type SessionState,
} from '@medsam2/protocol';
import { z } from 'zod';
import { empty, json, route, wholeNumber, type Route } from '../route.js';
import type { ApiServices } from '../services.js';
import { modelOf, ofSession, sessionAnswer, sessionParams, sessionProblems } from './shared.js';

const sessionsAnswer = z.object({ sessions: z.array(sessionSchema) });
const after = z.strictObject({
  after: wholeNumber(0, 2 ** 31)
    .optional()
    .meta({ description: 'revision that the client knows; default 0: everything' }),
});

/** Sessions: from a series to masks. */
export function sessionRoutes(services: ApiServices): Route[] {
  const { sessions, sources } = services;
  const subject = ofSession(services);
  return [
    route({
      method: 'post',
      path: '/sessions',
      operation: 'session.create',
      tag: 'Sessions',
      summary: 'Begin a session on a series',
      description: 'Answers once the series is planned; images arrive and slices are encoded in the background.',
      role: 'annotator',
      body: createSessionSchema,
      example: {
        source: { study: '1.2.826.0.1.3680043.2.1125.1', series: '1.2.826.0.1.3680043.2.1125.1.2' },
        position: { slice: 40 },
      },
      answers: { 201: sessionAnswer('The session') },
      problems: ['too-many-sessions', 'memory-exhausted', 'pacs-unknown', 'pacs-not-found', 'pacs-unreachable'],
      audit: {
        action: 'create',
        subject: ({ body: { source, model } }, answer) =>
          answer?.kind === 'json'
            ? { ...sources.learn(answer.body as SessionState), ...modelOf(answer) }
            : { pacs: source.pacs, study: source.study, series: source.series, model },
      },
      run: async ({ principal, body }) => json(await sessions.create(principal, body), 201),
    }),
    route({
      method: 'get',
      path: '/sessions',
      operation: 'session.list',
      tag: 'Sessions',
      summary: 'Your sessions, also those that lie on disk; everybody’s for an admin',
      role: 'reader',
      answers: { 200: { description: 'The sessions', schema: sessionsAnswer } },
      audit: { action: 'read', subject: () => ({}) },
      run: async ({ principal }) => json({ sessions: await sessions.list(principal) }),
    }),
    route({
      method: 'get',
      path: '/sessions/:session',
      operation: 'session.read',
      tag: 'Sessions',
      summary: 'The state of a session; opens it again when it lies on disk',
      role: 'reader',
      params: sessionParams,
      answers: { 200: sessionAnswer('The session') },
      problems: ['session-not-found'],
      audit: { action: 'read', subject },
      run: async ({ principal, params }) => json(await sessions.get(principal, params.session)),
    }),
    route({
      method: 'patch',
      path: '/sessions/:session',
      operation: 'session.change',
      tag: 'Sessions',
      summary: 'Change model, window, view or position',
      description: 'Only what is named changes. Results that exist stay, with the name of the model that made them.',
      role: 'annotator',
      params: sessionParams,
      body: changeSessionSchema,
      example: { window: { preset: 'lung' } },
      answers: { 200: sessionAnswer('The session') },
      problems: sessionProblems,
      audit: {
        action: 'update',
        subject: async (call, answer) => ({ ...(await subject(call)), ...modelOf(answer) }),
      },
      run: async ({ principal, params, body }) => json(await sessions.change(principal, params.session, body)),
    }),
    route({
      method: 'delete',
      path: '/sessions/:session',
      operation: 'session.remove',
      tag: 'Sessions',
      summary: 'End a session and remove all it left on disk',
      role: 'annotator',
      params: sessionParams,
      answers: { 204: { description: 'It is gone' } },
      problems: ['session-not-found'],
      audit: { action: 'delete', flush: true, subject },
      run: async ({ principal, params }) => {
        await sessions.remove(principal, params.session);
        return empty;
      },
    }),
    route({
      method: 'get',
      path: '/sessions/:session/images',
      operation: 'session.images',
      tag: 'Sessions',
      summary: 'The images of the volume by slice: how a viewer matches slices',
      role: 'reader',
      params: sessionParams,
      answers: { 200: { description: 'One image per slice', schema: sessionImagesSchema } },
      problems: ['session-not-found', 'session-not-ready'],
      audit: { action: 'read', subject },
      run: async ({ principal, params }) => json({ images: await sessions.images(principal, params.session) }),
    }),
    route({
      method: 'get',
      path: '/sessions/:session/events',
      operation: 'session.events',
      tag: 'Sessions',
      summary: 'The event stream: masks, scores and state as they change',
      description:
        'Frames of `@medsam2/protocol/stream`: everything newer than `after`, then what happens, until the client goes, ' +
        'the session ends or the server stops (a `closed` frame). Never silent for long: there are `ping` frames.',
      role: 'reader',
      params: sessionParams,
      query: after,
      answers: { 200: { description: 'Frames without end', contentType: streamType } },
      problems: ['session-not-found', 'too-many-streams'],
      audit: { action: 'read', subject },
      run: async ({ principal, params, query, signal }) => {
        // who may not see it is told so now, while a status can still be sent
        await sessions.get(principal, params.session);
        return { kind: 'stream', events: sessions.events(principal, params.session, query.after ?? 0, signal) };
      },
    }),
    route({
      method: 'get',
      path: '/sessions/:session/changes',
      operation: 'session.changes',
      tag: 'Sessions',
      summary: 'The same as the event stream, without waiting for more',
      role: 'reader',
      params: sessionParams,
      query: after,
      answers: { 200: { description: 'Frames', contentType: streamType } },
      problems: ['session-not-found'],
      audit: { action: 'read', subject },
      run: async ({ principal, params, query }) => ({
        kind: 'events',
        events: await sessions.changes(principal, params.session, query.after ?? 0),
      }),
    }),
    route({
      method: 'get',
      path: '/sessions/:session/journal',
      operation: 'session.journal',
      tag: 'Sessions',
      summary: 'What was asked in this session, in order',
      role: 'reader',
      params: sessionParams,
      answers: { 200: { description: 'JSON lines', contentType: 'application/x-ndjson' } },
      problems: ['session-not-found'],
      audit: { action: 'read', subject },
      run: async ({ principal, params }) => ({
        kind: 'text',
        text: await sessions.journal(principal, params.session),
        contentType: 'application/x-ndjson; charset=utf-8',
      }),
    }),
    route({
      method: 'post',
      path: '/sessions/:session/replay',
      operation: 'session.replay',
      tag: 'Sessions',
      summary: 'A new session with the same prompts on another model',
      role: 'annotator',
      params: sessionParams,
      body: z.strictObject({ model: z.string().min(1).max(128) }),
      example: { model: 'nano' },
      answers: { 201: sessionAnswer('The new session') },
      problems: [...sessionProblems, 'too-many-sessions'],
      audit: {
        action: 'create',
        subject: async (call, answer) =>
          answer?.kind === 'json'
            ? { ...sources.learn(answer.body as SessionState), ...modelOf(answer) }
            : { ...(await subject(call)), model: call.body.model },
      },
      run: async ({ principal, params, body }) =>
        json(await sessions.replay(principal, params.session, body.model), 201),
    }),
  ];
}
