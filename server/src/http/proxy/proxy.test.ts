import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pacsConfigSchema, type PacsConfigInput } from '../../dicomweb/config.js';
import { namedUsers, startTestServer, type TestServer } from '../testing/index.js';
import { proxiedPath } from './paths.js';
import { createProxyTarget, type ProxyTarget } from './target.js';

const study = '1.2.3';
const series = '1.2.3.4';
const instance = '1.2.3.4.5';

describe('paths that pass', () => {
  const root = `/studies/${study}/series/${series}/instances/${instance}`;
  it.each([
    ['GET', '/studies', 'dicomweb.search'],
    ['GET', '/series', 'dicomweb.search'],
    ['GET', `/studies/${study}/series`, 'dicomweb.search'],
    ['GET', `/studies/${study}/metadata`, 'dicomweb.read'],
    ['GET', `/studies/${study}/series/${series}`, 'dicomweb.read'],
    ['GET', `${root}/metadata`, 'dicomweb.read'],
    ['GET', `${root}/rendered`, 'dicomweb.read'],
    ['GET', `${root}/frames/1`, 'dicomweb.read'],
    ['GET', `${root}/frames/1,2,3`, 'dicomweb.read'],
    ['GET', `${root}/frames/1%2C2`, 'dicomweb.read'],
    ['GET', `${root}/frames/1/rendered`, 'dicomweb.read'],
    ['GET', `${root}/bulk/7fe00010`, 'dicomweb.read'],
    ['GET', `${root}/bulkdata/00091010/1/00091020`, 'dicomweb.read'],
    ['HEAD', root, 'dicomweb.read'],
    ['POST', '/studies', 'dicomweb.store'],
    ['POST', `/studies/${study}`, 'dicomweb.store'],
  ])('%s %s is %s', (method, path, what) => {
    expect(proxiedPath(method, path)?.what).toBe(what);
  });

  it.each([
    ['GET', ''],
    ['GET', '/'],
    ['GET', '/tools/reset'],
    ['GET', '/system'],
    ['GET', '/changes'],
    ['GET', '/instances/abc/file'],
    ['GET', `/studies/${study}/`],
    ['GET', '/studies/../tools'],
    ['GET', '/studies/1.2.3/../../tools'],
    ['GET', '/studies/1.2.3%2f..%2ftools'],
    ['GET', '/studies/1.2.3%2e%2e'],
    ['GET', '/studies/1.2..3'],
    ['GET', `/studies/${'1.'.repeat(40)}1`],
    ['GET', '//evil.example/studies'],
    ['GET', '/studies;x=1'],
    ['GET', `${root}/bulk/..`],
    ['GET', `${root}/bulk/../../x`],
    ['GET', `${root}/bulk/%2e%2e`],
    ['GET', `${root}/frames/1;2`],
    ['GET', `${root}/frames/x`],
    ['POST', `/studies/${study}/series`],
    ['POST', '/tools/reset'],
    ['POST', '/servers'],
    ['PUT', '/studies'],
    ['DELETE', `/studies/${study}`],
    ['PATCH', '/studies'],
    ['OPTIONS', '/studies'],
  ])('%s %s does not', (method, path) => {
    expect(proxiedPath(method, path)).toBeUndefined();
  });
});

