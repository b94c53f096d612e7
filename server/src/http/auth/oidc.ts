import { UserError } from '@medsam2/models';
import type { Role } from '@medsam2/protocol';
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Config } from '../../config/index.js';
import { bearerToken, notAuthenticated, withIncluded, type Authenticator } from './authenticator.js';

type OidcSettings = NonNullable<Config['auth']['oidc']>;

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });
const answerMs = 5000;
/** Unknown keys make the set be fetched again (rotation), but not for every forged token. */
const cooldownMs = 30_000;

/** Tokens of an OpenID Connect provider (RFC 9068, RFC 7519): signature, issuer, audience, times, roles. */
export function openIdConnect(
  settings: OidcSettings,
  options: { readonly now?: () => Date; readonly cooldownMs?: number; readonly fetch?: typeof fetch } = {},
): Authenticator {
  const request = options.fetch ?? fetch;
  let keys: Promise<JWTVerifyGetKey> | undefined;
  const keySet = (): Promise<JWTVerifyGetKey> => {
    // a failure is not kept: the provider may come up after this server
    keys ??= findKeys(settings, request, options.cooldownMs ?? cooldownMs).catch((error: unknown) => {
      keys = undefined;
      throw error;
    });
    return keys;
  };
  return {
    async authenticate(headers) {
      const token = bearerToken(headers);
      if (token === undefined) throw notAuthenticated('A token is needed.', 'Sign in, and send Authorization: Bearer.');
      const payload = await verify(token, await keySet(), settings, options.now?.());
      const user = payload[settings.userClaim];
      if (typeof user !== 'string' || user === '' || user.length > 256) {
        throw notAuthenticated(
          `The token does not say who it is for (${settings.userClaim}).`,
          'Ask the operator to look at `auth.oidc.userClaim`.',
        );
      }
      return { id: user, roles: rolesOf(payload, settings), authorization: headers.authorization };
    },
  };
}

async function verify(
  token: string,
  keys: JWTVerifyGetKey,
  settings: OidcSettings,
  currentDate: Date | undefined,
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: settings.issuer,
      audience: settings.audience,
      algorithms: [...settings.algorithms],
      clockTolerance: settings.clockToleranceSeconds,
      requiredClaims: ['exp', 'iat'],
      ...(currentDate === undefined ? {} : { currentDate }),
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw notAuthenticated('The token has expired.', 'Sign in again.', error);
    if (error instanceof errors.JWTClaimValidationFailed)
      throw notAuthenticated(`The token’s ${error.claim} is not what is needed here.`, wrongIssuer, error);
    // only what is wrong with the token is the caller's; the key set not being there is not
    if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) throw unreachable(error);
    if (error.message.startsWith('Expected 200 OK from the JSON Web Key Set')) throw unreachable(error);
    throw notAuthenticated('The token is not valid here.', wrongIssuer, error);
  }
}

const wrongIssuer = 'Sign in with the provider that this server trusts, for this server.';

async function findKeys(
  { issuer, jwksUrl }: OidcSettings,
  request: typeof fetch,
  cooldownDuration: number,
): Promise<JWTVerifyGetKey> {
  const url = jwksUrl ?? (await discover(issuer, request));
  return createRemoteJWKSet(new URL(url), {
    timeoutDuration: answerMs,
    cooldownDuration,
    [customFetch]: (address, init) => request(address, init),
  });
}

/** OpenID Connect Discovery 1.0 section 4. */
async function discover(issuer: string, request: typeof fetch): Promise<string> {
  try {
    const response = await request(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
      redirect: 'error',
      signal: AbortSignal.timeout(answerMs),
      headers: { accept: 'application/json' },
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const document = discoverySchema.parse(await response.json());
    // section 4.3: must be the same to the character, or another provider's keys would count
    if (document.issuer !== issuer) throw new Error('the document is another issuer’s');
    return document.jwks_uri;
  } catch (error) {
    throw unreachable(error);
  }
}

function unreachable(cause: unknown): UserError {
  return new UserError(
    'identity-provider-unreachable',
    'The identity provider does not answer as it should, so nobody can be recognised.',
    'Try again; if it stays so, ask the operator to run medsam2 doctor.',
    { cause },
  );
}

function rolesOf(payload: JWTPayload, { rolesClaim, roleMap }: OidcSettings): ReadonlySet<Role> {
  // a claim's own name may hold dots (they are addresses by custom), so the whole name comes first
  const claim: unknown = Object.hasOwn(payload, rolesClaim) ? payload[rolesClaim] : at(payload, rolesClaim.split('.'));
  const names = typeof claim === 'string' ? claim.split(/[ ,]+/) : Array.isArray(claim) ? claim : [];
  return withIncluded(
    names.flatMap((name: unknown) => (typeof name === 'string' && Object.hasOwn(roleMap, name) ? [roleMap[name]] : [])),
  );
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (node, name) =>
      typeof node === 'object' && node !== null && Object.hasOwn(node, name)
        ? (node as Record<string, unknown>)[name]
        : undefined,
    value,
  );
}
