import { UserError } from '@medsam2/models';
import { apiPath } from '@medsam2/protocol';
import express, { Router, type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Config } from '../config/index.js';
import { hostCheck, originCheck, urlCheck } from './access.js';
import type { AuditTrail } from './audit/trail.js';
import type { Authenticator } from './auth/authenticator.js';
import { contextOf } from './context.js';
import { documentationRoutes } from './documentation/index.js';
import { healthz, readyz, type Readiness } from './health.js';
import { FailureLimit, requestLimit, StreamLimit } from './limits.js';
import { requestLog } from './logging.js';
import type { Metrics } from './metrics.js';
import { bodyParsers, perform, recordBase } from './perform.js';
import { answerError, asUserError } from './problems.js';
import { dicomwebProxy } from './proxy/index.js';
import type { ProxyTarget } from './proxy/target.js';
import type { Route } from './route.js';
import { apiRoutes } from './routes/index.js';
import type { ApiServices } from './services.js';
import { viewerFiles } from './viewer.js';

/** Everything the server works with; the composition root makes it. */
export interface AppDeps {
  readonly config: Config;
  readonly version: string;
  readonly services: ApiServices;
  readonly authenticator: Authenticator;
  readonly audit: AuditTrail;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: () => Promise<Readiness>;
  readonly proxies: ReadonlyMap<string, ProxyTarget>;
  /** fires when the server stops */
  readonly stopping: AbortSignal;
  readonly now?: () => Date;
}

export interface App {
  readonly express: Express;
  readonly routes: readonly Route[];
  readonly streams: StreamLimit;
  close(): void;
}

/** A client that takes nothing of its stream for so long has gone without saying so. */
const stallMs = 60_000;

/**
 * The server's routes. Order matters and is visible here: number and log, security headers, who may ask at all (host,
 * origin, address), what needs no user, who asks, how often, and then the work.
 */
export function createApp(deps: AppDeps): App {
  const { config, services, audit, log, metrics, stopping } = deps;
  const now = deps.now ?? (() => new Date());
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', config.http.trustProxy.length === 0 ? false : config.http.trustProxy);
  const routes = apiRoutes(services);
  const streams = new StreamLimit(config.http.streamsPerUser);
  const failures = new FailureLimit(config.http.failuresPerMinute);

  app.use(requestLog(log, metrics));
  app.use(securityHeaders(config));
  app.use(closeWhenStopping(stopping));
  app.use(urlCheck(config));
  app.use(hostCheck(config));
  app.use(originCheck(config));

  const open = (path: string, handler: RequestHandler): void => {
    app.get(path, named(path), handler);
  };
  open('/healthz', healthz);
  open('/readyz', readyz(deps.readiness, stopping));
  const documentation = documentationRoutes(routes, deps.version, config);
  if (config.http.docs) app.use(documentation);

  const authenticate = authentication(deps, failures, now);
  if (config.http.metrics !== 'off') {
    const guard = config.http.metrics === 'users' ? [authenticate] : [];
    app.get('/metrics', named('/metrics'), ...guard, async (_request, response) => {
      response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
    });
  }

  const api = Router();
  const options = {
    audit,
    stream: { pingMs: config.http.pingSeconds * 1000, stopping, stallMs },
    streams,
    now,
  };
  for (const route of routes)
    api[route.method](
      route.path,
      named(`${apiPath}${route.path}`),
      ...bodyParsers(route, config.http),
      perform(route, options),
    );
  for (const [path, methods] of methodsByPath(routes)) api.all(path, named(`${apiPath}${path}`), otherMethod(methods));
  app.use(apiPath, authenticate, requestLimit(config.http.requestsPerMinute), api);

  if (config.proxy) {
    app.use('/dicomweb', named('/dicomweb'), authenticate, dicomwebProxy({ ...deps, now }));
  }
  app.use([apiPath, '/dicomweb'], nothingHere);
  if (config.viewer.directory !== undefined)
    app.use(viewerFiles({ ...config.viewer, directory: config.viewer.directory }));

  app.use(nothingHere);
  app.use(onError);
  return { express: app, routes, streams, close: () => failures.close() };
}

const nothingHere: RequestHandler = () => {
  throw new UserError('not-found', 'There is nothing at this address.', 'See /docs for the addresses of the API.');
};

/** Remembers the pattern of the route, for the log and the metrics. */
const named =
  (pattern: string): RequestHandler =>
  (_request, response, next) => {
    contextOf(response).route = pattern;
    next();
  };

function securityHeaders(config: Config): RequestHandler {
  const isHttps = config.http.publicUrl?.startsWith('https:') === true;
  return helmet({
    // pages with something to run have their own policy
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: isHttps ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    crossOriginResourcePolicy: { policy: 'same-site' },
    referrerPolicy: { policy: 'no-referrer' },
  });
}

/** Connections that are kept open would hold the end up. */
function closeWhenStopping(stopping: AbortSignal): RequestHandler {
  return (_request, response, next) => {
    if (stopping.aborted) response.setHeader('Connection', 'close');
    next();
  };
}

function authentication({ authenticator, audit }: AppDeps, failures: FailureLimit, now: () => Date): RequestHandler {
  return async (request, response, next) => {
    const context = contextOf(response);
    try {
      context.principal = await authenticator.authenticate(request.headers);
    } catch (error) {
      const known = asUserError(error);
      if (known?.code === 'not-authenticated') {
        await failures.count(request);
        await audit.write({
          ...recordBase(request, context, now()),
          what: 'authenticate',
          action: 'execute',
          outcome: 'refused',
          status: 401,
          code: known.code,
        });
      }
      throw error;
    }
    next();
  };
}

function methodsByPath(routes: readonly Route[]): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) methods.set(path, [...(methods.get(path) ?? []), method.toUpperCase()]);
  return methods;
}

function otherMethod(methods: readonly string[]): RequestHandler {
  return (_request, response) => {
    response.setHeader('Allow', methods.join(', '));
    throw new UserError(
      'method-not-allowed',
      'This address does not take this method.',
      `Use ${methods.join(' or ')}.`,
    );
  };
}

/** Everything that goes wrong becomes problem details (RFC 9457); defects are logged and not told. */
const onError: ErrorRequestHandler = (error: unknown, _request, response, _next) => {
  const context = contextOf(response);
  if (context.gone.aborted) return;
  const { problem, headers, unexpected } = answerError(error, context.id);
  context.code = problem.code;
  if (unexpected) context.log.error({ err: error }, 'a defect of the program');
  else if (problem.status >= 500) context.log.warn({ code: problem.code, err: error }, 'could not be done');
  if (response.headersSent) {
    // half an answer must not look like a whole one
    if (!response.writableEnded) response.destroy();
    return;
  }
  for (const name of ['content-disposition', 'content-length', 'x-accel-buffering']) response.removeHeader(name);
  response.setHeader('Cache-Control', 'no-store');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.status(problem.status).setHeader('Content-Type', 'application/problem+json');
  response.end(JSON.stringify(problem));
};
