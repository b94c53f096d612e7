import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { pipeline, Readable } from 'node:stream';
import { rootCertificates } from 'node:tls';
import { UserError } from '@medsam2/models';
import type { PacsConfig } from './config.js';
import { invalidAnswer, PacsError, statusError, unreachable, untrusted } from './errors.js';
import { Limits } from './limits.js';
import { retryAfter } from './retry.js';

/** Which connections a request takes: pixels flow as fast as they are decoded and must not hold up queries. */
export type Lane = 'queries' | 'pixels' | 'store' | 'tokens' | 'proxy';

export interface HttpRequest {
  readonly url: string;
  readonly lane: Lane;
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** a function for what can be sent again */
  readonly body?: string | (() => Iterable<Uint8Array>) | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
  /** time for everything, the answer's body included */
  readonly withinMs?: number;
  /** default: `follow`, on the same host; with `refuse` they are answers like others */
  readonly redirects?: 'follow' | 'refuse';
}

export interface HttpResponse {
  readonly status: number;
  /** names in lower case; of repeated fields the first, or all joined by commas where that means the same */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** as it arrives; the connection ends when it is left early. Errors are PacsError or the signal's reason. */
  readonly body: AsyncIterable<Uint8Array>;
  /** drops the body; needed when it is not read, or its connection is never free again */
  readonly discard: () => Promise<void>;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MAX_REDIRECTS = 3;
/** A rest of this size is read away, so that its connection can be used again; of a larger one it is closed. */
const DISCARD_BYTES = 64 * 1024;
/** Connections without a request are closed after this time: archives close them too, and then a request is lost. */
const KEEP_ALIVE_MS = 4000;

/**
 * HTTP to one PACS: connections, certificates and time limits of its own, and what fails as PacsError. Answers of any
 * status are returned. Nothing but the addresses given is called: redirects are followed by GET only, on the same host.
 */
export class Transport {
  private readonly ca: string[] | undefined;
  private readonly agents = new Map<string, http.Agent>();
  private readonly active = new Set<http.ClientRequest>();

  /** @throws UserError `ca-unreadable` */
  constructor(private readonly config: PacsConfig) {
    this.ca = config.caFile === undefined ? undefined : [...rootCertificates, readCa(config.caFile)];
  }

  /** @throws PacsError `pacs-unreachable`, `pacs-timeout`, `pacs-answer-invalid`; the signal's reason when aborted */
  async send(request: HttpRequest): Promise<HttpResponse> {
    let url = new URL(request.url);
    for (let hops = 0; ; hops++) {
      const response = await this.once(url, request);
      const { location } = response.headers;
      const followed = request.method !== 'POST' && request.redirects !== 'refuse';
      if (!REDIRECTS.has(response.status) || location === undefined || !followed) return response;
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

  /** Ends all connections at once; requests under way fail. */
  close(): Promise<void> {
    for (const request of this.active) request.destroy();
    for (const agent of this.agents.values()) agent.destroy();
    return Promise.resolve();
  }

  private async once(url: URL, request: HttpRequest): Promise<HttpResponse> {
    const limits = new Limits(this.config, request);
    let answer: http.IncomingMessage;
    try {
      answer = await this.start(url, request, limits);
    } catch (error) {
      throw limits.reached(error) ?? this.failure(error, false);
    }
    const headers = Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
    );
    return {
      status: answer.statusCode ?? 0,
      headers,
      body: this.read(answer, limits),
      discard: () => discard(answer),
    };
  }

  /** Sends, and resolves with the answer once its headers are there. */
  private start(url: URL, request: HttpRequest, limits: Limits): Promise<http.IncomingMessage> {
    const { body, lane, method = 'GET' } = request;
    return new Promise((resolve, reject) => {
      const sent = (url.protocol === 'https:' ? https : http).request(url, {
        method,
        agent: this.agent(url.protocol, lane),
        headers: { 'accept-encoding': 'identity', ...request.headers },
        signal: limits.signal,
      });
      this.active.add(sent);
      sent.once('close', () => this.active.delete(sent));
      // stays for what fails when the answer has come already, such as the rest of a body that nobody reads
      sent.on('error', reject);
      sent.once('response', resolve);
      sent.once('socket', (socket) => {
        const ready = (): void => limits.expect('firstByte', sent);
        if (!socket.connecting) return ready();
        limits.expect('connect', sent);
        socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', ready);
      });
      sent.once('response', () => limits.met());
      sent.once('close', () => limits.met());
      if (body === undefined || typeof body === 'string') sent.end(body);
      else {
        const source = Readable.from(typeof body === 'function' ? body() : body, { objectMode: false });
        // what the source throws (too large, its sender gone) is not the PACS's failure
        source.once('error', reject);
        pipeline(source, sent, () => undefined);
      }
    });
  }

  private agent(protocol: string, lane: Lane): http.Agent {
    const key = `${protocol} ${lane}`;
    const known = this.agents.get(key);
    if (known) return known;
    const options: https.AgentOptions = {
      // a kept connection may be closed under the request, and a POST is not simply repeated: take a new one
      keepAlive: lane !== 'store',
      timeout: KEEP_ALIVE_MS,
      maxSockets: lane === 'tokens' ? 1 : this.config.connections,
      ...(this.ca ? { ca: this.ca } : {}),
    };
    const agent = protocol === 'https:' ? new https.Agent(options) : new http.Agent(options);
    this.agents.set(key, agent);
    return agent;
  }

  private async *read(answer: http.IncomingMessage, limits: Limits): AsyncGenerator<Uint8Array> {
    const encoding = answer.headers['content-encoding'];
    try {
      if (encoding !== undefined && encoding !== 'identity')
        throw invalidAnswer(this.config.name, 'it is compressed, which was not asked for');
      const chunks = answer[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
      for (;;) {
        // the clock runs while the PACS is waited for, not while what it sent is worked on
        limits.expect('idle', answer);
        const next = await chunks.next();
        limits.met();
        if (next.done) return;
        yield next.value;
      }
    } catch (error) {
      throw limits.reached(error) ?? this.failure(error, true);
    } finally {
      limits.met();
      answer.destroy();
    }
  }

  /** @param begun whether the answer had begun to arrive */
  private failure(error: unknown, begun: boolean): unknown {
    const { name } = this.config;
    if (error instanceof UserError) return error;
    const code = codeOf(error);
    // not from the network: a defect here, or what the sender of a body threw
    if (code === undefined) return error;
    if (code.startsWith('HPE_')) return invalidAnswer(name, 'it is not HTTP', { cause: error });
    if (/CERT|^ERR_(TLS|SSL)|UNABLE_TO_VERIFY|^EPROTO$/.test(code)) return untrusted(name, code, error);
    if (begun) return invalidAnswer(name, `it ends early (${code})`, { transient: true, cause: error });
    return unreachable(name, code, error);
  }
}

/** @throws PacsError for every status but success (2xx) */
export async function expectSuccess(pacs: string, response: HttpResponse): Promise<HttpResponse> {
  if (response.status >= 200 && response.status < 300) return response;
  await response.discard();
  throw statusError(pacs, response.status, retryAfter(response.headers['retry-after']));
}

async function discard(answer: http.IncomingMessage): Promise<void> {
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > DISCARD_BYTES) return;
    }
  } catch {
    // nobody wants it
  }
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

/** The system's code of an error or of what caused it: of several addresses tried, the first one's. */
function codeOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    const { code, errors, cause } = at as { code?: unknown; errors?: unknown; cause?: unknown };
    if (typeof code === 'string' && code !== '') return code;
    at = Array.isArray(errors) ? errors[0] : cause;
  }
  return undefined;
}
