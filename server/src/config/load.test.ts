import { UserError } from '@medsam2/models';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, printConfig, type Environment } from './index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'medsam2-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(content: unknown, name = 'config.json'): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function refusalOf(env: Environment, content?: unknown): UserError {
  try {
    loadConfig(env, content === undefined ? {} : { file: file(content) });
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('configuration', () => {
  it('has defaults that are safe: this machine only, no PACS', () => {
    const { config, dataDirectory } = loadConfig({ HOME: '/home/a' });
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 8787, jsonBytes: 2 ** 20, corsOrigins: [] });
    expect(config.auth.mode).toBe('none');
    expect(config.pacs).toEqual([]);
    const { slicer, nninteractive, monailabel } = config;
    expect([slicer, nninteractive, monailabel].map(({ listen }) => listen)).toEqual(['off', 'off', 'off']);
    expect(dataDirectory).toBe('/home/a/.local/share/medsam2/server');
  });

  it('puts the environment before the file and the command line before both, and says which it was', () => {
    const path = file({ http: { port: 1, host: '127.0.0.2', corsOrigins: ['https://a.example'] } });
    const env = { MEDSAM2_CONFIG: path, PORT: '2', MEDSAM2_CORS_ORIGINS: 'https://b.example, https://c.example' };
    const { config, origins } = loadConfig(env);
    expect(config.http).toMatchObject({
      host: '127.0.0.2',
      port: 2,
      corsOrigins: ['https://b.example', 'https://c.example'],
    });
    expect(['http.host', 'http.port', 'http.jsonBytes'].map((name) => origins.get(name))).toEqual([
      'file',
      'PORT',
      'default',
    ]);
    const chosen = loadConfig(env, { overrides: { 'http.port': 3 } });
    expect([chosen.config.http.port, chosen.origins.get('http.port')]).toEqual([3, 'command line']);
  });

  it('reads sizes with units', () => {
    const { config } = loadConfig({ MEDSAM2_SESSION_MEMORY: '1.5GiB' });
    expect(config.sessions.memoryBytes).toBe(1.5 * 2 ** 30);
    expect(refusalOf({ MEDSAM2_SESSION_MEMORY: '3 apples' }).message).toBe(
      'The setting sessions.memoryBytes (from MEDSAM2_SESSION_MEMORY) cannot be used: a size looks like 512MiB or 2GiB.',
    );
  });

  it.each([
    [{ htpp: {} }, 'The configuration has no setting htpp.', 'Did you mean http?'],
    [{ http: { prot: 1 } }, 'The configuration has no setting http.prot.', 'Did you mean port?'],
    [{ auth: { oidc: { isuer: 'x' } } }, 'The configuration has no setting auth.oidc.isuer.', 'Did you mean issuer?'],
    [{ xyzzy: 1 }, 'The configuration has no setting xyzzy.', 'The settings are listed in docs/server.md.'],
  ])('refuses the unknown setting of %j and names the near one', (content, message, remedy) => {
    expect(refusalOf({}, content)).toMatchObject({ code: 'config-invalid', message, remedy });
  });

  it.each<[Environment, unknown, RegExp]>([
    [{ HOST: '0.0.0.0' }, undefined, /auth\.mode .*0\.0\.0\.0: everybody would be admin/],
    [{ HOST: '::' }, undefined, /auth\.mode/],
    [{}, { slicer: { modelUploads: true } }, /models\.default .*an upload could become the default/],
    [{ SLICER_LISTEN: 'all' }, undefined, /slicer\.listen .*everybody would be served/],
    [{ NNINTERACTIVE_LISTEN: 'all' }, undefined, /nninteractive\.listen .*everybody would be served/],
    [{ MONAILABEL_LISTEN: 'all' }, undefined, /monailabel\.listen .*everybody would be served/],
    [{ MEDSAM2_AUTH: 'keys' }, undefined, /auth\.keysFile .*mode "keys" needs it/],
    [{ MEDSAM2_AUTH: 'oidc' }, undefined, /auth\.oidc .*mode "oidc" needs it/],
    [{ PORT: 'http' }, undefined, /http\.port \(from PORT\)/],
    [{ PORT: '70000' }, undefined, /http\.port/],
    [{ DICOMWEB_URL: 'http://user:secret@pacs/dicom-web' }, undefined, /pacs\.0\.url .*must not hold credentials/],
    [{ DICOMWEB_URL: 'file:///etc/passwd' }, undefined, /pacs\.0\.url/],
    [{ DICOMWEB_TOKEN: 'x' }, undefined, /DICOMWEB_URL is not/],
    [{ DICOMWEB_URL: 'http://p', DICOMWEB_USERNAME: 'a' }, undefined, /only one is set/],
    [{ MEDSAM2_PROXY: 'maybe' }, undefined, /neither true nor false/],
    [{ MEDSAM2_TRUST_PROXY: 'loopback,10.0.0.0/33' }, undefined, /trustProxy/],
    [{ MEDSAM2_CORS_ORIGINS: '*' }, undefined, /corsOrigins/],
    [
      {},
      {
        pacs: [
          { name: 'a', url: 'http://a' },
          { name: 'a', url: 'http://b' },
        ],
      },
      /"a" stands twice/,
    ],
    [{}, { auth: { oidc: { issuer: 'https://i', audience: 'a', algorithms: ['HS256'] } } }, /algorithms/],
    [{}, { jobs: { redisUrl: 'redis://:pass@host' } }, /jobs\.redisUrl may hold a secret/],
    [{}, '{"http": ', /cannot be used: it fails at/],
    [{}, '[]', /no JSON object/],
  ])('refuses %j %j', (env, content, message) => {
    expect(refusalOf(env, content).message).toMatch(message);
  });

  it('makes a PACS of variables, with secrets from files, and shows no secret', () => {
    const env = {
      DICOMWEB_URL: 'https://pacs.example/dicom-web',
      DICOMWEB_USERNAME: 'reader',
      DICOMWEB_PASSWORD_FILE: file('s3cret-of-the-pacs\n', 'password'),
      REDIS_URL: 'redis://:s3cret-of-redis@localhost:6379',
    };
    const loaded = loadConfig(env);
    const [{ credentials }] = loaded.config.pacs;
    expect(loaded.config.pacs).toMatchObject([{ name: 'default', credentials: { kind: 'basic', user: 'reader' } }]);
    expect(credentials.kind === 'basic' && loaded.secret(credentials.password)).toBe('s3cret-of-the-pacs');
    const printed = printConfig(loaded);
    expect(printed).not.toContain('s3cret');
    expect(printed).toMatch(/^jobs\.redisUrl +=\s\*{8} {2}\(REDIS_URL\)$/m);
    expect(printed).toMatch(/^http\.port +=\s8787 {2}\(default\)$/m);
    expect(printed).toMatch(/^pacs +=\s\[.*\] {2}\(DICOMWEB_URL\)$/m);
  });

  it('tells a missing secret before anybody waits for it', () => {
    const pacs = [{ name: 'a', url: 'http://a', credentials: { kind: 'bearer', token: { env: 'TOKEN_OF_A' } } }];
    expect(refusalOf({}, { pacs })).toMatchObject({
      code: 'secret-missing',
      message: 'The variable TOKEN_OF_A, which holds a secret, is not set.',
    });
    const literal = [{ name: 'a', url: 'http://a', credentials: { kind: 'bearer', token: 'written down' } }];
    const refused = refusalOf({}, { pacs: literal });
    expect(refused.code).toBe('config-invalid');
    expect(`${refused.message}${refused.remedy}`).not.toContain('written down');
  });

  it('notes variables that are near misses', () => {
    expect(loadConfig({ MEDSAM2_MODELS_DRI: 'x' }).notes).toEqual([
      'The variable MEDSAM2_MODELS_DRI is not one of this program. Did you mean MEDSAM2_MODELS_DIR?',
    ]);
  });
});
