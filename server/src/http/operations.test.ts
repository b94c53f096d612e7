/** What operators see: logs, metrics, readiness. */
import { PassThrough } from 'node:stream';
import { ReadinessProbes, type Probe } from './health.js';
import { createLogger } from './logging.js';
import { Metrics } from './metrics.js';
import { namedUsers, startTestServer } from './testing/index.js';

function logger(pretty: 'always' | 'never', level: 'debug' | 'info' = 'info') {
  let text = '';
  const output = new PassThrough().on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { log: createLogger({ level, pretty }, output), text: () => text };
}

describe('the log', () => {
  it('holds no secrets, whoever brings them along', () => {
    const { log, text } = logger('never');
    const headers = { authorization: 'Bearer s3cret', cookie: 's3cret', 'x-api-key': 's3cret', accept: '*/*' };
    log.info(
      { headers, authorization: 's3cret', request: { headers }, config: { password: 's3cret', token: 's3cret' } },
      'x',
    );
    expect(text()).not.toContain('s3cret');
    expect(JSON.parse(text())).toMatchObject({ level: 'info', headers: { accept: '*/*' }, msg: 'x' });
  });

  it('says of a defect where it was, not what its message quotes', () => {
    const { log, text } = logger('never');
    const cause = Object.assign(new Error('DOE^JOHN'), { code: 'ENOSPC' });
    log.error({ err: new TypeError('DOE^JOHN is wrong', { cause }) }, 'a defect');
    expect(text()).not.toContain('DOE');
    const { err } = JSON.parse(text()) as { err: { stack: string[] } };
    expect(err).toMatchObject({ type: 'TypeError', cause: { type: 'Error', code: 'ENOSPC' } });
    expect(err.stack[0]).toMatch(/^at .*operations\.test/);
  });

  it('is readable on a terminal, and silent below its level', () => {
    const { log, text } = logger('always');
    log.debug('nothing');
    log.warn({ status: 503, route: '/x' }, 'request');
    expect(text()).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}request status=503 route=\/x\n$/);
  });
});

describe('metrics', () => {
  it('tell what was asked by route, what is held and what was done', async () => {
    const metrics = new Metrics();
    const server = await startTestServer({ deps: { metrics, authenticator: namedUsers } });
    metrics.watch({
      sessions: () => server.sessions.memory(),
      jobs: () => Promise.resolve({ waiting: 3, running: 1 }),
      saves: () => ({ waiting: 2, refused: 1 }),
      streams: () => server.app.streams.count,
    });
    try {
      metrics.segmented('nano', 12);
      metrics.saved('verified');
      metrics.pacsAnswered('default', 'failed', 0.2);
      await server.ask('GET', '/api/v1/sessions/7d7de3ab-6b4f-4b52-8e2f-111111111111');
      await server.ask('PROPFIND', '/api/v1/sessions');
      const text = (await server.ask('GET', '/metrics')).bytes.toString();
      for (const line of [
        'medsam2_http_request_seconds_count{method="GET",route="/api/v1/sessions/:session",status="404"} 1',
        'medsam2_http_request_seconds_count{method="other",route="/api/v1/sessions",status="405"} 1',
        'medsam2_slices_total{model="nano"} 12',
        'medsam2_saves_total{state="verified"} 1',
        'medsam2_pacs_seconds_count{pacs="default",outcome="failed"} 1',
        'medsam2_jobs_waiting 3',
        'medsam2_saves_waiting 2',
        'medsam2_sessions 0',
      ])
        expect(text).toContain(line);
      expect(text).not.toContain('7d7de3ab');
    } finally {
      await server.close();
    }
  });

  it('are open only where that is configured', async () => {
    const refusing = { authenticate: () => Promise.reject(new Error('nobody is asked')) };
    const open = await startTestServer({ deps: { authenticator: refusing }, config: { http: { metrics: 'open' } } });
    const status = (await open.ask('GET', '/metrics')).status;
    await open.close();
    expect(status).toBe(200);
  });
});

describe('readiness', () => {
  const probe = (name: string, critical: boolean, look: Probe['look']): Probe => ({
    name,
    critical,
    cacheMs: 1000,
    look,
  });

  it('is refused for what everybody needs, and told for the rest', async () => {
    const probes = new ReadinessProbes([
      probe('good', true, () => Promise.resolve({ ok: true, reason: 'Good.' })),
      probe('one of two', false, () => Promise.resolve({ ok: false, reason: 'Away.' })),
    ]);
    expect(await probes.look()).toEqual({
      ready: true,
      checks: [
        { name: 'good', state: 'ok', reason: 'Good.' },
        { name: 'one of two', state: 'degraded', reason: 'Away.' },
      ],
    });
    const failing = new ReadinessProbes([probe('disk', true, () => Promise.reject(new Error('Broken.')))]);
    expect(await failing.look()).toMatchObject({ ready: false, checks: [{ state: 'failed', reason: 'Broken.' }] });
  });

  it('looks once, however many ask, and again after a while', async () => {
    let [looks, now] = [0, 0];
    const probes = new ReadinessProbes(
      [probe('pacs', true, () => Promise.resolve({ ok: ++looks > 1, reason: '' }))],
      () => now,
    );
    const first = await Promise.all(Array.from({ length: 20 }, () => probes.look()));
    expect([looks, first.every(({ ready }) => !ready)]).toEqual([1, true]);
    now = 1001;
    expect([(await probes.look()).ready, looks]).toEqual([true, 2]);
  });

  it('is what /readyz says, and no while the server stops', async () => {
    const readiness = () => Promise.resolve({ ready: true, checks: [] });
    const server = await startTestServer({ deps: { readiness } });
    try {
      expect((await server.ask('GET', '/readyz')).status).toBe(200);
      server.stopping.abort();
      const stopping = await server.ask('GET', '/readyz');
      expect([stopping.status, stopping.headers.connection]).toEqual([503, 'close']);
      expect((await server.ask('GET', '/healthz')).status).toBe(200);
    } finally {
      await server.close();
    }
  });
});
