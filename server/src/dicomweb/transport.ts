import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import { UserError } from '@medsam2/models';
import { Agent, errors, type Dispatcher } from 'undici';
import type { PacsConfig } from './config.js';
import { invalidAnswer, PacsError, statusError, timeout, unreachable, untrusted } from './errors.js';
import { retryAfter } from './retry.js';

/** Which connections a request takes: pixels flow as fast as they are decoded and must not hold up queries. */
export type Lane = 'queries' | 'pixels' | 'store' | 'tokens';

export interface HttpRequest {
  readonly url: string;
  readonly lane: Lane;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | (() => Iterable<Uint8Array>);
  readonly signal?: AbortSignal;
  /** time for everything, the answer's body included */
  readonly withinMs?: number;
}

export interface HttpResponse {
  readonly status: number;
  /** names in lower case; of repeated fields the first */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** as it arrives; ends the connection when it is left early. Errors are PacsError or the signal's reason. */
  readonly body: AsyncIterable<Uint8Array>;
  /** drops the body */
  discard(): Promise<void>;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MAX_REDIRECTS = 3;
const DISCARD_BYTES = 64 * 1024;

/**
 * HTTP to one PACS: connections, certificates and timeouts of its own, and what fails as PacsError. Answers of any status
 * are returned. Nothing but the addresses given is called: redirects are followed on the same host only, and only by GET.
 */
export class Transport {
  private readonly agents: Readonly<Record<Lane, Agent>>;

  /** @throws UserError `ca-unreadable` */
  constructor(private readonly config: PacsConfig) {
    const { timeouts, connections } = config;
    const ca = config.caFile === undefined ? undefined : [...rootCertificates, readCa(config.caFile)];
    const agent = (options: Agent.Options): Agent =>
      new Agent({
        connections,
        connect: { timeout: timeouts.connect, ...(ca ? { ca } : {}) },
        headersTimeout: timeouts.firstByte,
        bodyTimeout: timeouts.idle,
        ...options,
      });
    this.agents = {
      queries: agent({}),
      pixels: agent({}),
      // a connection that was kept may be closed under the request, and a POST is not simply repeated: take a new one
      store: agent({ pipelining: 0, headersTimeout: timeouts.store }),
      tokens: agent({ connections: 1 }),
    };
  }

  /** @throws PacsError `pacs-unreachable`, `pacs-timeout`, `pacs-answer-invalid`; the signal's reason when aborted */
  async send(request: HttpRequest): Promise<HttpResponse> {
    let url = new URL(request.url);
    for (let hops = 0; ; hops++) {
      const response = await this.once(url, request);
      const { location } = response.headers;
      if (!REDIRECTS.has(response.status) || location === undefined || request.method === 'POST') return response;
      await response.discard();
      const target = URL.canParse(location, url) ? new URL(location, url) : undefined;
      if (target?.origin !== url.origin || hops === MAX_REDIRECTS) {
        throw new PacsError(
          'pacs-failed',
          `The PACS ${this.config.name} redirects to another host, or in circles, which is not followed.`,
          'Configure the address that the PACS redirects to, if it is yours.',
          { status: response.status },
        );
      }
      url = target;
    }
  }

  /** Ends all connections at once. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.agents).map((agent) => agent.destroy()));
  }

  private async once(url: URL, request: HttpRequest): Promise<HttpResponse> {
    const { body, lane } = request;
    const limits = new Limits(this.config.name, request);
    const { signal } = limits;
    let answer: Dispatcher.ResponseData;
    try {
      answer = await this.agents[lane].request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method ?? 'GET',
        headers: { 'accept-encoding': 'identity', ...request.headers },
        body: typeof body === 'function' ? Readable.from(body()) : body,
        signal,
      });
    } catch (error) {
      limits.throwIfReached(error);
      throw this.failure(error, false);
    }
    const headers = Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
    );
    return {
      status: answer.statusCode,
      headers,
      body: this.read(answer.body, headers, limits),
      discard: () => answer.body.dump({ limit: DISCARD_BYTES }).catch(() => undefined),
    };
  }

  private async *read(
    body: AsyncIterable<Uint8Array>,
    headers: HttpResponse['headers'],
    limits: Limits,
  ): AsyncGenerator<Uint8Array> {
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity')
      throw invalidAnswer(this.config.name, 'it is compressed, which was not asked for');
    try {
      yield* body;
    } catch (error) {
      limits.throwIfReached(error);
      throw this.failure(error, true);
    }
  }

  /** @param begun whether the answer had begun to arrive */
  private failure(error: unknown, begun: boolean): PacsError {
    const { name, timeouts } = this.config;
    if (error instanceof PacsError) return error;
    if (error instanceof errors.HeadersTimeoutError)
      return timeout(name, `no answer within ${timeouts.firstByte / 1000} s`, error);
    if (error instanceof errors.BodyTimeoutError)
      return timeout(name, `its answer stopped for ${timeouts.idle / 1000} s`, error);
    if (error instanceof errors.ConnectTimeoutError)
      return unreachable(name, `no connection within ${timeouts.connect / 1000} s`, error);
    const code = codeOf(error);
    if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError)
      return invalidAnswer(name, 'it is not HTTP', { cause: error });
    if (/CERT|^ERR_(TLS|SSL)|UNABLE_TO_VERIFY|^EPROTO$/.test(code)) return untrusted(name, code, error);
    if (begun) return invalidAnswer(name, `it ends early (${code})`, { transient: true, cause: error });
    return unreachable(name, code, error);
  }
}

/** The caller's signal and the time for the whole request, told apart when either ends it. */
class Limits {
  readonly signal: AbortSignal | undefined;
  private readonly clock: AbortSignal | undefined;

  constructor(
    private readonly pacs: string,
    private readonly request: Pick<HttpRequest, 'signal' | 'withinMs'>,
  ) {
    const { signal, withinMs } = request;
    this.clock = withinMs === undefined ? undefined : AbortSignal.timeout(withinMs);
    this.signal = signal && this.clock ? AbortSignal.any([signal, this.clock]) : (signal ?? this.clock);
    signal?.throwIfAborted();
  }

  throwIfReached(error: unknown): void {
    this.request.signal?.throwIfAborted();
    if (this.clock?.aborted)
      throw timeout(this.pacs, `no whole answer within ${(this.request.withinMs ?? 0) / 1000} s`, error);
  }
}

/** @throws PacsError for every status but success (2xx) */
export async function expectSuccess(pacs: string, response: HttpResponse): Promise<HttpResponse> {
  if (response.status >= 200 && response.status < 300) return response;
  await response.discard();
  throw statusError(pacs, response.status, retryAfter(response.headers['retry-after']));
}

function readCa(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UserError(
      'ca-unreadable',
      `The file of certificate authorities ${path} cannot be read.`,
      'Check the path and its permissions.',
      { cause },
    );
  }
}

/** The first code of an error or of what caused it: of several addresses tried, the first one's. */
function codeOf(error: unknown): string {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    const { code, errors: several, cause } = at as { code?: unknown; errors?: unknown; cause?: unknown };
    if (typeof code === 'string' && code !== '') return code;
    at = Array.isArray(several) ? several[0] : cause;
  }
  return 'connection failed';
}
