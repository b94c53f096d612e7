import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from 'tar';
import { fetchViewer } from './fetch.js';
import { viewerVersions } from './versions.js';

describe('fetching a viewer', () => {
  let folder: string;
  let cache: string;
  const [version] = Object.keys(viewerVersions);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fetch-'));
    cache = join(folder, 'cache');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function archive(): Promise<string> {
    mkdirSync(join(folder, 'package', 'dist'), { recursive: true });
    writeFileSync(join(folder, 'package', 'dist', 'index.html'), '<title>not the real one</title>');
    const file = join(folder, 'ohif.tgz');
    await create({ gzip: true, file, cwd: folder }, ['package']);
    return file;
  }

  it('refuses a version that nobody tested, and names those that were', async () => {
    await expect(fetchViewer({ cache, version: '3.0.0' })).rejects.toMatchObject({
      code: 'viewer-version',
      remedy: expect.stringContaining(version) as string,
    });
    await expect(fetchViewer({ cache, version: '__proto__' })).rejects.toMatchObject({ code: 'viewer-version' });
  });

  it('refuses a package that is another one, and leaves nothing behind', async () => {
    const file = await archive();
    await expect(fetchViewer({ cache, version, archive: file })).rejects.toMatchObject({ code: 'viewer-integrity' });
    expect(readdirSync(cache)).toEqual([]);
  });

  it('takes what is in the cache without asking anybody', async () => {
    mkdirSync(join(cache, version), { recursive: true });
    writeFileSync(join(cache, version, 'index.html'), '');
    const site = await fetchViewer({ cache, version, onDownload: () => expect(true).toBe(false) });
    expect(site).toBe(join(cache, version));
  });

  it('says what npm said when it cannot be downloaded', () => {
    // npm reads its settings from the environment, so this runs in a process of its own
    const script = `import { fetchViewer } from ${JSON.stringify(new URL('fetch.js', import.meta.url).href)};
      await fetchViewer({ cache: ${JSON.stringify(cache)}, version: '${version}' }).catch((error) => console.log(error.code, error.message));`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: {
        ...process.env,
        npm_config_registry: 'http://127.0.0.1:9/',
        npm_config_fetch_retries: '0',
        npm_config_cache: join(folder, 'npm'),
      },
    });
    expect(stdout).toMatch(/^viewer-download .*could not be downloaded: .*127\.0\.0\.1:9/);
    expect(existsSync(join(cache, version))).toBe(false);
  });
});
