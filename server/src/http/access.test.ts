import { namedUsers, startTestServer, type TestServer } from './testing/index.js';

describe('who may ask at all', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      config: { http: { corsOrigins: ['https://viewer.example'], requestsPerMinute: 10_000 } },
    });
  });
  afterAll(() => server.close());

  it.each([
    ['evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['localhost.evil.example:80', 421],
    ['localhost', 200],
    ['localhost:1234', 200],
    ['127.0.0.1:99', 200],
    ['[::1]:99', 200],
  ])('without authentication the name %s gets %i', async (host, status) => {
    for (const path of ['/api/v1/service', '/healthz'])
      expect([path, (await server.ask('GET', path, { headers: { host } })).status]).toEqual([path, status]);
  });

  it('lets configured origins in, exactly', async () => {
    const preflight = {
      origin: 'https://viewer.example',
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'authorization,content-type',
    };
    const allowed = await server.ask('OPTIONS', '/api/v1/sessions', { headers: preflight });
    expect([allowed.status, allowed.headers]).toMatchObject([
      204,
      {
        'access-control-allow-origin': 'https://viewer.example',
        'access-control-allow-methods': expect.stringContaining('PUT') as string,
        'access-control-allow-headers': expect.stringContaining('Authorization') as string,
        vary: expect.stringContaining('Origin') as string,
      },
    ]);
    expect(allowed.headers['access-control-allow-credentials']).toBeUndefined();
    const got = await server.ask('GET', '/api/v1/service', { headers: { origin: 'https://viewer.example' } });
    expect([got.status, got.headers['access-control-allow-origin']]).toEqual([200, 'https://viewer.example']);
    expect(got.headers['access-control-expose-headers']).toContain('X-Request-Id');
  });

  it.each([
    'https://evil.example',
    'https://viewer.example.evil.example',
    'http://viewer.example',
    'null',
    'https://viewer.example:444',
  ])('keeps pages of %s out', async (origin) => {
    const preflight = { origin, 'access-control-request-method': 'POST' };
    expect((await server.ask('OPTIONS', '/api/v1/sessions', { headers: preflight })).status).toBe(403);
    const posted = await server.ask('POST', '/api/v1/sessions', { headers: { origin }, body: { source: {} } });
    expect([posted.status, posted.body]).toMatchObject([403, { code: 'origin-not-allowed' }]);
    // a page may ask, and cannot read what it gets
    const got = await server.ask('GET', '/api/v1/service', { headers: { origin } });
    expect(got.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('refuses forms and requests without body of other sites', async () => {
    const id = '7d7de3ab-6b4f-4b52-8e2f-111111111111';
    const headers = { 'sec-fetch-site': 'cross-site' };
    const { status } = await server.ask('POST', `/api/v1/sessions/${id}/undo`, { headers });
    expect(status).toBe(403);
    const own = { origin: `http://127.0.0.1:${server.port}`, 'sec-fetch-site': 'same-origin' };
    expect((await server.ask('POST', `/api/v1/sessions/${id}/undo`, { headers: own })).status).toBe(404);
  });

  it('sends headers that keep browsers from guessing and framing', async () => {
    const { headers } = await server.ask('GET', '/api/v1/service');
    expect(headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
    });
    expect(headers['x-powered-by']).toBeUndefined();
    expect(headers['strict-transport-security']).toBeUndefined();
  });
});

describe('limits per user', () => {
  it('count each user alone', async () => {
    const server = await startTestServer({
      deps: { authenticator: namedUsers },
      config: { http: { requestsPerMinute: 3, publicUrl: 'https://here.example', allowedHosts: ['127.0.0.1'] } },
    });
    try {
      const ask = async (user: string): Promise<number> =>
        (await server.ask('GET', '/api/v1/service', { headers: { authorization: `Bearer ${user}:reader` } })).status;
      expect([await ask('anna'), await ask('anna'), await ask('anna'), await ask('anna')]).toEqual([
        200, 200, 200, 429,
      ]);
      expect(await ask('ben')).toBe(200);
      const { headers } = await server.ask('GET', '/api/v1/service');
      expect(headers['ratelimit-policy']).toContain('q=3');
      expect(headers['strict-transport-security']).toBe('max-age=31536000');
    } finally {
      await server.close();
    }
  });
});
