import { promptAnswerSchema, segmentSchema, sessionSchema, StreamDecoder, type StreamEvent } from '@medsam2/protocol';
import { request } from 'node:http';
import { UserError } from '@medsam2/models';
import { namedUsers, startTestServer, type TestServer } from './testing/index.js';

const series = { study: '1.2.3', series: '1.2.3.4' };
const as = (user: string) => ({ headers: { authorization: `Bearer ${user}` } });

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    deps: { authenticator: namedUsers },
    config: { http: { streamsPerUser: 2, pingSeconds: 0.2 } },
  });
});
afterAll(() => server.close());

async function createSession(user = 'anna:annotator'): Promise<string> {
  const { status, body } = await server.ask('POST', '/api/v1/sessions', { ...as(user), body: { source: series } });
  expect(status).toBe(201);
  return sessionSchema.parse(body).id;
}

describe('the API', () => {
  it('takes a session from creation to saving', async () => {
    const id = await createSession();
    const path = `/api/v1/sessions/${id}`;
    const anna = as('anna:annotator');
    const segment = await server.ask('POST', `${path}/segments`, { ...anna, body: { label: 'Liver' } });
    expect(segment.status).toBe(201);
    expect(segmentSchema.parse(segment.body).label).toBe('Liver');
    const prompt = {
      ...anna,
      body: { segment: 1, drawing: { kind: 'box', place: { slice: 0 }, box: [1, 2, 3, 4] } },
    };
    const place = `${path}/prompts/7d7de3ab-6b4f-4b52-8e2f-111111111111`;
    const first = await server.ask('PUT', place, prompt);
    expect(first.status).toBe(200);
    promptAnswerSchema.parse(first.body);
    await server.ask('PUT', place, prompt);
    const state = sessionSchema.parse((await server.ask('GET', path, anna)).body);
    expect(state.prompts).toHaveLength(1);
    expect((await server.ask('POST', `${path}/propagate`, anna)).status).toBe(202);
    expect(server.sessions.calls.pop()).toEqual(['propagate', { direction: 'both', stop: { absentSlices: 2 } }]);
    expect((await server.ask('POST', `${path}/undo`, anna)).status).toBe(200);
    expect((await server.ask('POST', `${path}/redo`, anna)).status).toBe(200);
    const edited = await server.ask('PUT', `${path}/segments/1/slices/3`, {
      ...anna,
      body: { mask: { rows: 2, columns: 2, runs: 'AQE=' } },
    });
    expect(edited.status).toBe(200);
    expect(server.sessions.calls.pop()).toEqual(['editSlice', { rows: 2, columns: 2, runs: new Uint8Array([1, 1]) }]);
    const saved = await server.ask('POST', `${path}/save`, { ...anna, body: { description: 'Liver' } });
    expect([saved.status, saved.body]).toMatchObject([202, { state: 'waiting' }]);
    expect((await server.ask('DELETE', path, anna)).status).toBe(204);
    expect((await server.ask('GET', path, anna)).status).toBe(404);
  });

  it('gives files harmless names', async () => {
    const id = await createSession();
    const { headers, bytes } = await server.ask('GET', `/api/v1/sessions/${id}/export?format=nrrd`, as('anna:reader'));
    expect(headers['content-disposition']).toBe('attachment; filename=etc_U_ni_code_x_.nrrd');
    expect([...bytes]).toEqual([1, 2, 3]);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });

  it.each<[string, string, number, string, object?]>([
    ['GET', '/api/v1/nowhere', 404, 'not-found'],
    ['GET', '/api/v1/sessions/not-a-uuid', 422, 'request-invalid'],
    ['GET', '/api/v1/sessions/7d7de3ab-6b4f-4b52-8e2f-111111111111', 404, 'session-not-found'],
    ['GET', '/api/v1/sessions/%E0%A4%A', 400, 'request-malformed'],
    ['GET', '/api/v1/terms?limit=0', 422, 'request-invalid'],
    ['GET', '/api/v1/terms?limit=1&limit=2', 422, 'request-invalid'],
    ['GET', '/api/v1/terms?colour=red', 422, 'request-invalid'],
    ['PUT', '/api/v1/sessions', 405, 'method-not-allowed'],
    ['DELETE', '/api/v1/service', 405, 'method-not-allowed'],
    ['POST', '/api/v1/sessions', 422, 'request-invalid', { body: {} }],
    ['POST', '/api/v1/sessions', 422, 'request-invalid', { body: { source: { ...series, address: 'http://x' } } }],
    ['POST', '/api/v1/sessions', 422, 'request-invalid', { body: { source: { ...series, pacs: 'http://10.0.0.1/' } } }],
    ['POST', '/api/v1/sessions', 422, 'request-invalid', { body: { source: { study: '../..', series: '1.2' } } }],
    [
      'POST',
      '/api/v1/sessions',
      400,
      'request-malformed',
      { raw: '{"source":', headers: { 'content-type': 'application/json' } },
    ],
    [
      'POST',
      '/api/v1/sessions',
      400,
      'request-malformed',
      { raw: '"text"', headers: { 'content-type': 'application/json' } },
    ],
    [
      'POST',
      '/api/v1/sessions',
      415,
      'content-type-unsupported',
      { raw: '{}', headers: { 'content-type': 'text/plain' } },
    ],
    ['POST', '/api/v1/sessions', 415, 'content-type-unsupported', { raw: '{}' }],
    [
      'POST',
      '/api/v1/sessions',
      415,
      'content-type-unsupported',
      { raw: '{}', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } },
    ],
    [
      'POST',
      '/api/v1/sessions',
      413,
      'body-too-large',
      { raw: `"${'x'.repeat(2 ** 20)}"`, headers: { 'content-type': 'application/json' } },
    ],
    ['GET', `/api/v1/terms?q=${'x'.repeat(9000)}`, 414, 'url-too-long'],
  ])('refuses %s %s with %i %s', async (method, path, status, code, request = {}) => {
    const answer = await server.ask(method, path, {
      ...as('anna:annotator'),
      ...request,
      headers: { ...as('anna:annotator').headers, ...('headers' in request ? (request.headers as object) : {}) },
    });
    expect([answer.status, answer.body]).toMatchObject([status, { code, status }]);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const { detail, remedy, instance } = answer.body as Record<string, string>;
    expect(detail).toMatch(/\S\.$/);
    expect(remedy).toMatch(/\S/);
    expect(instance).toBe(answer.headers['x-request-id']);
  });

  it('says where a request does not fit, and never what stood there', async () => {
    const { body } = await server.ask('POST', '/api/v1/sessions', {
      ...as('anna:annotator'),
      body: { source: { study: 'DOE^JOHN', series: '1.2' }, window: { centre: 1, width: -4 } },
    });
    expect((body as { errors: { path: string }[] }).errors.map(({ path }) => path)).toEqual([
      'body.source.study',
      'body.window.width',
    ]);
    expect(JSON.stringify(body)).not.toContain('DOE');
  });

  it('keeps users apart and roles to their rights', async () => {
    const id = await createSession('anna:annotator');
    const path = `/api/v1/sessions/${id}`;
    for (const [method, where] of [
      ['GET', path],
      ['PATCH', path],
      ['DELETE', path],
      ['GET', `${path}/events`],
      ['GET', `${path}/changes`],
      ['GET', `${path}/export`],
      ['GET', `${path}/journal`],
      ['POST', `${path}/undo`],
      ['POST', `${path}/save`],
    ] as const) {
      const body = method === 'PATCH' ? { body: {} } : {};
      const other = await server.ask(method, where, { ...as('ben:annotator'), ...body });
      expect([where, other.status, other.body]).toMatchObject([where, 404, { code: 'session-not-found' }]);
    }
    expect((await server.ask('GET', path, as('root:admin'))).status).toBe(200);
    expect((await server.ask('GET', path, as('anna:reader'))).status).toBe(200);
    for (const [method, where] of [
      ['POST', '/api/v1/sessions'],
      ['POST', '/api/v1/jobs'],
      ['DELETE', path],
      ['POST', `${path}/save`],
      ['POST', `${path}/undo`],
    ] as const) {
      const refused = await server.ask(method, where, as('anna:reader'));
      expect([refused.status, refused.body]).toMatchObject([403, { code: 'not-allowed' }]);
    }
    expect((await server.ask('GET', '/api/v1/audit', as('anna:annotator'))).status).toBe(403);
    expect((await server.ask('GET', '/api/v1/audit', as('root:admin'))).status).toBe(200);
  });

  it('writes down who did what to which series, before and after', async () => {
    const id = await createSession('carla:annotator');
    await server.ask('POST', `/api/v1/sessions/${id}/undo`, as('carla:annotator'));
    await server.ask('GET', `/api/v1/sessions/${id}/statistics`, as('dora:reader'));
    const lines = server.audit().filter(({ user }) => user === 'carla' || user === 'dora');
    const common = { ...series, session: id, address: '127.0.0.1' };
    expect(lines).toMatchObject([
      { user: 'carla', what: 'session.create', action: 'create', outcome: 'begun', ...series },
      { user: 'carla', what: 'session.create', outcome: 'done', status: 201, model: 'nano', ...common },
      { what: 'session.undo', action: 'update', outcome: 'begun', ...common },
      { what: 'session.undo', outcome: 'refused', status: 409, code: 'nothing-to-undo', ...common },
      {
        user: 'dora',
        what: 'session.statistics',
        outcome: 'refused',
        status: 404,
        code: 'session-not-found',
        session: id,
      },
    ]);
    const requests = server.log().filter(({ request }) => request === lines[1].request);
    expect(requests).toMatchObject([
      { method: 'POST', route: '/api/v1/sessions', status: 201, user: 'carla', msg: 'request' },
    ]);
  });

  it('refuses what it cannot write down, before it happens', async () => {
    const failing = await startTestServer({
      deps: {
        audit: {
          write: () => Promise.reject(new UserError('audit-failed', 'The audit cannot be written.', 'Ask.')),
          close: () => Promise.resolve(),
        },
      },
    });
    try {
      const made = await failing.ask('POST', '/api/v1/sessions', { body: { source: series } });
      expect([made.status, made.body]).toMatchObject([503, { code: 'audit-failed' }]);
      expect(failing.sessions.sessions.size).toBe(0);
      expect((await failing.ask('GET', '/api/v1/sessions')).status).toBe(503);
      expect((await failing.ask('GET', '/api/v1/models')).status).toBe(200);
    } finally {
      await failing.close();
    }
  });

  it('logs neither identifiers nor queries nor tokens', async () => {
    await server.ask('GET', '/api/v1/studies/1.2.777/series/1.2.778/volumes?pacs=default', as('secret:reader'));
    await server.ask('GET', '/api/v1/terms?q=hepatitis', as('secret:reader'));
    const text = JSON.stringify(server.log());
    expect(text).toContain('/api/v1/studies/:study/series/:series/volumes');
    for (const absent of ['1.2.777', 'hepatitis', 'Bearer', 'pacs=']) expect(text).not.toContain(absent);
  });

  it('answers a defect without telling it, and logs where it was', async () => {
    server.sessions.volumes = () => Promise.reject(new TypeError('JOHN DOE is not a function'));
    const { status, body, headers } = await server.ask(
      'GET',
      '/api/v1/studies/1.2/series/1.3/volumes',
      as('anna:reader'),
    );
    expect([status, body]).toMatchObject([500, { code: 'unexpected', instance: headers['x-request-id'] }]);
    const text = JSON.stringify([body, server.log()]);
    expect(text).not.toContain('JOHN');
    const logged = server.log().filter(({ level }) => level === 'error');
    expect(logged).toMatchObject([{ request: headers['x-request-id'], err: { type: 'TypeError' } }]);
    expect(JSON.stringify(logged)).toContain('app.test.');
  });
});

