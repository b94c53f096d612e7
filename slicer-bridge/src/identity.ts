import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/**
 * Who asks. The plug-in sends no session: address, credentials (`user:password@host` in its IP field) and a path prefix
 * (`8080/u/alice` in its port field) are all there is (specification section 2); its program's name comes for free.
 */
export interface Identity {
  /** equal for requests that cannot be told apart; holds no secret in the clear */
  readonly key: string;
  /** short form for logs */
  readonly short: string;
  /** as `key`, without the program: what a browser at the same place shares */
  readonly place: string;
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

const digest = (parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url');

export function identify(address: string, prefix: string, headers: IncomingHttpHeaders): Identity {
  const place = [address, headers.authorization ?? '', prefix];
  const key = digest([...place, headers['user-agent'] ?? '', String(headers['accept-encoding'] ?? '')]);
  return { key, short: key.slice(0, 8), place: digest(place) };
}

/** User and password of an `Authorization: Basic` header. */
export function basicCredentials({ authorization }: IncomingHttpHeaders): Credentials | undefined {
  const [, encoded] = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const at = text.indexOf(':');
  return at < 0 ? undefined : { user: text.slice(0, at), password: text.slice(at + 1) };
}
