import type { PacsConfig } from '../../dicomweb/config.js';
import { createAuthorizer } from '../../dicomweb/credentials.js';
import { statusError } from '../../dicomweb/errors.js';
import { Transport, type HttpResponse } from '../../dicomweb/transport.js';
import type { ProxiedPath } from './paths.js';

export interface ForwardedRequest {
  readonly what: ProxiedPath['what'];
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** path and query below the PACS's root, as they were sent */
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: AsyncIterable<Uint8Array>;
  /** the caller's own header, for a PACS that is configured to see it */
  readonly authorization?: string;
  readonly signal: AbortSignal;
}

/** One PACS behind the proxy. */
export interface ProxyTarget {
  readonly name: string;
  readonly writable: boolean;
  readonly passThrough: boolean;
  /** roots as the PACS itself writes them into addresses of bulk data */
  readonly roots: readonly string[];
  /** @throws UserError `pacs-…`; the signal's reason when aborted */
  forward(request: ForwardedRequest): Promise<HttpResponse>;
  close(): Promise<void>;
}

/** @throws UserError `ca-unreadable` */
export function createProxyTarget(config: PacsConfig): ProxyTarget {
  const transport = new Transport(config);
  const authorizer = createAuthorizer(config, transport);
  const { url, qidoUrl = url, wadoUrl = url, stowUrl = url } = config;
  const root = { 'dicomweb.search': qidoUrl, 'dicomweb.read': wadoUrl, 'dicomweb.store': stowUrl };

  const once = async (request: ForwardedRequest): Promise<{ answer: HttpResponse; used: string | undefined }> => {
    const { what, address, method, headers, body, authorization, signal } = request;
    const used = await authorizer.header({ authorization, signal });
    const answer = await transport.send({
      url: `${root[what]}${address}`,
      lane: 'proxy',
      method,
      headers: { ...headers, ...(used === undefined ? {} : { authorization: used }) },
      body,
      signal,
      redirects: 'refuse',
    });
    return { answer, used };
  };

  return {
    name: config.name,
    writable: config.writable,
    passThrough: config.credentials.kind === 'pass-through',
    roots: [...new Set([wadoUrl, url])],
    async forward(request) {
      let { answer, used } = await once(request);
      if (answer.status === 401 && request.body === undefined && authorizer.refused(used)) {
        await answer.discard();
        ({ answer, used } = await once(request));
      }
      const { status } = answer;
      const isRedirect = status >= 300 && status < 400 && status !== 304;
      if (status === 401 || status === 403 || status === 404 || status >= 500 || isRedirect) {
        await answer.discard();
        throw statusError(config.name, status);
      }
      return answer;
    },
    close: () => transport.close(),
  };
}
