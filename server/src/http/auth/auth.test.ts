import { UserError } from '@medsam2/models';
import { createHash, createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { startTestServer, type TestServer } from '../testing/index.js';
import type { Authenticator } from './authenticator.js';
import { apiKeys } from './keys.js';
import { openIdConnect } from './oidc.js';

const codeOf = async (asked: Promise<unknown>): Promise<string> => {
  try {
    await asked;
    return 'accepted';
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
};

describe('API keys', () => {
  let folder: string;
  let file: string;
  const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');
  const write = (keys: unknown, modified = new Date()): void => {
    writeFileSync(file, JSON.stringify({ keys }));
    utimesSync(file, modified, modified);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'medsam2-keys-'));
    file = join(folder, 'keys.json');
    write([
      { id: 'viewer', sha256: sha256('key-of-the-viewer'), roles: ['annotator'] },
      { id: 'old', sha256: sha256('key-that-ended'), roles: ['admin'], expires: '2024-01-01T00:00:00Z' },
    ]);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('stand for users with roles, in either header', async () => {
    const keys = await apiKeys({ file });
    const bearer = await keys.authenticate({ authorization: 'Bearer key-of-the-viewer' });
    expect([bearer.id, [...bearer.roles], bearer.authorization]).toEqual([
      'viewer',
      ['reader', 'annotator'],
      undefined,
    ]);
    const header = await keys.authenticate({ 'x-api-key': 'key-of-the-viewer', authorization: 'Bearer of-the-pacs' });
    // the key is for this server alone; the other header is the caller's for the PACS
    expect([header.id, header.authorization]).toEqual(['viewer', 'Bearer of-the-pacs']);
  });

  it.each([
    [{}],
    [{ authorization: 'Bearer wrong' }],
    [{ authorization: 'Basic a2V5LW9mLXRoZS12aWV3ZXI=' }],
    [{ authorization: 'Bearer key-that-ended' }],
    [{ 'x-api-key': '' }],
    [{ 'x-api-key': 'key-of-the-viewer ' }],
    [{ authorization: `Bearer ${'k'.repeat(20_000)}` }],
  ])('refuses %j', async (headers) => {
    expect(await codeOf((await apiKeys({ file })).authenticate(headers))).toBe('not-authenticated');
  });

  it('can be given out and taken back without a restart; a file with a mistake changes nothing', async () => {
    let now = Date.now();
    const problems: string[] = [];
    const keys = await apiKeys({
      file,
      now: () => now,
      lookMs: 1000,
      onProblem: ({ message }) => problems.push(message),
    });
    const viewer = { authorization: 'Bearer key-of-the-viewer' };
    writeFileSync(file, '{ "keys": [ oops');
    now += 2000;
    expect(await codeOf(keys.authenticate(viewer))).toBe('accepted');
    expect(problems).toHaveLength(1);
    expect(problems[0]).not.toContain('oops');
    write([{ id: 'new', sha256: sha256('another'), roles: ['reader'] }], new Date(now + 5000));
    now += 2000;
    expect(await codeOf(keys.authenticate(viewer))).toBe('not-authenticated');
    expect((await keys.authenticate({ authorization: 'Bearer another' })).id).toBe('new');
  });

  it('are refused when the file is wrong at the start', async () => {
    write([{ id: 'a', sha256: 'the key itself', roles: ['admin'] }]);
    await expect(apiKeys({ file })).rejects.toMatchObject({
      code: 'keys-invalid',
      message: expect.stringMatching(/keys\.0\.sha256: must be the SHA-256/) as string,
    });
    expect(await codeOf(apiKeys({ file: join(folder, 'absent.json') }))).toBe('keys-invalid');
  });
});

describe('OpenID Connect', () => {
  const audience = 'medsam2';
  let provider: Server;
  let issuer: string;
  let keys: { kid: string; publicKey: KeyObject; privateKey: KeyObject }[];
  let asked: string[];
  let broken: boolean;
  const newKey = (kid: string) => ({ kid, ...generateKeyPairSync('rsa', { modulusLength: 2048 }) });
  beforeAll(() => {
    keys = [newKey('one')];
  });
  beforeEach(async () => {
    asked = [];
    broken = false;
    provider = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.setHeader('content-type', 'application/json');
      if (broken) response.writeHead(500).end();
      else if (request.url === '/.well-known/openid-configuration')
        response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }));
      else
        void Promise.all(
          keys.map(async ({ kid, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, use: 'sig' })),
        ).then((list) => response.end(JSON.stringify({ keys: list })));
    });
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
    issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    provider.closeAllConnections();
    provider.close();
  });

  const settings = (more = {}) => ({
    issuer,
    audience,
    algorithms: ['RS256' as const],
    clockToleranceSeconds: 5,
    rolesClaim: 'realm_access.roles',
    roleMap: { radiologist: 'annotator' as const, viewer: 'reader' as const },
    userClaim: 'sub',
    ...more,
  });
  const payload = { sub: 'anna', realm_access: { roles: ['radiologist', 'toString', 'other'] } };
  function token(
    claims: JWTPayload = {},
    times: { from?: string; until?: string } = {},
    key = keys[0],
  ): Promise<string> {
    const made = new SignJWT({ ...payload, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: key.kid })
      .setIssuedAt()
      .setExpirationTime(times.until ?? '5m');
    if (claims.iss === undefined) made.setIssuer(issuer);
    if (claims.aud === undefined) made.setAudience(audience);
    if (times.from !== undefined) made.setNotBefore(times.from);
    return made.sign(key.privateKey);
  }
  const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

  it('gives user, roles and the caller’s own header', async () => {
    const oidc = openIdConnect(settings());
    const text = await token();
    const { id, roles, authorization } = await oidc.authenticate(bearer(text));
    expect([id, [...roles], authorization]).toEqual(['anna', ['reader', 'annotator'], `Bearer ${text}`]);
    await oidc.authenticate(bearer(await token()));
    expect(asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('takes roles from other claims as well, and none where there are none', async () => {
    const oidc = openIdConnect(settings({ rolesClaim: 'https://example.org/roles' }));
    const named = await oidc.authenticate(bearer(await token({ 'https://example.org/roles': 'viewer extra' })));
    expect([...named.roles]).toEqual(['reader']);
    expect([...(await oidc.authenticate(bearer(await token()))).roles]).toEqual([]);
  });

  const forged: [string, () => Promise<string> | string][] = [
    ['no token', () => ''],
    ['rubbish', () => 'a.b.c'],
    ['expired', () => token({}, { until: '-1m' })],
    ['not yet valid', () => token({}, { from: '2m' })],
    ['for somebody else', () => token({ aud: 'another' })],
    ['of another issuer', () => token({ iss: 'https://evil.example' })],
    ['without expiry', () => new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: 'one' }).setIssuer(issuer).setAudience(audience).setIssuedAt().sign(keys[0].privateKey)], // prettier-ignore
    ['without a user', () => token({ sub: '' })],
    ['signed with a key of nobody', () => token({}, {}, { ...newKey('one') })],
    ['signed with an unknown key', () => token({}, {}, newKey('unknown'))],
    ['alg none', () => new UnsecuredJWT(payload).setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime('5m').encode()], // prettier-ignore
    ['HS256 with the public key as secret', () => symmetric(keys[0].publicKey)],
    [
      'changed after signing',
      async () => {
        const [head, , signature] = (await token()).split('.');
        const body = { ...payload, iss: issuer, aud: audience, iat: 0, exp: 9e9, sub: 'root' };
        return [head, Buffer.from(JSON.stringify(body)).toString('base64url'), signature].join('.');
      },
    ],
    ['another algorithm of the same key', () => new SignJWT(payload).setProtectedHeader({ alg: 'PS256', kid: 'one' }).setIssuer(issuer).setAudience(audience).setIssuedAt().setExpirationTime('5m').sign(keys[0].privateKey)], // prettier-ignore
  ];
  function symmetric(publicKey: KeyObject): string {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const times = { iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 300 };
    const signed = `${part({ alg: 'HS256', kid: 'one' })}.${part({ ...payload, iss: issuer, aud: audience, ...times })}`;
    const secret = publicKey.export({ type: 'spki', format: 'pem' });
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  }

  it.each(forged)('refuses a token: %s', async (_what, make) => {
    expect(await codeOf(openIdConnect(settings()).authenticate(bearer(await make())))).toBe('not-authenticated');
  });

  it('follows a change of keys', async () => {
    const oidc = openIdConnect(settings(), { cooldownMs: 0 });
    await oidc.authenticate(bearer(await token()));
    const old = keys;
    keys = [newKey('two')];
    try {
      expect((await oidc.authenticate(bearer(await token()))).id).toBe('anna');
      expect(await codeOf(oidc.authenticate(bearer(await token({}, {}, old[0]))))).toBe('not-authenticated');
    } finally {
      keys = old;
    }
  });

  it('says when the provider is the problem, and recovers', async () => {
    const oidc = openIdConnect(settings());
    broken = true;
    expect(await codeOf(oidc.authenticate(bearer(await token())))).toBe('identity-provider-unreachable');
    broken = false;
    expect(await codeOf(oidc.authenticate(bearer(await token())))).toBe('accepted');
    const direct = openIdConnect(settings({ jwksUrl: `${issuer}/keys` }));
    broken = true;
    expect(await codeOf(direct.authenticate(bearer(await token())))).toBe('identity-provider-unreachable');
  });

  it('does not believe a discovery document of another issuer', async () => {
    const oidc = openIdConnect(settings({ issuer: `${issuer}/` }));
    expect(await codeOf(oidc.authenticate(bearer(await token({ iss: `${issuer}/` }))))).toBe(
      'identity-provider-unreachable',
    );
  });

  describe('at the server', () => {
    let server: TestServer;
    let authenticator: Authenticator;
    beforeEach(async () => {
      authenticator = openIdConnect(settings());
      server = await startTestServer({
        deps: { authenticator },
        config: { auth: { mode: 'oidc', oidc: { issuer, audience } }, http: { failuresPerMinute: 5 } },
      });
    });
    afterEach(() => server.close());

    it('needs no user for health and documentation, and one for everything else', async () => {
      for (const path of ['/healthz', '/readyz', '/docs', '/openapi.json'])
        expect([path, (await server.ask('GET', path)).status]).toEqual([path, 200]);
      for (const path of ['/api/v1/service', '/api/v1/nowhere', '/metrics', '/dicomweb/default/studies']) {
        const { status, headers, body } = await server.ask('GET', path);
        expect([path, status, body]).toMatchObject([path, 401, { code: 'not-authenticated' }]);
        expect(headers['www-authenticate']).toBe('Bearer realm="medsam2"');
      }
      const { status, body } = await server.ask('GET', '/api/v1/service', { headers: bearer(await token()) });
      expect([status, body]).toMatchObject([200, { user: { id: 'anna', roles: ['reader', 'annotator'] } }]);
      expect(server.audit().filter(({ what }) => what === 'authenticate')).toHaveLength(4);
    });

    it('gives up on an address with too many failures, without filling the audit', async () => {
      const statuses: number[] = [];
      for (let count = 0; count < 8; count++) statuses.push((await server.ask('GET', '/api/v1/service')).status);
      expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
      expect(server.audit()).toHaveLength(5);
      // whoever has a token is not kept out by others behind the same address
      expect((await server.ask('GET', '/api/v1/service', { headers: bearer(await token()) })).status).toBe(200);
    });
  });
});