describe('the event stream', () => {
  /** Opens a stream and gives its events to `until`, until that says enough. */
  function listenTo(
    id: string,
    user: string,
    until: (events: StreamEvent[]) => boolean,
    after = 0,
  ): Promise<StreamEvent[]> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: server.port,
          path: `/api/v1/sessions/${id}/events?after=${after}`,
          headers: as(user).headers,
        },
        (incoming) => {
          expect(incoming.statusCode).toBe(200);
          const decoder = new StreamDecoder();
          const events: StreamEvent[] = [];
          incoming.on('data', (chunk: Buffer) => {
            for (const event of decoder.push(chunk)) events.push(event);
            if (until(events)) {
              outgoing.destroy();
              resolve(events);
            }
          });
          incoming.on('error', () => resolve(events));
          incoming.on('end', () => resolve(events));
        },
      );
      outgoing.on('error', reject);
      outgoing.end();
    });
  }
  const types = (events: StreamEvent[]): string[] => events.map(({ header }) => header.type);

  it('gives what is new, pings in silence, and lets go when the client does', async () => {
    const id = await createSession('eva:annotator');
    const heard = listenTo(
      id,
      'eva:annotator',
      (events) => types(events).filter((type) => type === 'state').length === 2,
    );
    while (server.sessions.listening === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 450));
    await server.ask('POST', `/api/v1/sessions/${id}/segments`, as('eva:annotator'));
    const seen = types(await heard);
    expect(seen[0]).toBe('state');
    expect(seen).toContain('ping');
    while (server.sessions.listening > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    while (server.app.streams.count > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('ends with the session', async () => {
    const id = await createSession('fred:annotator');
    const heard = listenTo(id, 'fred:annotator', () => false);
    while (server.sessions.listening === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.ask('DELETE', `/api/v1/sessions/${id}`, as('fred:annotator'));
    expect((await heard).pop()?.header).toEqual({ type: 'closed', reason: 'removed' });
  });

  it('has a limit per user', async () => {
    const id = await createSession('gina:annotator');
    const open = [0, 1].map(() => listenTo(id, 'gina:annotator', () => false));
    while (server.sessions.listening < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const third = await server.ask('GET', `/api/v1/sessions/${id}/events`, as('gina:annotator'));
    expect([third.status, third.body]).toMatchObject([429, { code: 'too-many-streams' }]);
    await server.ask('DELETE', `/api/v1/sessions/${id}`, as('gina:annotator'));
    await Promise.all(open);
  });

  it('answers HEAD without opening one, and the same without waiting', async () => {
    const id = await createSession('hans:annotator');
    expect((await server.ask('HEAD', `/api/v1/sessions/${id}/events`, as('hans:reader'))).status).toBe(200);
    const { bytes, headers } = await server.ask('GET', `/api/v1/sessions/${id}/changes?after=0`, as('hans:reader'));
    expect(headers['content-type']).toBe('application/vnd.medsam2.events');
    expect([...new StreamDecoder().push(bytes)].map(({ header }) => header.type)).toEqual(['state']);
  });
});
