/** A reverse proxy in front of a real service that misbehaves as told: real sockets, real bytes. */
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Misbehaviour {
  /** answer this status instead of asking the service, with `headers` and `body` */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** wait so long before the answer begins */
  readonly delayMs?: number;
  /** after so many bytes of the body: end the connection orderly, with a reset, or say nothing more */
  readonly cutAfter?: number;
  readonly resetAfter?: number;
  readonly stallAfter?: number;
  /** changes the whole body, of any length */
  readonly change?: (body: Buffer) => Buffer;
}

export interface SeenRequest {
  readonly method: string;
  /** path and query */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

export interface UnrulyProxy {
  /** root, without a slash at the end */
  readonly url: string;
  /** requests since the start or the last `forget`, in order */
  readonly requests: SeenRequest[];
  /** decides on every request by its number, from 0 since the last `forget`; undefined: passed on as it is */
  behave: (request: SeenRequest, number: number) => Misbehaviour | undefined;
  /** answers whose client went away before they were whole */
  readonly abandoned: number;
  /** behaves, and counts from 0 again */
  forget(): void;
  close(): Promise<void>;
}

/**
 * @param target root of the service
 * @param tls key and certificate in PEM: the proxy then speaks https
 */
export async function startUnrulyProxy(target: string, tls?: { key: string; cert: string }): Promise<UnrulyProxy> {
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers };
    const number = proxy.requests.push(seen) - 1;
    const misbehaviour = proxy.behave(seen, number) ?? {};
    response.on('close', () => {
      if (!response.writableFinished) proxy.abandoned++;
    });
    response.on('error', () => undefined);
    setTimeout(() => {
      if (misbehaviour.status !== undefined) {
        request.resume();
        response.writeHead(misbehaviour.status, misbehaviour.headers);
        void send(response, Buffer.from(misbehaviour.body ?? ''), misbehaviour);
      } else pass(target, request, response, misbehaviour);
    }, misbehaviour.delayMs ?? 0);
  };
  const server = tls ? createTlsServer(tls, answer) : createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [] as SeenRequest[],
    behave: (): Misbehaviour | undefined => undefined,
    abandoned: 0,
    forget() {
      proxy.requests.length = 0;
      proxy.abandoned = 0;
      proxy.behave = () => undefined;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  } as UnrulyProxy & { abandoned: number };
  return proxy;
}

function pass(target: string, request: IncomingMessage, response: ServerResponse, how: Misbehaviour): void {
  const url = new URL(target + (request.url ?? ''));
  const headers = { ...request.headers, host: url.host };
  const passed = forward(url, { method: request.method, headers, agent: false }, (answer) => {
    const kept = { ...answer.headers };
    delete kept['transfer-encoding'];
    delete kept.connection;
    if (how.change) delete kept['content-length'];
    response.writeHead(answer.statusCode ?? 502, { ...kept, ...how.headers });
    const parts: Buffer[] = [];
    answer.on('data', (part: Buffer) => parts.push(part));
    answer.on('end', () => {
      const body = Buffer.concat(parts);
      void send(response, how.change ? how.change(body) : body, how);
    });
  });
  passed.on('error', () => response.socket?.destroy());
  request.pipe(passed);
}

async function send(response: ServerResponse, body: Buffer, how: Misbehaviour): Promise<void> {
  const after = how.cutAfter ?? how.resetAfter ?? how.stallAfter;
  if (after === undefined) {
    response.end(body);
    return;
  }
  response.flushHeaders();
  await new Promise<void>((resolve) => response.write(body.subarray(0, after), () => resolve()));
  if (how.stallAfter !== undefined) return;
  // what was written needs a moment to leave before the connection goes
  await new Promise((resolve) => setTimeout(resolve, 30));
  if (how.resetAfter === undefined) response.socket?.destroy();
  else response.socket?.resetAndDestroy();
}
