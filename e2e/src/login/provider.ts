/**
 * A small OpenID Connect provider on this machine: discovery, authorization code with PKCE (RFC 7636), refresh tokens,
 * userinfo and logout. Its users log in by pressing a button with their name.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT, type CryptoKey, type JWK } from 'jose';

export interface ProviderOptions {
  /** names and their roles */
  readonly users: Readonly<Record<string, readonly string[]>>;
  /** the viewer, as the provider knows it */
  readonly clientId: string;
  /** the server that access tokens are for */
  readonly audience: string;
  /** of access tokens */
  readonly lifeSeconds: number;
}

interface Grant {
  readonly user: string;
  readonly challenge: string;
  readonly redirectUri: string;
  readonly nonce?: string;
}

const cookieName = 'provider-session';

/** Authorization request: what is kept from it until the answer. */
type Asked = Readonly<Record<'redirect_uri' | 'state' | 'code_challenge' | 'nonce' | 'prompt', string | undefined>>;

export class Provider {
  /** what becomes of renewals: given, kept waiting until this changes, or refused because the session has ended */
  renewals: 'given' | 'held' | 'refused' = 'given';
  /** all tokens given out */
  readonly tokens: string[] = [];
  /** when the newest access token ends, milliseconds since 1970 */
  newestEnds = 0;
  private readonly codes = new Map<string, Grant>();
  private readonly sessions = new Map<string, string>();
  private readonly refreshTokens = new Map<string, string>();

  private constructor(
    private readonly options: ProviderOptions,
    private readonly keys: { readonly sign: CryptoKey; readonly verify: CryptoKey; readonly jwk: JWK },
    readonly issuer: string,
    private readonly end: () => Promise<void>,
  ) {}