describe('the proxy', () => {
  let pacs: Server;
  let url: string;
  let seen: { method: string; url: string; headers: IncomingMessage['headers']; body: Buffer }[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let server: TestServer;
  let targets: ProxyTarget[];
  const as = (user: string, more = {}) => ({ headers: { authorization: `Bearer ${user}`, ...more } });

  beforeEach(async () => {
    seen = [];
    answer = (_request, response) => response.setHeader('content-type', 'application/dicom+json').end('[]');
    pacs = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => undefined);
      request.on('end', () => {
        const { method = '', url: asked = '', headers } = request;
        seen.push({ method, url: asked, headers, body: Buffer.concat(chunks) });
        answer(request, response);
      });
    });
    await new Promise<void>((resolve) => pacs.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(pacs.address() as AddressInfo).port}/dicom-web`;
    const target = (more: Partial<PacsConfigInput>): ProxyTarget =>
      createProxyTarget(pacsConfigSchema.parse({ name: 'main', url, writable: true, ...more }));
    targets = [
      target({ credentials: { kind: 'basic', user: 'server', password: 'of-the-server' } }),
      target({ name: 'archive', writable: false, credentials: { kind: 'pass-through' } }),
    ];
    server = await startTestServer({
      deps: { authenticator: namedUsers, proxies: new Map(targets.map((one) => [one.name, one])) },
      config: { http: { stowBytes: 100_000 } },
    });
  });
  afterEach(async () => {
    await server.close();
    await Promise.all(targets.map((one) => one.close()));
    pacs.closeAllConnections();
    pacs.close();
  });

  it('uses the PACS’s own credentials, passes few headers and the query as it is', async () => {
    const headers = { accept: 'application/dicom+json', cookie: 'a=b', 'x-forwarded-for': '6.6.6.6', 'x-api-key': 'k' };
    const got = await server.ask('GET', '/dicomweb/main/studies?PatientName=D%25&limit=1', as('anna:reader', headers));
    expect([got.status, got.body]).toEqual([200, []]);
    expect(seen).toMatchObject([{ method: 'GET', url: '/dicom-web/studies?PatientName=D%25&limit=1' }]);
    const [{ headers: passed }] = seen;
    expect(passed.authorization).toBe(`Basic ${btoa('server:of-the-server')}`);
    expect(passed.accept).toBe('application/dicom+json');
    for (const absent of ['cookie', 'x-forwarded-for', 'x-api-key']) expect(passed[absent]).toBeUndefined();
    expect(JSON.stringify(server.log())).not.toContain('PatientName');
  });

  it('shows the caller’s token to a PACS that is configured to see it, and nobody else’s', async () => {
    await server.ask('GET', '/dicomweb/archive/studies', as('anna:reader'));
    expect(seen[0].headers.authorization).toBe('Bearer anna:reader');
    answer = (_request, response) => response.writeHead(401, { 'www-authenticate': 'Basic realm="pacs"' }).end();
    const refused = await server.ask('GET', '/dicomweb/archive/studies', as('anna:reader'));
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer realm="medsam2"']);
    // with the server's own credentials it is not the caller who is wrong
    expect((await server.ask('GET', '/dicomweb/main/studies', as('anna:reader'))).status).toBe(502);
  });

  it('reaches nothing but DICOMweb, however the path is written', async () => {
    for (const path of [
      '/dicomweb/main/tools/reset',
      '/dicomweb/main/../tools/reset',
      '/dicomweb/main/studies/../../tools/reset',
      '/dicomweb/main/studies/%2e%2e/%2e%2e/tools/reset',
      '/dicomweb/main/studies%2f..%2f..%2ftools',
      '/dicomweb/main//studies',
      '/dicomweb/main/http://evil.example/',
      '/dicomweb/%6dain/studies',
      '/dicomweb/evil.example/studies',
      '/dicomweb/@evil.example/studies',
      '/dicomweb/',
    ]) {
      const { status } = await server.ask('GET', path, as('root:admin'));
      expect([path, status === 403 || status === 404]).toEqual([path, true]);
    }
    for (const method of ['DELETE', 'PUT', 'PATCH'])
      expect((await server.ask(method, `/dicomweb/main/studies/${study}`, as('root:admin'))).status).toBe(403);
    expect(seen).toEqual([]);
  });

  it('neither follows nor passes on a redirect', async () => {
    let elsewhere = 0;
    const other = createServer((_request, response) => {
      elsewhere++;
      response.end();
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/x`;
    try {
      for (const target of [location, '/dicom-web/series']) {
        answer = (_request, response) => response.writeHead(302, { location: target }).end();
        const got = await server.ask('GET', '/dicomweb/main/studies', as('anna:reader'));
        expect([got.status, got.headers.location]).toEqual([502, undefined]);
      }
      expect([elsewhere, seen.length]).toEqual([0, 2]);
    } finally {
      other.close();
    }
  });

  it('passes back few headers, and lets nothing run', async () => {
    answer = (_request, response) =>
      response
        .writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'a=b', server: 'PACS 1.0', etag: '"x"' })
        .end('<script>alert(1)</script>');
    const { headers } = await server.ask('GET', `/dicomweb/main/studies/${study}/rendered`, as('anna:reader'));
    expect(headers.etag).toBe('"x"');
    expect([headers['set-cookie'], headers.server]).toEqual([undefined, undefined]);
    expect(headers['content-security-policy']).toContain('sandbox');
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  it('leads addresses of bulk data back to itself, wherever a piece of the answer ends', async () => {
    const uri = `${url}/studies/${study}/bulk/7fe00010`;
    const text = JSON.stringify([{ '7FE00010': { vr: 'OW', BulkDataURI: uri } }, { note: url }]);
    answer = (_request, response) => {
      response.setHeader('content-type', 'application/dicom+json');
      void (async () => {
        for (const character of text) {
          response.write(character);
          if (character === '/') await new Promise((resolve) => setImmediate(resolve));
        }
        response.end();
      })();
    };
    const { bytes } = await server.ask('GET', `/dicomweb/main/studies/${study}/metadata`, as('anna:reader'));
    const own = `http://127.0.0.1:${server.port}/dicomweb/main`;
    expect(JSON.parse(bytes.toString())).toEqual([
      { '7FE00010': { vr: 'OW', BulkDataURI: `${own}/studies/${study}/bulk/7fe00010` } },
      { note: url },
    ]);
  });

  it('stores for annotators, where the PACS may be written to, and not without limit', async () => {
    const multipart = { 'content-type': 'multipart/related; type="application/dicom"; boundary=x' };
    const raw = Buffer.alloc(50_000, 'x');
    answer = (_request, response) => response.writeHead(409).end('{"00081198":{"vr":"SQ"}}');
    const stored = await server.ask('POST', `/dicomweb/main/studies/${study}`, {
      ...as('anna:annotator', multipart),
      raw,
    });
    // the outcome of each object stands in the answer, whatever its status
    expect([stored.status, stored.headers['content-type'], stored.body]).toEqual([
      409,
      'application/dicom+json',
      { '00081198': { vr: 'SQ' } },
    ]);
    expect(seen[0].body.equals(raw)).toBe(true);
    expect(seen[0].headers['content-type']).toBe(multipart['content-type']);
    const refused = async (user: string, path: string, headers: object, body: Buffer | string) =>
      (await server.ask('POST', path, { ...as(user, headers), raw: body })).status;
    expect(await refused('anna:reader', '/dicomweb/main/studies', multipart, 'x')).toBe(403);
    expect(await refused('anna:annotator', '/dicomweb/archive/studies', multipart, 'x')).toBe(403);
    expect(
      await refused('anna:annotator', '/dicomweb/main/studies', { 'content-type': 'application/dicom' }, 'x'),
    ).toBe(415);
    expect(await refused('anna:annotator', '/dicomweb/main/studies', multipart, Buffer.alloc(200_000))).toBe(413);
    expect(seen).toHaveLength(1);
    const lines = server.audit().filter(({ what }) => what === 'dicomweb.store');
    expect(lines.map(({ outcome, status }) => [outcome, status])).toEqual([
      ['begun', undefined],
      ['refused', 409],
      ['refused', 403],
      ['refused', 403],
      ['refused', 415],
      ['refused', 413],
    ]);
  });

  it('writes reading of a series down once, not per image', async () => {
    const path = `/dicomweb/main/studies/${study}/series/${series}/instances/${instance}/frames/`;
    for (let frame = 1; frame <= 5; frame++) await server.ask('GET', path + `${frame}`, as('anna:reader'));
    await server.ask('GET', `${path}1`, as('ben:reader'));
    expect(server.audit()).toMatchObject([
      { user: 'anna', what: 'dicomweb.read', action: 'read', outcome: 'done', pacs: 'main', study, series },
      { user: 'ben' },
    ]);
    expect(server.audit()).toHaveLength(2);
  });

  it('says what the PACS did when it fails, and breaks off what it broke off', async () => {
    answer = (_request, response) => response.writeHead(404).end();
    expect((await server.ask('GET', '/dicomweb/main/studies', as('anna:reader'))).body).toMatchObject({
      code: 'pacs-not-found',
    });
    answer = (_request, response) => response.writeHead(500).end('Traceback: secret path');
    const failed = await server.ask('GET', '/dicomweb/main/studies', as('anna:reader'));
    expect([failed.status, failed.bytes.toString()]).toEqual([502, expect.not.stringContaining('Traceback')]);
    answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': '1000' });
      response.write('half');
      setTimeout(() => response.destroy(), 20);
    };
    await expect(server.ask('GET', `/dicomweb/main/studies/${study}`, as('anna:reader'))).rejects.toThrow(
      /aborted|hang up/,
    );
    pacs.closeAllConnections();
    pacs.close();
    const gone = await server.ask('GET', '/dicomweb/main/studies', as('anna:reader'));
    expect([gone.status, gone.body]).toMatchObject([502, { code: 'pacs-unreachable' }]);
  });
});
