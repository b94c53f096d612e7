import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../files/hash.js';
import { pt, tinyTensors } from '../testing-checkpoints.js';
import { userError } from '../testing-errors.js';
import { testRegistry, type TestRegistry } from '../testing-registry.js';
import { serve, startServer, status, type Answer, type FileServer } from '../testing-server.js';
import { listModels } from './list.js';
import { pullModel } from './pull.js';
import { verifyModels } from './verify.js';

const weights = pt(tinyTensors(1));
const hash = sha256(weights);
let registry: TestRegistry;
let server: FileServer;
beforeEach(async () => {
  registry = testRegistry();
  server = await startServer(serve(weights));
  registry.know({ source: { url: server.url } });
});
afterEach(async () => {
  registry.remove();
  await server.close();
});

const installedWeights = () => readFileSync(join(registry.settings.directory, 'toy', 'weights.pt'));

describe('pullModel', () => {
  it('installs what it downloads, records its sha256, and reports progress', async () => {
    const progress: [number, number | undefined][] = [];
    const { manifest, installed } = await pullModel(registry.settings, 'toy', {
      onProgress: (received, total) => progress.push([received, total]),
    });
    expect(installed).toBe(true);
    expect(manifest.weights).toMatchObject({ file: 'weights.pt', sha256: hash, bytes: weights.length });
    expect(manifest.origin).toEqual({
      kind: 'pull',
      from: server.url,
      date: '2024-05-06T07:08:09.000Z',
      checked: 'recorded',
    });
    expect(progress[0]).toEqual([0, weights.length]);
    expect(progress.at(-1)).toEqual([weights.length, weights.length]);
    expect(installedWeights()).toEqual(weights);
    expect(await verifyModels(registry.settings)).toEqual([{ name: 'toy', problems: [] }]);
    expect(await listModels(registry.settings)).toMatchObject([
      { name: 'toy', state: 'installed', demonstration: true },
    ]);
    expect(registry.snapshot().filter((path) => /^\.(downloads|staging)\/./.test(path))).toEqual([]);
  });

  it('leaves an installed model alone, and repairs a damaged one', async () => {
    await pullModel(registry.settings, 'toy');
    expect((await pullModel(registry.settings, 'toy')).installed).toBe(false);
    expect(server.requests).toHaveLength(1);
    writeFileSync(join(registry.settings.directory, 'toy', 'weights.pt'), 'damaged');
    expect((await listModels(registry.settings))[0]).toMatchObject({
      state: 'broken',
      reason: expect.stringMatching(/bytes instead of/) as string,
    });
    expect((await pullModel(registry.settings, 'toy')).installed).toBe(true);
    expect(installedWeights()).toEqual(weights);
  });

  it('says whether the sha256 was known or announced by the host', async () => {
    registry.know({ name: 'known', source: { url: server.url, sha256: hash, bytes: weights.length } });
    expect((await pullModel(registry.settings, 'known')).manifest.origin.checked).toBe('known');
    server.answers = [status(302, { location: '/elsewhere', 'x-linked-etag': `"${hash}"` }), serve(weights)];
    expect((await pullModel(registry.settings, 'toy')).manifest.origin.checked).toBe('announced');
  });

  it('resumes a broken download with the rest only, and notices that the content has changed', async () => {
    server.answers = [serve(weights, { dropAfter: 1000 }), serve(weights)];
    const broken = await userError(() => pullModel(registry.settings, 'toy'));
    expect(broken.code).toBe('download-interrupted');
    expect(await listModels(registry.settings)).toMatchObject([{ state: 'available', partialBytes: 1000 }]);
    await pullModel(registry.settings, 'toy');
    expect(server.requests[1]).toMatchObject({ range: 'bytes=1000-', ifRange: '"v1"' });
    expect(installedWeights()).toEqual(weights);

    const newer = pt(tinyTensors(2));
    registry.know({ name: 'other', source: { url: server.url } });
    server.answers = [serve(weights, { dropAfter: 1000 }), serve(newer, { etag: '"v2"' })];
    await userError(() => pullModel(registry.settings, 'other'));
    expect((await pullModel(registry.settings, 'other')).manifest.weights.sha256).toBe(sha256(newer));
  });

  it('begins again where nothing proves that the content is the same', async () => {
    server.answers = [serve(weights, { dropAfter: 1000, etag: 'W/"weak"' }), serve(weights)];
    await userError(() => pullModel(registry.settings, 'toy'));
    await pullModel(registry.settings, 'toy');
    expect(server.requests[1].range).toBeUndefined();
    expect(installedWeights()).toEqual(weights);
  });

  it('resumes by itself as often as it is told to', async () => {
    const drop = serve(weights, { dropAfter: 500 });
    server.answers = [drop, status(503), serve(weights)];
    await pullModel({ ...registry.settings, retries: 2 }, 'toy');
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=500-', 'bytes=500-']);
    expect(installedWeights()).toEqual(weights);
  });

  it('takes a download that was already complete', async () => {
    server.answers = [serve(weights, { stallAfter: weights.length, chunked: true }), serve(weights)];
    const stalled = await userError(() => pullModel({ ...registry.settings, stallSeconds: 0.3 }, 'toy'));
    expect(stalled.code).toBe('download-interrupted');
    expect(stalled.message).toMatch(/no data for 0\.3 s/);
    await pullModel(registry.settings, 'toy');
    expect(server.requests[1].range).toBe(`bytes=${weights.length}-`);
    expect(installedWeights()).toEqual(weights);
  });

  const toForeignHost = (location: string): Answer => status(302, { location });
  const failures: [string, () => Answer, object, string, RegExp][] = [
    ['404', () => status(404), {}, 'download-not-found', /404/],
    ['a demand to log in', () => status(401), {}, 'download-refused', /401/],
    [
      'a web page',
      () => status(200, { 'content-type': 'text/html; charset=utf-8' }, '<html>'),
      {},
      'download-wrong-content',
      /web page/,
    ],
    ['a server error', () => status(500), {}, 'download-interrupted', /500/],
    [
      'another size than known',
      () => serve(weights),
      { bytes: 5 },
      'download-wrong-content',
      /announces \d+ bytes instead of 5/,
    ],
    [
      'more than the known size',
      () => serve(weights, { chunked: true }),
      { bytes: 500 },
      'download-wrong-content',
      /more than 500 bytes/,
    ],
    [
      'a redirect to plain http',
      () => toForeignHost('http://example.org/weights.pt'),
      {},
      'insecure-address',
      /example\.org/,
    ],
    ['a redirect to a file', () => toForeignHost('file:///etc/passwd'), {}, 'insecure-address', /file:/],
    ['redirects without end', () => toForeignHost('/weights.pt'), {}, 'download-redirects', /five times/],
    [
      'a compressed body',
      () => serve(weights, { headers: { 'content-encoding': 'gzip' } }),
      {},
      'download-wrong-content',
      /gzip/,
    ],
    [
      'a part nobody asked for',
      () => status(206, { 'content-range': 'bytes 5-9/10' }, 'hello'),
      {},
      'download-wrong-content',
      /not asked/,
    ],
    ['a wrong hash', () => serve(weights), { sha256: '0'.repeat(64) }, 'download-wrong-hash', /instead of 0000/],
    [
      'weights of another architecture',
      () => serve(pt({ w: { shape: [1], values: Float32Array.of(1) } })),
      {},
      'checkpoint-mismatch',
      /missing/,
    ],
    ['no weights', () => status(200, {}, 'hello, I am not a checkpoint at all'), {}, 'checkpoint-unknown', /neither/],
  ];
  it.each(failures)(
    'answers %s, installs nothing and keeps nothing that is wrong',
    async (_, answer, source, code, text) => {
      server.answers = [answer()];
      registry.know({ source: { url: server.url, ...source } });
      const error = await userError(() => pullModel(registry.settings, 'toy'));
      expect(error.code).toBe(code);
      expect(error.message).toMatch(text);
      expect(existsSync(join(registry.settings.directory, 'toy'))).toBe(false);
      const kept = registry.snapshot().filter((path) => /\.partial [1-9]/.test(path));
      expect(kept).toEqual([]);
      server.answers = [serve(weights)];
      registry.know({ source: { url: server.url, sha256: null, bytes: null } });
      expect((await pullModel(registry.settings, 'toy')).installed).toBe(true);
    },
  );

  it('says that a host cannot be reached', async () => {
    await server.close();
    const error = await userError(() => pullModel(registry.settings, 'toy'));
    expect(error.code).toBe('host-unreachable');
    expect(error.remedy).toMatch(/models import/);
  });

  it('refuses plain http except to this machine', async () => {
    registry.know({ source: { url: 'http://weights.example.org/weights.pt' } });
    expect((await userError(() => pullModel(registry.settings, 'toy'))).code).toBe('insecure-address');
  });

  it('needs restricted terms accepted by name, and records who did', async () => {
    const licence = {
      spdx: 'LicenseRef-x',
      holder: 'x',
      url: 'https://example.org',
      restricted: true,
      terms: 'Research only.',
    };
    registry.know({ source: { url: server.url }, licence });
    for (const acceptTerms of [[], ['other']]) {
      const error = await userError(() => pullModel(registry.settings, 'toy', { acceptTerms }));
      expect(error.code).toBe('terms-not-accepted');
      expect(error.message).toContain('Research only.');
      expect(error.remedy).toContain('--accept-terms toy');
    }
    expect(server.requests).toHaveLength(0);
    const { manifest } = await pullModel(registry.settings, 'toy', { acceptTerms: ['toy'] });
    expect(manifest.acceptance).toEqual({
      date: '2024-05-06T07:08:09.000Z',
      user: 'tester',
      termsSha256: sha256('Research only.'),
    });
    expect(JSON.parse(readFileSync(join(registry.settings.directory, 'toy', 'manifest.json'), 'utf8'))).toEqual(
      manifest,
    );
  });

  it.each(['../toy', 'a/b', '.hidden', '', 'UPPER', 'a'.repeat(64)])('refuses the name %j', async (name) => {
    expect((await userError(() => pullModel(registry.settings, name))).code).toBe('model-name');
    expect(registry.snapshot()).toEqual([]);
  });

  it('names the known models for an unknown name', async () => {
    expect((await userError(() => pullModel(registry.settings, 'nothing'))).remedy).toMatch(/Known: toy\./);
  });

  it('lets only one process at a time change a model', async () => {
    server.answers = [serve(weights, { stallAfter: 100 })];
    const stop = new AbortController();
    let first: Promise<unknown> = Promise.resolve();
    await new Promise<void>((reached) => {
      const onProgress = (received: number) => received > 0 && reached();
      first = pullModel(registry.settings, 'toy', { signal: stop.signal, onProgress });
      first.catch(() => undefined); // looked at below
    });
    expect((await userError(() => pullModel(registry.settings, 'toy'))).code).toBe('model-busy');
    stop.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    server.answers = [serve(weights)];
    expect((await pullModel(registry.settings, 'toy')).installed).toBe(true);
  });
});
