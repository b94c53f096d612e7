import { UserError } from '@medsam2/models';
import fc from 'fast-check';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PassThrough } from 'node:stream';
import { createLogger } from './logging.js';
import type { ProxyTarget } from './proxy/target.js';
import type { Route } from './route.js';
import { namedUsers, startTestServer, type TestServer } from './testing/index.js';

const total = 10_500;
const batch = 35;
const seed = 20_240_131;

/** Answers of the server that are 5xx and meant: the PACS of the test is not there. */
const declared = new Set(['pacs-unreachable']);

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly raw?: string;
}

let server: TestServer;
let defects: string[];
let forwarded: string[];
let known: string;
beforeAll(async () => {
  defects = [];
  forwarded = [];
  const output = new PassThrough().on('data', (chunk: Buffer) => defects.push(chunk.toString()));
  const target: ProxyTarget = {
    name: 'default',
    writable: true,
    passThrough: false,
    roots: ['http://pacs/dicom-web'],
    forward: ({ address }) => {
      forwarded.push(address);
      throw new UserError('pacs-unreachable', 'The PACS cannot be reached.', 'Wait.');
    },
    close: () => Promise.resolve(),
  };
  server = await startTestServer({
    deps: {
      authenticator: namedUsers,
      proxies: new Map([['default', target]]),
      log: createLogger({ level: 'error', pretty: 'never' }, output),
    },
    config: { http: { requestsPerMinute: 10_000_000, pingSeconds: 0.05 } },
  });
  const made = await server.ask('POST', '/api/v1/sessions', { body: { source: { study: '1.2', series: '1.3' } } });
  known = (made.body as { id: string }).id;
});
afterAll(() => server.close());

const nasty = fc.constantFrom(
  '..',
  '%2e%2e',
  '%2f',
  '%00',
  '%E0%A4%A',
  '%',
  '1.2.3',
  '0',
  '-1',
  '1e3',
  '99999999999',
  '__proto__',
  'constructor',
  'http://169.254.169.254/',
  '*',
  ';x=1',
  '7d7de3ab-6b4f-4b52-8e2f-111111111111',
  'ﬀ'.normalize('NFC'),
);
const text = fc.oneof(nasty, fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 20 }));
/** Parts of an address: what Node sends at all, so without spaces, control characters and beyond Latin. */
const piece = fc.oneof(
  nasty.map((value) => (/^[\x21-\x7e]*$/.test(value) ? value : encodeURIComponent(value))),
  text.map((value) => encodeURIComponent(value.replace(/\p{Surrogate}/gu, ''))),
);

/** A value that is near what is wanted: parts of the example replaced, removed, or added. */
function near(example: unknown): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      fc.array(fc.tuple(fc.nat(), fc.constantFrom('replace', 'remove', 'add'), fc.jsonValue({ maxDepth: 3 })), {
        maxLength: 3,
      }),
    )
    .map(([changes]) =>
      changes.reduce((value, [where, how, what]) => mutate(value, where, how, what), structuredClone(example)),
    );
}

function mutate(value: unknown, where: number, how: string, what: unknown): unknown {
  if (typeof value !== 'object' || value === null) return how === 'replace' ? what : value;
  const entries = Object.entries(value);
  const at = where % (entries.length + 1);
  if (at === entries.length) {
    if (Array.isArray(value)) return [...(value as unknown[]), what];
    return { ...value, [how === 'add' ? 'extra' : '__proto__']: what };
  }
  const [key, inner] = entries[at] as [string, unknown];
  if (how === 'remove' && !Array.isArray(value)) return Object.fromEntries(entries.filter(([name]) => name !== key));
  const changed = where % 3 === 0 ? what : mutate(inner, Math.floor(where / (entries.length + 1)), how, what);
  return Array.isArray(value)
    ? (value as unknown[]).map((one, index) => (index === at ? changed : one))
    : { ...value, [key]: changed };
}

function ofRoute(route: Route): fc.Arbitrary<Asked> {
  const path = route.path
    .split('/')
    .map((part) =>
      part === ':session'
        ? fc.oneof(fc.constant('KNOWN'), piece)
        : part.startsWith(':')
          ? fc.oneof(fc.constantFrom('1', '1.2.3', '7d7de3ab-6b4f-4b52-8e2f-222222222222'), piece)
          : fc.constant(part),
    );
  const body = route.body === undefined ? fc.constant(undefined) : near(route.example);
  return fc
    .record({
      method: fc.oneof(
        { weight: 8, arbitrary: fc.constant(route.method.toUpperCase()) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE') },
      ),
      parts: fc.tuple(...path),
      query: fc.array(fc.tuple(fc.oneof(fc.constantFrom(...Object.keys(route.query.shape), 'x'), piece), piece), {
        maxLength: 3,
      }),
      body: fc.oneof({ weight: 6, arbitrary: body }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) }),
      torn: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      type: fc.oneof(
        { weight: 9, arbitrary: fc.constant('application/json') },
        {
          weight: 1,
          arbitrary: fc.constantFrom('text/plain', 'application/json; charset=utf-16', 'multipart/form-data', ''),
        },
      ),
      role: fc.constantFrom('reader', 'annotator', 'admin'),
    })
    .map(({ method, parts, query, body: content, torn, type, role }): Asked => {
      const search = query.map(([name, value]) => `${name}=${value}`).join('&');
      const whole = content === undefined ? undefined : JSON.stringify(content);
      return {
        method,
        path: `/api/v1${parts.join('/')}${search === '' ? '' : `?${search}`}`,
        headers: {
          authorization: `Bearer local:${role}`,
          ...(whole === undefined || type === '' ? {} : { 'content-type': type }),
        },
        ...(whole === undefined ? {} : { raw: torn ? whole.slice(0, -1) : whole }),
      };
    });
}

