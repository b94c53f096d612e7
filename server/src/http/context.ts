import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import type { Principal } from '../identity.js';

/** What is known of one request while it is answered. */
export interface RequestContext {
  readonly id: string;
  readonly log: Logger;
  /** fires when the client has gone */
  readonly gone: AbortSignal;
  /** pattern of the route, never the address: identifiers are not logged */
  route: string;
  principal?: Principal;
  /** code of the problem it ended with */
  code?: string;
}

const contexts = new WeakMap<Response, RequestContext>();

export function setContext(response: Response, context: RequestContext): void {
  contexts.set(response, context);
}

export function contextOf(response: Response): RequestContext {
  const context = contexts.get(response);
  if (context === undefined) throw new Error('a request without context: the first middleware is missing');
  return context;
}

/** @throws Error where authentication was not asked for: a defect of the order of middleware */
export function principalOf(response: Response): Principal {
  const { principal } = contextOf(response);
  if (principal === undefined) throw new Error('a request without principal: authentication is missing');
  return principal;
}

/** The address without its query: queries may hold names of patients. */
export function pathOf({ originalUrl }: Pick<Request, 'originalUrl'>): string {
  const end = originalUrl.indexOf('?');
  return end === -1 ? originalUrl : originalUrl.slice(0, end);
}
