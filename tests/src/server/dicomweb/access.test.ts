import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { userError } from '@medsam2/models/testing/errors';
import type { OpenPacs } from '@medsam2/server/dicomweb';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { startUnrulyProxy, type UnrulyProxy } from '../../support/unruly-proxy.js';
import { impatient, phantomFiles, SERIES, SLICES, STUDY } from './fixture.js';

describeWithOrthanc('who may ask a PACS, and where requests go', () => {
  let orthanc: Orthanc;
  let proxy: UnrulyProxy;
  const basic = `Basic ${btoa('reader:s3cret:with colon')}`;
  const clients: OpenPacs[] = [];
  const client = (...args: Parameters<typeof impatient>): OpenPacs => {
    const opened = impatient(...args);
    clients.push(opened);
    return opened;
  };

  beforeAll(async () => {
    orthanc = await startOrthanc({ users: { reader: 's3cret:with colon' } });
    await orthanc.upload(phantomFiles().slice(0, 3));
    proxy = await startUnrulyProxy(orthanc.url);
  });
  beforeEach(() => proxy.forget());
  afterAll(async () => {
    await Promise.all(clients.map((opened) => opened.close()));
    await proxy.close();
    await orthanc.close();
  });
  const authorizations = (): (string | undefined)[] => proxy.requests.map(({ headers }) => headers.authorization);

  /** Every kind of call; each must fail in the same way. */
  const calls = (pacs: OpenPacs): (() => Promise<unknown>)[] => [
    () => pacs.searchStudies({}),
    () => pacs.searchSeries(STUDY, {}),
    () => pacs.searchInstances(STUDY, SERIES, {}),
    () => pacs.seriesMetadata(STUDY, SERIES),
    () => collect(pacs.seriesInstances(STUDY, SERIES)),
    () => pacs.instance(STUDY, SERIES, '1.2.3'),
    () => pacs.store(STUDY, phantomFiles()[0]),
  ];

  it('Basic: let in, or refused in every call', async () => {
    const pacs = client(proxy.url, {
      credentials: { kind: 'basic', user: 'reader', password: 's3cret:with colon' },
    });
    expect(await pacs.searchStudies({})).toHaveLength(1);
    expect(authorizations()).toEqual([basic, basic]);
    for (const credentials of [
      { kind: 'none' },
      { kind: 'basic', user: 'reader', password: 'wrong' },
      { kind: 'bearer', token: 'abc' },
    ] as const)
      for (const call of calls(client(proxy.url, { credentials })))
        expect((await userError(call)).code).toBe('pacs-unauthorised');
  });

  it('pass-through: the caller’s own header and no other; with other credentials it is never sent', async () => {
    const pacs = client(proxy.url, { credentials: { kind: 'pass-through' } });
    expect(await pacs.searchStudies({}, { authorization: basic, limit: 1 })).toHaveLength(1);
    expect((await userError(() => pacs.searchStudies({}))).code).toBe('pacs-unauthorised');
    const none = client(proxy.url);
    expect((await userError(() => none.searchStudies({}, { authorization: basic }))).code).toBe('pacs-unauthorised');
    expect(authorizations()).toEqual([basic, undefined, undefined]);
    proxy.forget();
    const injected = { authorization: `${basic}\r\nx-role: admin` };
    expect((await userError(() => pacs.searchStudies({}, injected))).code).toBe('pacs-unauthorised');
    expect(proxy.requests).toEqual([]);
  });

  it.each([
    '../..',
    '1.2/../../tools/reset',
    '1.2?x=1',
    '1.2#',
    '%2e%2e',
    'http://127.0.0.1/',
    '1..2',
    '.',
    '',
    '1'.repeat(65),
    '1.2\r\n',
  ])('an identifier %j enters no address', async (uid) => {
    const pacs = client(proxy.url);
    for (const call of [
      () => pacs.searchSeries(uid, {}),
      () => pacs.searchInstances(STUDY, uid, {}),
      () => pacs.seriesMetadata(uid, SERIES),
      () => collect(pacs.seriesInstances(STUDY, uid)),
      () => pacs.instance(STUDY, SERIES, uid),
      () => pacs.store(uid, phantomFiles()[0]),
    ])
      expect((await userError(call)).code).toBe('invalid-uid');
    expect(proxy.requests).toEqual([]);
  });

  it('names in queries cannot add parameters; values are escaped', async () => {
    const pacs = client(proxy.url, { credentials: { kind: 'bearer', token: 'x' } });
    for (const name of ['PatientID=1&limit', 'limit', 'offset', 'a b', '0010,0020', ''])
      expect((await userError(() => pacs.searchStudies({ [name]: '1' }))).code).toBe('invalid-query');
    expect(proxy.requests).toEqual([]);
    await userError(() => pacs.searchStudies({ PatientName: 'A&limit=1#B', '00100020': '?' }));
    expect(proxy.requests[0].url).toBe('/studies?PatientName=A%26limit%3D1%23B&00100020=%3F&limit=1000&offset=0');
  });

  it('redirects: followed on the same host by GET, refused to any other', async () => {
    const other = await startUnrulyProxy(orthanc.url);
    const pacs = client(proxy.url, { credentials: { kind: 'pass-through' } });
    proxy.behave = ({ url }) =>
      url.startsWith('/studies?')
        ? { status: 307, headers: { location: `${other.url}${url}` } }
        : /^\/studies.*metadata$/.test(url)
          ? { status: 301, headers: { location: `/moved${url}` } }
          : { status: 200, body: '[]' };
    const error = await userError(() => pacs.searchStudies({}, { authorization: basic }));
    expect(error).toMatchObject({ code: 'pacs-failed' });
    expect(error.message).not.toContain(other.url);
    expect(other.requests).toEqual([]);
    expect(await pacs.seriesMetadata(STUDY, SERIES, { authorization: basic })).toEqual([]);
    expect(proxy.requests.at(-1)?.url).toMatch(/^\/moved/);
    proxy.behave = ({ url }) => ({ status: 302, headers: { location: url } });
    expect((await userError(() => pacs.searchStudies({}))).code).toBe('pacs-failed');
    expect((await userError(() => pacs.store(STUDY, phantomFiles()[0]))).code).toBe('pacs-failed');
    await other.close();
  });

  it('https with a certificate authority of its own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'medsam2-tls-'));
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
    const subject = ['-subj', '/CN=pacs', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const days = ['-days', '2', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    execFileSync('openssl', ['req', '-x509', ...days, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' });
    const secure = await startUnrulyProxy(orthanc.url, {
      key: readFileSync(key, 'utf8'),
      cert: readFileSync(cert, 'utf8'),
    });
    const credentials = { kind: 'basic', user: 'reader', password: 's3cret:with colon' } as const;
    const error = await userError(() => client(secure.url, { credentials }).searchStudies({}));
    expect(error.code).toBe('pacs-unreachable');
    expect(error.message).toMatch(/certificate .* cannot be trusted/);
    expect(secure.requests).toEqual([]);
    const trusting = client(secure.url, { credentials, caFile: cert });
    expect(await trusting.seriesMetadata(STUDY, SERIES)).toHaveLength(3);
    expect(await collect(trusting.seriesInstances(STUDY, SERIES))).toBe(3);
    expect((await userError(() => client(secure.url, { caFile: join(folder, 'absent') }))).code).toBe('ca-unreadable');
    await secure.close();
    rmSync(folder, { recursive: true });
  });

  describe('OAuth2 client credentials', () => {
    let server: Server;
    let tokenUrl: string;
    let asked: { body: string; authorization?: string }[] = [];
    let answer: (number: number) => { status?: number; body: unknown };

    beforeAll(async () => {
      server = createServer((request, response) => {
        let body = '';
        request.on('data', (part: Buffer) => (body += part.toString()));
        request.on('end', () => {
          const number = asked.push({ body, authorization: request.headers.authorization });
          const { status = 200, body: content } = answer(number);
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(content));
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      tokenUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
    });
    beforeEach(() => {
      asked = [];
      answer = (number) => ({ body: { access_token: `t${number}`, token_type: 'Bearer', expires_in: 3600 } });
    });
    afterAll(() => new Promise((resolve) => server.close(resolve)));

    const oauth = (more: object = {}): OpenPacs =>
      client(proxy.url, {
        credentials: { kind: 'oauth2', tokenUrl, clientId: 'medsam2', clientSecret: 'a/b c', scope: 'dicom', ...more },
      });
    /** The PACS of these tests takes these tokens only. */
    const accept = (...tokens: string[]): void => {
      proxy.behave = ({ headers }) =>
        tokens.some((token) => headers.authorization === `Bearer ${token}`)
          ? { status: 200, body: '[]' }
          : { status: 401 };
    };

    it('one token serves all requests, and is asked for once at a time', async () => {
      accept('t1');
      const pacs = oauth();
      await Promise.all([pacs.searchStudies({}), pacs.searchStudies({}), pacs.seriesMetadata(STUDY, SERIES)]);
      await pacs.searchStudies({});
      expect(asked).toEqual([
        { body: 'grant_type=client_credentials&scope=dicom', authorization: `Basic ${btoa('medsam2:a%2Fb%20c')}` },
      ]);
    });

    it('client and secret in the body where the configuration says so', async () => {
      accept('t1');
      await oauth({ clientAuthentication: 'body' }).searchStudies({});
      expect(asked).toEqual([
        {
          body: 'grant_type=client_credentials&scope=dicom&client_id=medsam2&client_secret=a%2Fb+c',
          authorization: undefined,
        },
      ]);
    });

    it('a refused token is renewed once', async () => {
      const pacs = oauth();
      accept('t1');
      await pacs.searchStudies({});
      accept('t2');
      await pacs.searchStudies({});
      expect(asked).toHaveLength(2);
      accept();
      expect((await userError(() => pacs.searchStudies({}))).code).toBe('pacs-unauthorised');
      expect(asked).toHaveLength(3);
    });

    it('a token is renewed before it expires', async () => {
      answer = (number) => ({ body: { access_token: `t${number}`, expires_in: 0.4 } });
      accept('t1', 't2');
      const pacs = oauth();
      await pacs.searchStudies({});
      await new Promise((resolve) => setTimeout(resolve, 250));
      await pacs.searchStudies({});
      expect(authorizations()).toEqual(['Bearer t1', 'Bearer t2']);
    });

    it.each([
      ['a wrong secret', { status: 401, body: { error: 'invalid_client' } }, 'pacs-unauthorised'],
      ['a wrong scope', { status: 400, body: { error: 'invalid_scope' } }, 'pacs-unauthorised'],
      ['a defect', { status: 500, body: {} }, 'pacs-failed'],
      ['no token', { body: { expires_in: 5 } }, 'pacs-answer-invalid'],
      ['a token that adds a header', { body: { access_token: 'a\r\nx: y' } }, 'pacs-answer-invalid'],
      ['another type', { body: { access_token: 'a', token_type: 'mac' } }, 'pacs-answer-invalid'],
      ['endless text', { body: { access_token: 'a'.repeat(100_000) } }, 'pacs-answer-invalid'],
    ])('%s: said, without secrets', async (_, content, code) => {
      answer = () => content;
      const error = await userError(() => oauth().searchStudies({}));
      expect(error.code).toBe(code);
      expect(error.message).not.toMatch(/a\/b|invalid_/);
      expect(proxy.requests).toEqual([]);
    });

    it('one caller’s cancelling leaves the token to the others', async () => {
      accept('t1');
      const pacs = oauth();
      const cancel = new AbortController();
      const cancelled = pacs.searchStudies({}, { signal: cancel.signal });
      const other = pacs.searchStudies({});
      cancel.abort(new Error('gone'));
      await expect(cancelled).rejects.toThrow('gone');
      expect(await other).toEqual([]);
      expect(asked).toHaveLength(1);
    });
  });

  describe('queries', () => {
    const pages = (): string[] => proxy.requests.map(({ url }) => url.replace(/.*\?/, ''));
    const open = (): OpenPacs =>
      client(proxy.url, { credentials: { kind: 'basic', user: 'reader', password: 's3cret:with colon' } });

    it('ask until an empty page, and stop at the limit', async () => {
      const pacs = open();
      expect(await pacs.searchInstances(STUDY, SERIES, {})).toHaveLength(3);
      expect(pages()).toEqual(['limit=1000&offset=0', 'limit=1000&offset=3']);
      proxy.forget();
      expect(await pacs.searchInstances(STUDY, SERIES, {}, { limit: 2 })).toHaveLength(2);
      expect(pages()).toEqual(['limit=2&offset=0']);
    });

    it('a PACS that caps pages is read to its end, one that ignores the offset only once', async () => {
      const match = (number: number): object => ({ '0020000D': { vr: 'UI', Value: [`1.2.${number}`] } });
      proxy.behave = ({ url }) => {
        const offset = Number(/offset=(\d+)/.exec(url)?.[1]);
        return { status: 200, body: JSON.stringify([0, 1, 2].map((n) => n + offset).filter((n) => n < 8).map(match)) }; // prettier-ignore
      };
      expect(await open().searchStudies({})).toHaveLength(8);
      expect(pages().map((page) => page.replace(/.*=/, ''))).toEqual(['0', '3', '6', '8']);
      proxy.forget();
      proxy.behave = () => ({ status: 200, body: JSON.stringify([0, 1, 2].map(match)) });
      expect(await open().searchStudies({})).toHaveLength(3);
      expect(proxy.requests).toHaveLength(2);
      proxy.forget();
      proxy.behave = () => ({ status: 204 });
      expect(await open().searchStudies({})).toEqual([]);
    });
  });

  describe('storing', () => {
    const open = (more: object = {}): OpenPacs =>
      client(proxy.url, {
        credentials: { kind: 'basic', user: 'reader', password: 's3cret:with colon' },
        ...more,
      });
    const [, , , fourth, fifth] = phantomFiles();
    const uid = '1.2.826.0.1.3680043.10.1561.1.4';

    it('into Orthanc: listed, and there when asked again', async () => {
      const pacs = open();
      expect(await pacs.store(STUDY, fourth)).toEqual([{ sopInstanceUid: uid, outcome: 'listed' }]);
      expect(Buffer.from(await pacs.instance(STUDY, SERIES, uid)).equals(fourth)).toBe(true);
      expect(proxy.requests[0].headers).toMatchObject({
        accept: 'application/dicom+json',
        'content-type': expect.stringMatching(
          /^multipart\/related; type="application\/dicom"; boundary=\S+$/,
        ) as string,
      });
    });

    it('into another study: failed with the reason (HTTP 409)', async () => {
      expect(await open().store('1.2.3', fifth)).toEqual([
        { sopInstanceUid: '1.2.826.0.1.3680043.10.1561.1.5', outcome: 'failed', failureReason: 272 },
      ]);
    });

    const listed = { '00081199': { vr: 'SQ', Value: [{ '00081155': { vr: 'UI', Value: [uid] } }] } };
    const failed = {
      '00081198': {
        vr: 'SQ',
        Value: [{ '00081155': { vr: 'UI', Value: [uid] }, '00081197': { vr: 'US', Value: [0xa700] } }],
      },
    };
    const xml = `<?xml version="1.0"?><NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
      <DicomAttribute tag="00081198" vr="SQ" keyword="FailedSOPSequence"><Item number="1">
      <DicomAttribute tag="00081155" vr="UI"><Value number="1">${uid}</Value></DicomAttribute>
      <DicomAttribute tag="00081197" vr="US"><Value number="1">42752</Value></DicomAttribute></Item></DicomAttribute></NativeDicomModel>`;
    it.each<[string, number, unknown, object]>([
      ['200, listed, an empty list of failures', 200, { ...listed, '00081198': { vr: 'SQ' } }, { outcome: 'listed' }],
      ['200, nothing said', 200, '', { outcome: 'unmentioned' }],
      [
        '200, somebody else listed',
        200,
        { '00081199': { vr: 'SQ', Value: [{ '00081155': { vr: 'UI', Value: ['1.2'] } }] } },
        { outcome: 'unmentioned' },
      ],
      ['200, a login page', 200, '<html><body>Please log in', { outcome: 'unmentioned' }],
      ['200, a list of datasets', 200, [listed], { outcome: 'listed' }],
      ['202, failed', 202, failed, { outcome: 'failed', failureReason: 0xa700 }],
      ['202, in both lists', 202, { ...listed, ...failed }, { outcome: 'failed', failureReason: 0xa700 }],
      ['400, stored all the same', 400, listed, { outcome: 'listed' }],
      ['409, failed', 409, failed, { outcome: 'failed', failureReason: 0xa700 }],
      ['409, failed, as XML', 409, xml, { outcome: 'failed', failureReason: 0xa700 }],
      [
        '409, XML with a prefix',
        409,
        xml.replaceAll(/<(\/?)(?=[A-Z])/g, '<$1dcm:').replace('xmlns=', 'xmlns:dcm='),
        { outcome: 'failed' },
      ],
      ['409, nothing said', 409, '', { outcome: 'failed' }],
    ])('%s', async (_, status, body, outcome) => {
      proxy.behave = () => ({ status, body: typeof body === 'string' ? body : JSON.stringify(body) });
      expect(await open().store(STUDY, fourth)).toMatchObject([{ sopInstanceUid: uid, ...outcome }]);
      expect(proxy.requests).toHaveLength(1);
    });

    it.each([
      [400, 'pacs-failed'],
      [401, 'pacs-unauthorised'],
      [403, 'pacs-forbidden'],
      [404, 'pacs-not-found'],
      [413, 'pacs-failed'],
      [429, 'pacs-busy'],
      [500, 'pacs-failed'],
      [503, 'pacs-busy'],
    ])('HTTP %i without a word: %s, and not sent again', async (status, code) => {
      proxy.behave = () => ({ status });
      expect((await userError(() => open().store(STUDY, fourth))).code).toBe(code);
      expect(proxy.requests).toHaveLength(1);
    });

    it('bounded in time as a whole; never to a PACS for reading only; nothing without an identifier', async () => {
      proxy.behave = () => ({ delayMs: 1000, status: 200 });
      const timeouts = { store: 200 };
      expect((await userError(() => open({ timeouts }).store(STUDY, fourth))).code).toBe('pacs-timeout');
      proxy.forget();
      expect((await userError(() => open({ writable: false }).store(STUDY, fourth))).code).toBe('pacs-read-only');
      expect((await userError(() => open().store(STUDY, new Uint8Array(300)))).code).toBe('dicom-unreadable');
      expect(proxy.requests).toEqual([]);
    });
  });

  it('all slices that were stored are there', async () => {
    const pacs = client(orthanc.url, { credentials: { kind: 'basic', user: 'reader', password: 's3cret:with colon' } });
    for (const file of phantomFiles()) await pacs.store(STUDY, file);
    expect(await pacs.seriesMetadata(STUDY, SERIES)).toHaveLength(SLICES);
  });
});

async function collect(instances: AsyncIterable<Uint8Array>): Promise<number> {
  let count = 0;
  for await (const instance of instances) count += instance.length > 0 ? 1 : 0;
  return count;
}
