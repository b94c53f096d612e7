import { UserError } from '@medsam2/models';
import express, { type Request, type RequestHandler } from 'express';
import type { Config } from '../config/index.js';
import type { AuditRecord, AuditSubject } from './audit/record.js';
import type { AuditTrail } from './audit/trail.js';
import { requireRole } from './auth/authenticator.js';
import { contextOf, principalOf, type RequestContext } from './context.js';
import type { StreamLimit } from './limits.js';
import { answerError } from './problems.js';
import type { Answer, Call, Route } from './route.js';
import { sendAnswer } from './send.js';
import type { StreamOptions } from './stream.js';

export interface PerformOptions {
  readonly audit: AuditTrail;
  readonly stream: StreamOptions;
  readonly streams: StreamLimit;
  readonly now: () => Date;
}

/** The parsers of a route's body: only JSON in UTF-8, uncompressed, and no more of it than the route takes. */
export function bodyParsers(route: Route, { jsonBytes, maskBytes }: Config['http']): RequestHandler[] {
  if (route.body === undefined) return [];
  const parse = express.json({
    limit: route.bodyLimit === 'mask' ? maskBytes : jsonBytes,
    inflate: false,
    strict: true,
    type: () => true,
  });
  return [
    (request, _response, next) => {
      const hasBody =
        request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length']) > 0;
      if (hasBody && request.is('application/json') === false) {
        throw new UserError(
          'content-type-unsupported',
          'The body must be JSON.',
          'Send Content-Type: application/json.',
        );
      }
      next();
    },
    parse,
    (request: Request<unknown, unknown, unknown>, _response, next) => {
      if (request.body === undefined && route.bodyOptional === true) request.body = {};
      next();
    },
  ];
}

/**
 * Answers one route: role, schema, audit, work, audit, answer. What changes something is written down before it happens
 * and again when it is known how it went; what only reads is written down before its answer leaves.
 */
export function perform(route: Route, options: PerformOptions): RequestHandler {
  const { audit, stream, streams, now } = options;
  return async (request, response) => {
    const context = contextOf(response);
    const principal = principalOf(response);
    const signal = AbortSignal.any([context.gone, stream.stopping]);
    const write = async (
      outcome: AuditRecord['outcome'],
      subject: AuditSubject,
      status?: number,
      code?: string,
    ): Promise<void> => {
      if (route.audit === 'none') return;
      await audit.write(
        {
          ...recordBase(request, context, now()),
          what: route.operation,
          action: route.audit.action,
          outcome,
          ...(status === undefined ? {} : { status }),
          ...(code === undefined ? {} : { code }),
          ...defined(subject),
        },
        route.audit.flush,
      );
    };
    let call: Call | undefined;
    let leave: (() => void) | undefined;
    let answer: Answer;
    try {
      requireRole(principal, route.role);
      const query: unknown = request.query;
      const parsed = route.parse({
        params: { ...request.params },
        query: { ...(query as object) },
        body: request.body,
      });
      // a short request is allowed to end while the server stops; a stream is not
      const isStream = route.operation === 'session.events';
      call = { principal, ...parsed, signal: isStream ? signal : context.gone };
      if (isStream) leave = streams.enter(principal.id);
      if (route.audit !== 'none' && route.audit.action !== 'read') await write('begun', await route.subject(call));
      answer = await route.run(call);
      await write('done', await route.subject(call, answer), answer.kind === 'json' ? (answer.status ?? 200) : 200);
    } catch (error) {
      leave?.();
      if (isAuditFailure(error)) throw error;
      const { problem } = answerError(error, context.id);
      const subject = call === undefined ? {} : await route.subject(call).catch(() => ({}));
      await write(problem.status >= 500 ? 'failed' : 'refused', subject, problem.status, problem.code);
      throw error;
    }
    try {
      await sendAnswer(response, answer, stream);
    } finally {
      leave?.();
    }
  };
}

/** Who asks, when and from where. */
export function recordBase(
  request: Request,
  { id, principal }: RequestContext,
  now: Date,
): Pick<AuditRecord, 'time' | 'request' | 'user' | 'roles' | 'address'> {
  return {
    time: now.toISOString(),
    request: id,
    ...(principal === undefined ? {} : { user: principal.id, roles: [...principal.roles] }),
    ...(request.ip === undefined ? {} : { address: request.ip }),
  };
}

function defined(subject: AuditSubject): AuditSubject {
  return Object.fromEntries(Object.entries(subject).filter(([, value]) => value !== undefined));
}

const isAuditFailure = (error: unknown): boolean => error instanceof UserError && error.code === 'audit-failed';
