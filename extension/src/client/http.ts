import type { apiPath as protocolPath } from '@medsam2/protocol';
import { aborted, errorOf, notApi, timedOut, unreachable } from './api-error.js';
import type { Clock } from './clock.js';

/** The protocol's own; not imported, because it comes with a schema library that browsers need not load. */
const apiPath: typeof protocolPath = '/api/v1';

export interface HttpSettings {
  /** root of the server without the API's path; default: where the page comes from */
  readonly server?: string;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** value of the Authorization header, asked anew for each request; undefined: none */
  readonly authorization: () => string | undefined;
}

export interface RequestOptions {
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** default 30 s */
  readonly timeoutMs?: number;
}

const usualMs = 30_000;
/** A server that accepts a stream says so at once. */
const openStreamMs = 15_000;

/** Requests to the server's API; whatever has no result is an `ApiError`. */
export class Http {
  private readonly root: string;

  constructor(private readonly settings: HttpSettings) {
    this.root = (settings.server ?? '').replace(/\/+$/, '') + apiPath;
  }

  /**
   * @param path below the API's path, e.g. `/service`
   * @returns the answer's JSON; undefined where it has no body
   * @throws ApiError
   */
  async ask<Body>(method: string, path: string, options: RequestOptions = {}): Promise<Body> {
    const limit = new TimeLimit(this.settings.clock, options.timeoutMs ?? usualMs, options.signal);
    try {
      const answer = await this.fetch(method, path, options, limit);
      const text = await limit.reading(answer.text());
      if (!answer.ok) throw errorOf(answer, text);
      if (answer.status === 204) return undefined as Body;
      if (!/^application\/([\w.-]+\+)?json\b/.test(answer.headers.get('content-type') ?? '')) throw notApi();
      return parse(text) as Body;
    } finally {
      limit.end();
    }
  }

  /**
   * @param signal ends the stream at any time
   * @returns the answer's body, to be read as it comes
   * @throws ApiError
   */
  async open(path: string, type: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const limit = new TimeLimit(this.settings.clock, openStreamMs, signal);
    try {
      const answer = await this.fetch('GET', path, {}, limit);
      if (!answer.ok) throw errorOf(answer, await limit.reading(answer.text()));
      const isStream = answer.headers.get('content-type')?.startsWith(type) === true;
      if (!isStream || answer.body === null) {
        limit.abort();
        throw notApi();
      }
      return answer.body;
    } finally {
      limit.endTime();
    }
  }

  private fetch(method: string, path: string, { body }: RequestOptions, limit: TimeLimit): Promise<Response> {
    const authorization = this.settings.authorization();
    const headers: Record<string, string> = { Accept: 'application/json, application/vnd.medsam2.events' };
    if (authorization !== undefined) headers.Authorization = authorization;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    return limit.reading(
      this.settings.fetch(this.root + path, {
        method,
        headers,
        signal: limit.signal,
        cache: 'no-store',
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notApi(cause);
  }
}

/** Ends a request when the caller does, or after a time; knows which of them it was. */
class TimeLimit {
  private readonly controller = new AbortController();
  private readonly cancel: () => void;
  private late = false;
  private readonly abortOuter = (): void => this.controller.abort();

  constructor(
    clock: Clock,
    ms: number,
    private readonly outer: AbortSignal | undefined,
  ) {
    this.cancel = clock.after(ms, () => {
      this.late = true;
      this.controller.abort();
    });
    if (outer?.aborted === true) this.controller.abort();
    outer?.addEventListener('abort', this.abortOuter, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  abort(): void {
    this.controller.abort();
  }

  /** Result of a part of the request. @throws ApiError for whatever keeps it from one */
  async reading<Value>(part: Promise<Value>): Promise<Value> {
    try {
      return await part;
    } catch (error) {
      if (this.late) throw timedOut(error);
      if (this.controller.signal.aborted) throw aborted(error);
      throw unreachable(error);
    }
  }

  /** From now on only the caller ends it. */
  endTime(): void {
    this.cancel();
  }

  end(): void {
    this.cancel();
    this.outer?.removeEventListener('abort', this.abortOuter);
  }
}
