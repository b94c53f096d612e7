import type { PacsConfig, PacsCredentials } from './config.js';
import { invalidAnswer, unauthorised } from './errors.js';
import { withRetries } from './retry.js';
import { expectSuccess, type Transport } from './transport.js';
import { readText } from './json.js';
import type { PacsCall } from './types.js';

/** The `Authorization` header of requests to one PACS. */
export interface Authorizer {
  /** @throws PacsError when a token cannot be had; the signal's reason when aborted */
  header(call: PacsCall): Promise<string | undefined>;
  /** Forget what the PACS refused (401); true when there is a chance of something better. */
  refused(header: string | undefined): boolean;
}

export function createAuthorizer(config: PacsConfig, transport: Transport): Authorizer {
  const { credentials } = config;
  switch (credentials.kind) {
    case 'none':
      return fixed(undefined);
    case 'basic':
      return fixed(`Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`);
    case 'bearer':
      return fixed(`Bearer ${credentials.token}`);
    case 'pass-through':
      return { header: (call) => Promise.resolve(callers(config.name, call)), refused: () => false };
    case 'oauth2':
      return new ClientCredentials(config, credentials, transport);
  }
}

const fixed = (value: string | undefined): Authorizer => ({
  header: () => Promise.resolve(value),
  refused: () => false,
});

function callers(pacs: string, { authorization }: PacsCall): string | undefined {
  if (authorization === undefined || /^[\x21-\x7e][\x20-\x7e]{0,16383}$/.test(authorization)) return authorization;
  throw unauthorised(pacs, 'the Authorization header passed on is malformed');
}

/** A token is renewed this long before it expires: clocks differ, and a request takes time. */
const EARLY_MS = 30_000;
/** Life of a token that states none; one that ends sooner is renewed when it is refused. */
const DEFAULT_LIFE_S = 300;
const MAX_ANSWER = 64 * 1024;

interface Token {
  readonly header: string;
  /** on the clock of `performance.now()` */
  readonly renewAt: number;
}

/** OAuth2 client credentials (RFC 6749 section 4.4): one token for all requests, asked for once at a time. */
class ClientCredentials implements Authorizer {
  private token: Token | undefined;
  private asking: Promise<Token> | undefined;

  constructor(
    private readonly config: PacsConfig,
    private readonly credentials: Extract<PacsCredentials, { kind: 'oauth2' }>,
    private readonly transport: Transport,
  ) {}

  async header({ signal }: PacsCall): Promise<string> {
    if (this.token === undefined || performance.now() >= this.token.renewAt) {
      // one caller's cancelling must not take the token away from the others that wait for it
      this.asking ??= this.ask().finally(() => (this.asking = undefined));
      this.token = await abortable(this.asking, signal);
    }
    return this.token.header;
  }

  refused(header: string | undefined): boolean {
    if (this.token?.header === header) this.token = undefined;
    return true;
  }

  private ask(): Promise<Token> {
    const { name, retries, timeouts } = this.config;
    const { tokenUrl, clientId, clientSecret, scope, clientAuthentication } = this.credentials;
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (scope !== undefined) form.set('scope', scope);
    const headers: Record<string, string> = {
      'content-type': 'application/x-www-form-urlencoded',
      accept: 'application/json',
    };
    if (clientAuthentication === 'basic') {
      const pair = [clientId, clientSecret].map((part) => encodeURIComponent(part)).join(':');
      headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
    } else {
      form.set('client_id', clientId);
      form.set('client_secret', clientSecret);
    }
    return withRetries(retries, undefined, async () => {
      const asked = performance.now();
      const response = await this.transport.send({
        url: tokenUrl,
        lane: 'tokens',
        method: 'POST',
        headers,
        body: form.toString(),
        withinMs: timeouts.connect + timeouts.idle,
      });
      // 400 is how a token endpoint says that client or scope are wrong (RFC 6749 section 5.2)
      if (response.status === 400 || response.status === 401) {
        await response.discard();
        throw unauthorised(name, `its token endpoint answers HTTP ${response.status}`, response.status);
      }
      await expectSuccess(`${name} (token endpoint)`, response);
      return this.read(await readText(name, response.body, MAX_ANSWER), asked);
    });
  }

  private read(text: string, asked: number): Token {
    let answer: { access_token?: unknown; token_type?: unknown; expires_in?: unknown };
    try {
      answer = JSON.parse(text) as typeof answer;
    } catch {
      answer = {};
    }
    const { access_token: token, token_type: type, expires_in: stated } = answer;
    if (typeof token !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(token))
      throw invalidAnswer(this.config.name, 'its token endpoint gives no token');
    if (typeof type === 'string' && type.toLowerCase() !== 'bearer')
      throw invalidAnswer(this.config.name, 'its token endpoint gives a token that is not of the Bearer type');
    const life = 1000 * (Number(stated) > 0 ? Number(stated) : DEFAULT_LIFE_S);
    // a token that lives shorter than twice the margin is used for half of its life
    return { header: `Bearer ${token}`, renewAt: asked + Math.max(life - EARLY_MS, life / 2) };
  }
}

/** The promise, or the signal's reason when it is aborted first. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
