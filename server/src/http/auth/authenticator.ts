import { UserError } from '@medsam2/models';
import { roles, type Role } from '@medsam2/protocol';
import type { IncomingHttpHeaders } from 'node:http';
import type { Principal } from '../../identity.js';

/** Tells from a request's headers who asks. */
export interface Authenticator {
  /** @throws UserError `not-authenticated`, `identity-provider-unreachable` */
  authenticate(headers: IncomingHttpHeaders): Promise<Principal>;
}

/** Every role with those that it includes. */
const included: Readonly<Record<Role, readonly Role[]>> = {
  reader: ['reader'],
  annotator: ['reader', 'annotator'],
  admin: ['reader', 'annotator', 'admin'],
};

export function withIncluded(given: Iterable<Role>): ReadonlySet<Role> {
  return new Set([...given].flatMap((role) => included[role]));
}

/** @throws UserError `not-allowed` */
export function requireRole(principal: Principal, role: Role): void {
  if (principal.roles.has(role)) return;
  const has = roles.filter((name) => principal.roles.has(name)).pop() ?? 'none';
  throw new UserError(
    'not-allowed',
    `This needs the role ${role}; yours is ${has}.`,
    'Ask the operator for the role, or sign in as somebody else.',
  );
}

/** The token of `Authorization: Bearer`, or undefined for other schemes and none. */
export function bearerToken({ authorization }: IncomingHttpHeaders): string | undefined {
  // RFC 6750 section 2.1; the length keeps the parsers behind it from work on rubbish
  return /^Bearer +([A-Za-z0-9._~+/-]{1,16384}=*)$/i.exec(authorization ?? '')?.[1];
}

export function notAuthenticated(why: string, remedy: string, cause?: unknown): UserError {
  return new UserError('not-authenticated', why, remedy, { cause });
}

/**
 * `auth: none`: the one user of this machine. The configuration refuses it on addresses that others reach, and requests
 * whose Host header is another machine's are refused before (a web page could otherwise reach this server by its DNS).
 */
export function localUser(): Authenticator {
  const all = withIncluded(['admin']);
  return {
    authenticate: ({ authorization }) =>
      Promise.resolve({ id: 'local', roles: all, ...(authorization === undefined ? {} : { authorization }) }),
  };
}
