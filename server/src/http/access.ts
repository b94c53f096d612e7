import { UserError } from '@medsam2/models';
import type { Request, RequestHandler } from 'express';
import { isLoopback, type Config } from '../config/index.js';

const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const requestHeaders = 'Authorization, Content-Type, Accept, X-API-Key, X-Requested-With';
const answerHeaders = 'X-Request-Id, Content-Disposition, Retry-After, RateLimit, RateLimit-Policy';
const preflightSeconds = '600';
const safe = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Answers only names that are this server's. With `auth: none` a web page whose DNS points at 127.0.0.1 could otherwise
 * talk to it in the user's name (DNS rebinding).
 */
export function hostCheck({ auth, http }: Config): RequestHandler {
  const named = new Set(http.allowedHosts.map((host) => host.toLowerCase()));
  if (http.publicUrl !== undefined) named.add(new URL(http.publicUrl).host.toLowerCase());
  const onlyLocal = auth.mode === 'none';
  return (request, _response, next) => {
    if (!onlyLocal && http.allowedHosts.length === 0) return next();
    const host = (request.headers.host ?? '').toLowerCase();
    const name = host.replace(/:\d+$/, '');
    if (named.has(host) || named.has(name) || (onlyLocal && isLoopback(name))) return next();
    throw new UserError(
      'host-not-allowed',
      'This server does not answer under the name in the request’s Host header.',
      'Use the server’s own address, or add the name to `http.allowedHosts`.',
    );
  };
}

/**
 * Lets the configured origins in, and nobody else's pages. A request that changes something and comes from another
 * origin's page is refused even where no preflight is made (forms, `POST` without a body).
 */
export function originCheck({ http }: Config): RequestHandler {
  const allowed = new Set(http.corsOrigins.map((origin) => origin.toLowerCase()));
  if (http.publicUrl !== undefined) allowed.add(new URL(http.publicUrl).origin);
  return (request, response, next) => {
    const { origin } = request.headers;
    response.vary('Origin');
    if (origin !== undefined && (allowed.has(origin.toLowerCase()) || isOwn(origin, request))) {
      response.setHeader('Access-Control-Allow-Origin', origin);
      response.setHeader('Access-Control-Expose-Headers', answerHeaders);
      if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
        response.setHeader('Access-Control-Allow-Methods', methods);
        response.setHeader('Access-Control-Allow-Headers', requestHeaders);
        response.setHeader('Access-Control-Max-Age', preflightSeconds);
        response.status(204).end();
        return;
      }
      return next();
    }
    const crossSite = request.headers['sec-fetch-site'] === 'cross-site';
    const preflight = request.method === 'OPTIONS' && origin !== undefined;
    const changing = !safe.has(request.method) && (origin !== undefined || crossSite);
    if (!preflight && !changing) return next();
    throw new UserError(
      'origin-not-allowed',
      'Pages of this origin may not use this server.',
      'The operator can add the origin to `http.corsOrigins`.',
    );
  };
}

/** The page came from this very server. */
function isOwn(origin: string, request: Request): boolean {
  const { host } = request.headers;
  return host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}

/** Refuses addresses longer than configured before anything looks into them. */
export function urlCheck({ http }: Config): RequestHandler {
  return (request, _response, next) => {
    if (request.originalUrl.length <= http.urlBytes) return next();
    throw new UserError(
      'url-too-long',
      `The address is longer than ${http.urlBytes} bytes.`,
      'Ask for less at a time.',
    );
  };
}