const elsewhere: fc.Arbitrary<Asked> = fc
  .record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'),
    root: fc.constantFrom(
      '/dicomweb/default/studies?x=',
      '/dicomweb/default/studies/1.2.3/series/1.4/metadata?',
      '/dicomweb/default/studies/1.2.3/series/1.4/instances/1.5/bulk/',
      '/',
      '/dicomweb/default/',
      '/dicomweb/default/studies/',
      '/api/v1/',
      '/docs/',
      '/metrics',
      '/readyz',
      '/healthz',
    ),
    parts: fc.array(
      fc.oneof(piece, fc.constantFrom('studies', 'series', 'instances', 'frames', 'metadata', '1.2', 'bulk')),
      { maxLength: 7 },
    ),
    type: fc.constantFrom('application/dicom', 'multipart/related; type="application/dicom"; boundary=x'),
    raw: fc.option(fc.string({ maxLength: 200 }), { nil: undefined }),
  })
  .map(({ method, root, parts, type, raw }) => ({
    method,
    path: root + parts.join('/'),
    headers: { authorization: 'Bearer local:annotator', 'content-type': type },
    ...(raw === undefined || method === 'GET' || method === 'HEAD' ? {} : { raw }),
  }));

/** Streams do not end by themselves, and are tested elsewhere. */
const isStream = ({ method, path }: Asked): boolean => method === 'GET' && /\/sessions\/[^/]+\/events(\?|$)/.test(path);

describe('the server, asked anything', () => {
  it(`answers ${total} requests without a defect, and forgets them`, async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const statuses = new Map<number, number>();
    const heap: number[] = [];
    const wrong: unknown[] = [];
    let asked = 0;
    const routed = fc.oneof(...server.app.routes.map(ofRoute));
    const requests = fc.array(
      fc.oneof({ weight: 5, arbitrary: routed }, { weight: 1, arbitrary: elsewhere }).filter((one) => !isStream(one)),
      { minLength: batch, maxLength: batch },
    );
    for (const round of fc.sample(requests, { numRuns: total / batch, seed })) {
      await Promise.all(
        round.map(async (one) => {
          const request = { ...one, path: one.path.replace('KNOWN', known) };
          const { status, body } = await server.ask(request.method, request.path, request);
          asked++;
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          const { code } = (body ?? {}) as { code?: string };
          // HEAD has no body to tell the code
          const isPacs = request.method === 'HEAD' && request.path.startsWith('/dicomweb/') && status === 502;
          if (status < 200 || (status >= 500 && !isPacs && !declared.has(code ?? '')))
            wrong.push({ request, status, body });
        }),
      );
      for (const id of server.sessions.sessions.keys()) if (id !== known) server.sessions.sessions.delete(id);
      const kept = server.sessions.sessions.get(known);
      if (kept) [kept.undo, kept.redo] = [[], []];
      else {
        const made = await server.ask('POST', '/api/v1/sessions', {
          body: { source: { study: '1.2', series: '1.3' } },
        });
        known = (made.body as { id: string }).id;
      }
      server.sessions.calls.length = 0;
      server.jobs.jobs.clear();
      if (heap.length < Math.ceil((asked / total) * 4)) {
        collect();
        heap.push(process.memoryUsage().heapUsed);
      }
    }
    expect(wrong).toEqual([]);
    expect(defects).toEqual([]);
    expect(asked).toBeGreaterThanOrEqual(10_000);
    // all kinds of answers were seen: the requests were near enough to what is right
    for (const status of [200, 201, 202, 204, 400, 403, 404, 405, 415, 422])
      expect([status, (statuses.get(status) ?? 0) > 0]).toEqual([status, true]);
    // the first value is before most code was compiled
    expect(heap[heap.length - 1] - heap[1]).toBeLessThan(16 * 2 ** 20);
    expect((await server.ask('GET', '/healthz')).status).toBe(200);
  });

  it('never let anything but DICOMweb through to the PACS', () => {
    expect(forwarded.length).toBeGreaterThan(10);
    const allowed = /^\/(studies|series|instances)(\/[A-Za-z0-9._,%/-]*)?(\?.*)?$/;
    expect(
      forwarded.filter((address) => !allowed.test(address) || /\/\.\.?(\/|$)|%2[ef]|\/\//i.test(address.split('?')[0])),
    ).toEqual([]);
  });
});
