import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestServer, type TestServer } from './testing/index.js';

describe('the files of a viewer', () => {
  let folder: string;
  let server: TestServer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'medsam2-viewer-'));
    const directory = join(folder, 'public');
    mkdirSync(join(directory, 'assets'), { recursive: true });
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    writeFileSync(join(directory, 'index.html'), '<!doctype html><title>Viewer</title>');
    writeFileSync(join(directory, '.env'), 'secret');
    writeFileSync(join(directory, 'app-config.js'), 'window.config = {}');
    writeFileSync(join(directory, 'assets', 'app.0123456789ab.js'), 'run()');
    server = await startTestServer({ config: { viewer: { directory } } });
  });
  afterAll(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are served with a policy of their own, isolation, and cached by their names', async () => {
    const page = await server.ask('GET', '/');
    expect([page.status, page.headers]).toMatchObject([
      200,
      {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
        'content-security-policy': expect.stringContaining("default-src 'self'") as string,
      },
    ]);
    const script = await server.ask('GET', '/assets/app.0123456789ab.js');
    expect(script.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect((await server.ask('GET', '/app-config.js')).headers['cache-control']).toBe('no-cache');
  });

  it('answer the viewer’s own addresses with its page, and missing files with nothing', async () => {
    const html = { headers: { accept: 'text/html' } };
    expect((await server.ask('GET', '/viewer/1.2.3?StudyInstanceUIDs=1.2.3', html)).status).toBe(404);
    const page = await server.ask('GET', '/segmentation?StudyInstanceUIDs=1.2.3', html);
    expect([page.status, page.bytes.toString()]).toEqual([200, expect.stringContaining('Viewer')]);
    for (const path of [
      '/missing.js',
      '/assets/missing',
      '/.env',
      '/..%2fsecret.txt',
      '/%2e%2e/secret.txt',
      '/../secret.txt',
    ])
      expect([path, (await server.ask('GET', path, { headers: { accept: '*/*' } })).bytes.toString()]).toEqual([
        path,
        expect.not.stringContaining('secret\n'),
      ]);
    expect((await server.ask('GET', '/missing.js')).status).toBe(404);
    expect((await server.ask('GET', '/.env')).status).toBe(404);
  });

  it('never hide the API', async () => {
    const missing = await server.ask('GET', '/api/v1/nowhere', { headers: { accept: 'text/html' } });
    expect([missing.status, missing.headers['content-type']]).toEqual([404, 'application/problem+json']);
    expect((await server.ask('GET', '/dicomweb/nowhere/studies')).status).toBe(404);
    expect((await server.ask('POST', '/')).status).toBe(404);
  });
});