  static async start(options: ProviderOptions): Promise<Provider> {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'key-1', alg: 'RS256', use: 'sig' };
    const made: { provider?: Provider } = {};
    const server = createServer((request, response) => {
      made.provider?.answer(request, response).catch((error: unknown) => send(response, 500, { error: String(error) }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const end = (): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    made.provider = new Provider(options, { sign: privateKey, verify: publicKey, jwk }, issuer, end);
    return made.provider;
  }

  /** Everybody has to log in anew. */
  endSessions(): void {
    this.sessions.clear();
    this.refreshTokens.clear();
  }

  close(): Promise<void> {
    return this.end();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.issuer);
    response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*');
    response.setHeader('Access-Control-Allow-Headers', 'authorization, content-type');
    if (request.method === 'OPTIONS') return send(response, 204);
    switch (`${request.method} ${pathname}`) {
      case 'GET /.well-known/openid-configuration':
        return send(response, 200, this.discovery());
      case 'GET /jwks':
        return send(response, 200, { keys: [this.keys.jwk] });
      case 'GET /authorize':
        return this.authorize(request, response, searchParams);
      case 'POST /login': {
        const form = await formOf(request);
        const session = randomUUID();
        this.sessions.set(session, form.get('user') ?? '');
        response.setHeader('Set-Cookie', `${cookieName}=${session}; HttpOnly; Path=/; SameSite=Lax`);
        return this.giveCode(response, form.get('user') ?? '', askedIn(form));
      }
      case 'POST /token':
        return this.token(response, await formOf(request));
      case 'GET /userinfo':
        return this.userinfo(request, response);
      case 'GET /logout':
        this.endSessions();
        return redirect(response, searchParams.get('post_logout_redirect_uri') ?? this.issuer, {});
      default:
        return send(response, 404, { error: 'not_found' });
    }
  }

  private discovery(): object {
    const at = (path: string): string => `${this.issuer}/${path}`;
    return {
      issuer: this.issuer,
      authorization_endpoint: at('authorize'),
      token_endpoint: at('token'),
      jwks_uri: at('jwks'),
      userinfo_endpoint: at('userinfo'),
      end_session_endpoint: at('logout'),
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
    };
  }

  private authorize(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    const asked = askedIn(query);
    const isKnown = query.get('client_id') === this.options.clientId && query.get('response_type') === 'code';
    if (!isKnown || query.get('code_challenge_method') !== 'S256' || !isCallback(asked.redirect_uri)) {
      return send(response, 400, { error: 'invalid_request' });
    }
    const session = new RegExp(`${cookieName}=([\\w-]+)`).exec(request.headers.cookie ?? '')?.[1] ?? '';
    const user = this.sessions.get(session);
    if (user !== undefined) return this.giveCode(response, user, asked);
    if (asked.prompt === 'none') return redirect(response, asked.redirect_uri, { error: 'login_required', ...asked });
    const hidden = Object.entries(asked).map(([name, value]) =>
      value === undefined ? '' : `<input type="hidden" name="${name}" value="${encodeHtml(value)}">`,
    );
    const names = Object.keys(this.options.users);
    const buttons = names.map((name) => `<button name="user" value="${name}">Log in as ${name}</button>`);
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end(
      `<!doctype html><title>Login</title><form method="post" action="/login">${hidden.join('')}${buttons.join('')}</form>`,
    );
  }

  private giveCode(response: ServerResponse, user: string, asked: Asked): void {
    const { redirect_uri: redirectUri, code_challenge: challenge, state, nonce } = asked;
    if (!(user in this.options.users) || challenge === undefined || !isCallback(redirectUri)) {
      return send(response, 400, { error: 'invalid_request' });
    }
    const code = randomUUID();
    this.codes.set(code, { user, challenge, redirectUri, ...(nonce === undefined ? {} : { nonce }) });
    redirect(response, redirectUri, { code, state });
  }

  private async token(response: ServerResponse, form: URLSearchParams): Promise<void> {
    if (form.get('client_id') !== this.options.clientId) return send(response, 401, { error: 'invalid_client' });
    if (form.get('grant_type') === 'refresh_token') {
      while (this.renewals === 'held' && !response.destroyed) await new Promise((resolve) => setTimeout(resolve, 50));
      const token = form.get('refresh_token') ?? '';
      const user = this.renewals === 'refused' ? undefined : this.refreshTokens.get(token);
      if (user === undefined) return send(response, 400, { error: 'invalid_grant' });
      return send(response, 200, await this.tokensFor(user, token));
    }
    const code = form.get('code') ?? '';
    const grant = this.codes.get(code);
    this.codes.delete(code);
    const proof = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (grant === undefined || grant.challenge !== proof || grant.redirectUri !== form.get('redirect_uri')) {
      return send(response, 400, { error: 'invalid_grant' });
    }
    const refreshToken = randomBytes(24).toString('base64url');
    this.refreshTokens.set(refreshToken, grant.user);
    return send(response, 200, await this.tokensFor(grant.user, refreshToken, grant.nonce));
  }

  private async tokensFor(user: string, refreshToken: string, nonce?: string): Promise<object> {
    const { audience, clientId, lifeSeconds, users } = this.options;
    const sign = (about: Readonly<Record<string, unknown>>, to: string): Promise<string> =>
      new SignJWT({ ...about, jti: randomUUID() })
        .setProtectedHeader({ alg: 'RS256', kid: 'key-1' })
        .setIssuer(this.issuer)
        .setSubject(user)
        .setAudience(to)
        .setIssuedAt()
        .setExpirationTime(`${lifeSeconds}s`)
        .sign(this.keys.sign);
    const accessToken = await sign({ roles: users[user] }, audience);
    const idToken = await sign(nonce === undefined ? {} : { nonce }, clientId);
    this.tokens.push(accessToken, idToken, refreshToken);
    this.newestEnds = Date.now() + 1000 * lifeSeconds;
    return {
      access_token: accessToken,
      id_token: idToken,
      refresh_token: refreshToken,
      token_type: 'Bearer',
      expires_in: lifeSeconds,
      scope: 'openid profile',
    };
  }

  private async userinfo(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const { payload } = await jwtVerify(token, this.keys.verify, { issuer: this.issuer });
    return send(response, 200, { sub: payload.sub, name: payload.sub });
  }
}

const askedIn = (values: URLSearchParams): Asked => {
  const value = (name: string): string | undefined => values.get(name) ?? undefined;
  return {
    redirect_uri: value('redirect_uri'),
    state: value('state'),
    code_challenge: value('code_challenge'),
    nonce: value('nonce'),
    prompt: value('prompt'),
  };
};

/** The viewer's own addresses on this machine; on any port, since tests run on free ones. */
const isCallback = (address: string | undefined): address is string =>
  /^http:\/\/127\.0\.0\.1:\d+\/callback$/.test(address ?? '');

function redirect(
  response: ServerResponse,
  to: string | undefined,
  values: Readonly<Record<string, string | undefined>>,
): void {
  const address = new URL(to ?? '');
  for (const name of ['code', 'state', 'error']) {
    const value = values[name];
    if (value !== undefined) address.searchParams.set(name, value);
  }
  response.writeHead(302, { Location: address.href }).end();
}

function send(response: ServerResponse, status: number, body?: object): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return new URLSearchParams(text);
}

const encodeHtml = (text: string): string => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
