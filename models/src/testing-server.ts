/** For tests: a real HTTP server on this machine that misbehaves as told, and remembers what it was asked. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FileServer {
  readonly url: string;
  /** requests since the start, in order */
  readonly requests: { readonly method?: string; readonly range?: string; readonly ifRange?: string }[];
  /** what the next requests get; the last one is repeated */
  answers: Answer[];
  readonly close: () => Promise<void>;
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export async function startServer(...answers: Answer[]): Promise<FileServer> {
  const requests: FileServer['requests'] = [];
  const server: Server = createServer((request, response) => {
    const { range, 'if-range': ifRange } = request.headers;
    requests.push({ method: request.method, range, ifRange: Array.isArray(ifRange) ? ifRange[0] : ifRange });
    const answer = started.answers.length > 1 ? started.answers.shift() : started.answers[0];
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const started: FileServer = {
    url: `http://127.0.0.1:${port}/weights.pt`,
    requests,
    answers,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return started;
}

export interface Served {
  readonly etag?: string;
  /** break the connection after this many bytes of the body */
  readonly dropAfter?: number;
  /** send this many bytes of the body, then nothing more */
  readonly stallAfter?: number;
  /** send no Content-Length */
  readonly chunked?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Serves a content with Range and If-Range, as a file host does. */
export function serve(content: Uint8Array, options: Served = {}): Answer {
  const { etag = '"v1"', dropAfter, stallAfter, chunked = false, headers = {} } = options;
  return (request, response) => {
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const same = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
    const start = asked && same ? Number(asked[1]) : 0;
    if (asked && same && start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const body = content.subarray(start);
    const partial = start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {};
    const length = chunked ? {} : { 'content-length': String(body.length) };
    response.writeHead(start > 0 ? 206 : 200, { etag, ...length, ...partial, ...headers });
    const sent = dropAfter ?? stallAfter;
    if (sent === undefined) response.end(body);
    else
      response.write(body.subarray(0, sent), () => {
        // What a client has received but not read yet is lost with the connection: give it time to read.
        if (dropAfter !== undefined) setTimeout(() => response.destroy(), 700);
      });
  };
}

export function status(code: number, headers: Readonly<Record<string, string>> = {}, body = ''): Answer {
  return (_, response) => {
    response.writeHead(code, headers).end(body);
  };
}
