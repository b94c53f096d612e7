/** The process around the server: how it starts, what it refuses, how it stops, what the doctor says. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSocketServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { requireCleanError, setUpCli } from '../../cli/support.js';
import { describeWithOrthanc, startOrthanc, type Orthanc } from '../../support/orthanc.js';
import { startServerProcess } from '../../support/server-process.js';
import { makePhantom, sliceElements, writeInstance } from '@medsam2/server/testing';

const cli = setUpCli();

describe('medsam2 serve', () => {
  it.each<[string, Record<string, string>, string]>([
    ['an open address without authentication', { HOST: '0.0.0.0' }, 'everybody would be admin'],
    ['a port that is none', { PORT: 'eighty' }, 'http.port (from PORT)'],
    ['a model that is not there', { MEDSAM2_DEVICE: 'abacus' }, '"abacus" is not a device'],
    ['keys without a file', { MEDSAM2_AUTH: 'keys', MEDSAM2_KEYS_FILE: 'absent.json' }, 'absent.json cannot be read'],
  ])('refuses %s', async (_what, env, message) => {
    const result = await cli.run(['serve'], { env: { PORT: '0', MEDSAM2_DATA_DIR: join(cli.folder, 'data'), ...env } });
    expect(result.code).toBe(1);
    expect(requireCleanError(result)).toContain(message);
  });

  it('refuses a data directory that another server uses', async () => {
    const server = await startServerProcess({ env: { MEDSAM2_MODELS_DIR: join(cli.folder, 'models') } });
    try {
      const result = await cli.run(['serve', '--port', '0'], { env: { MEDSAM2_DATA_DIR: server.dataDirectory } });
      expect([result.code, requireCleanError(result)]).toEqual([1, expect.stringContaining('Another process')]);
    } finally {
      await server.close();
    }
  });

  it('refuses a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const result = await cli.run(['serve', '--port', `${port}`], {
      env: { MEDSAM2_DATA_DIR: join(cli.folder, 'taken') },
    });
    other.close();
    expect([result.code, requireCleanError(result)]).toEqual([1, expect.stringContaining('EADDRINUSE')]);
  });

  it('prints its settings without secrets', async () => {
    const env = { REDIS_URL: 'redis://:s3cret@localhost', DICOMWEB_URL: 'http://p/d', DICOMWEB_TOKEN: 's3cret-token' };
    const { code, stdout } = await cli.run(['serve', '--print-config', '--port', '99'], { env });
    expect(code).toBe(0);
    expect(stdout).not.toContain('s3cret');
    expect(stdout).toMatch(/^http\.port += 99 {2}\(command line\)$/m);
  });

  it('asks for a key where keys are configured, on any address', async () => {
    const file = join(cli.folder, 'keys.json');
    const sha256 = createHash('sha256').update('the-key-of-a-viewer').digest('hex');
    writeFileSync(file, JSON.stringify({ keys: [{ id: 'viewer', sha256, roles: ['reader'] }] }));
    const server = await startServerProcess({
      env: { HOST: '0.0.0.0', MEDSAM2_AUTH: 'keys', MEDSAM2_KEYS_FILE: file },
      config: { models: { preload: false } },
    });
    try {
      expect((await fetch(`${server.url}/api/v1/service`)).status).toBe(401);
      const known = await fetch(`${server.url}/api/v1/service`, { headers: { 'x-api-key': 'the-key-of-a-viewer' } });
      expect([known.status, await known.json()]).toMatchObject([200, { user: { id: 'viewer', roles: ['reader'] } }]);
      expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
    } finally {
      await server.close();
    }
  });

  it('says that it is not ready before it takes no more, and ends at once when told twice', async () => {
    const server = await startServerProcess({ config: { http: { drainSeconds: 60 }, models: { preload: false } } });
    try {
      server.signal('SIGTERM');
      for (;;) {
        const body = (await (await fetch(`${server.url}/readyz`)).json()) as { checks: { reason: string }[] };
        if (body.checks[0].reason === 'The server is stopping.') break;
      }
      // a load balancer may still send somebody
      expect((await fetch(`${server.url}/api/v1/service`)).status).toBe(200);
      expect(await server.end('SIGTERM')).toBe(130);
    } finally {
      await server.close();
    }
  });
});

describeWithOrthanc('medsam2 doctor', () => {
  let orthanc: Orthanc;
  beforeAll(async () => {
    orthanc = await startOrthanc({ users: { reader: 'right' } });
    const { volume } = makePhantom({ slices: 2 });
    await orthanc.upload(
      sliceElements(volume, 6).map((elements) =>
        writeInstance({ ...elements, '00100020': { vr: 'LO', Value: ['x'] } }),
      ),
    );
  });
  afterAll(() => orthanc.close());

  async function doctor(env: Record<string, string>): Promise<{ code: number | null; states: Record<string, string> }> {
    const data = { MEDSAM2_DATA_DIR: join(cli.folder, 'doctor'), PORT: '1' };
    const { code, stdout, stderr } = await cli.run(['doctor', '--json'], { env: { ...data, ...env } });
    if (stdout === '') throw new Error(`the doctor says nothing (${code}): ${stderr}`);
    const findings = JSON.parse(stdout) as { name: string; state: string }[];
    return { code, states: Object.fromEntries(findings.map(({ name, state }) => [name, state])) };
  }

  it('finds nothing wrong where nothing is, and stores nothing', async () => {
    const before = await (await orthanc.fetch('/statistics')).text();
    const env = { DICOMWEB_URL: orthanc.url, DICOMWEB_USERNAME: 'reader', DICOMWEB_PASSWORD: 'right' };
    expect(await doctor(env)).toEqual({
      code: 0,
      states: {
        configuration: 'ok',
        'data directory': 'ok',
        model: 'hint',
        identity: 'ok',
        'pacs default: reachable': 'ok',
        'pacs default: QIDO-RS': 'ok',
        'pacs default: WADO-RS': 'ok',
        'pacs default: STOW-RS': 'ok',
        browsers: 'hint',
        server: 'skipped',
      },
    });
    expect(await (await orthanc.fetch('/statistics')).text()).toBe(before);
  });

  it('names the hop that is broken', async () => {
    const wrong = { DICOMWEB_URL: orthanc.url, DICOMWEB_USERNAME: 'reader', DICOMWEB_PASSWORD: 'wrong' };
    expect(await doctor(wrong)).toMatchObject({ code: 1, states: { 'pacs default: reachable': 'failed' } });
    const silent = createSocketServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const broken = {
      DICOMWEB_URL: `http://${address}/dicom-web`,
      REDIS_URL: `redis://${address}`,
      MEDSAM2_MODEL: 'missing',
      MEDSAM2_OIDC_ISSUER: `http://${address}`,
      MEDSAM2_OIDC_AUDIENCE: 'medsam2',
      MEDSAM2_AUTH: 'oidc',
    };
    const { code, states } = await doctor(broken);
    silent.close();
    expect(code).toBe(1);
    expect(states).toMatchObject({
      configuration: 'ok',
      model: 'failed',
      identity: 'failed',
      redis: 'failed',
      'pacs default: reachable': 'failed',
    });
  });
});
