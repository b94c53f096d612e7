import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newUuid, systemClock } from '@medsam2/ohif-extension/controller';
import { Http, type ApiError, type RequestOptions } from '@medsam2/ohif-extension/testing';

const close: (() => void)[] = [];
afterEach(() => {
  for (const each of close.splice(0)) each();
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const httpTo = (server: string, authorization?: string): Http =>
  new Http({ server, fetch, clock: systemClock(), authorization: () => authorization });

/** What a request fails with. */
async function failure(server: string, options: RequestOptions = {}): Promise<Partial<ApiError>> {
  try {
    await httpTo(server).ask('GET', '/service', options);
  } catch (error) {
    return error as ApiError;
  }
  throw new Error('it did not fail');
}

const says = (status: number, type: string, body: string): Promise<string> =>
  serve((_request, response) => response.writeHead(status, { 'content-type': type }).end(body));
const problem = (code: string): string => JSON.stringify({ code, detail: 'It is so.', remedy: 'Do that.' });

it('asks below the API’s path, with the login of that moment and a body as JSON', async () => {
  const seen: [string | undefined, IncomingHttpHeaders, string][] = [];
  const server = await serve((request, response) => {
    let text = '';
    request.on('data', (piece: Buffer) => (text += piece.toString()));
    request.on('end', () => {
      seen.push([request.url, request.headers, text]);
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end('{"a":1}');
    });
  });
  expect(await httpTo(`${server}/`, 'Bearer x').ask('POST', '/sessions', { body: { b: 2 } })).toEqual({ a: 1 });
  expect(seen[0]).toMatchObject([
    '/api/v1/sessions',
    { authorization: 'Bearer x', 'content-type': 'application/json' },
    '{"b":2}',
  ]);
});

it('takes an answer without a body for none', async () => {
  const server = await serve((_request, response) => response.writeHead(204).end());
  expect(await httpTo(server).ask('DELETE', '/sessions/1')).toBeUndefined();
});

it.each([
  ['a problem of the server', 423, 'application/problem+json', problem('segment-locked'), 'refused', 'segment-locked'],
  ['a login that ended', 401, 'application/problem+json', problem('not-authenticated'), 'login', 'not-authenticated'],
  ['a login that a proxy asks for', 401, 'text/html', '<p>Log in</p>', 'login', 'not-authenticated'],
  ['what is not allowed', 403, 'application/problem+json', problem('not-allowed'), 'forbidden', 'not-allowed'],
  ['a page of the viewer', 200, 'text/html', '<!doctype html>', 'not-api', 'not-api'],
  ['JSON of something else', 404, 'application/json', '{"error":"x"}', 'not-api', 'not-api'],
  ['what says to be JSON and is not', 200, 'application/json', '<p>', 'not-api', 'not-api'],
  ['a proxy without its server', 502, 'text/html', '<p>Bad gateway</p>', 'unreachable', 'unreachable'],
])('tells %s', async (_what, status, type, body, kind, code) => {
  expect(await failure(await says(status, type, body))).toMatchObject({ kind, problem: { code } });
});

it('tells that nobody is there, that nobody answers in time, and that it was given up', async () => {
  expect(await failure('http://127.0.0.1:9')).toMatchObject({ kind: 'unreachable', isConnection: true });
  const silent = await serve(() => undefined);
  expect(await failure(silent, { timeoutMs: 30 })).toMatchObject({ kind: 'timeout', passes: true });
  expect(await failure(silent, { signal: AbortSignal.timeout(10) })).toMatchObject({ kind: 'aborted', passes: false });
});

it('waits no longer for a body that does not come', async () => {
  const server = await serve((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{');
  });
  expect(await failure(server, { timeoutMs: 50 })).toMatchObject({ kind: 'timeout' });
});

it('keeps how long a server wants to be left alone', async () => {
  const server = await serve((_request, response) =>
    response
      .writeHead(429, { 'content-type': 'application/problem+json', 'retry-after': '2' })
      .end(problem('too-many-requests')),
  );
  expect(await failure(server)).toMatchObject({ passes: true, isConnection: false, more: { retryAfterMs: 2000 } });
});

it('makes identifiers of version 4, each another', () => {
  const ids = Array.from({ length: 100 }, newUuid);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(100);
});
