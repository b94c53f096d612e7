import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { UserError } from '../errors.js';
import { sha256 } from '../files/hash.js';
import { modelPickle, pt, ptAround, tinyTensors } from '../testing-checkpoints.js';
import { testRegistry, type TestRegistry } from '../testing-registry.js';
import { repositoryRoot } from '../testing.js';
import { serve, startServer, type FileServer } from '../testing-server.js';
import { listModels } from './list.js';
import { pullModel } from './pull.js';

/** What only a process of its own can show: being killed, and a disk that is full. */

/** A process that pulls `toy`; prints the code of a UserError. Extra files in the weights file make it 20 MB large. */
const script = `
const [library, directory, graphs, manifests] = process.argv.slice(1);
const { pullModel, registrySettings, UserError } = await import(library);
const settings = registrySettings({ MEDSAM2_MODELS_DIR: directory },
  { graphFolders: [graphs], manifestFolder: manifests, retries: 0 });
try {
  await pullModel(settings, 'toy', { onProgress: (received) => process.stderr.write(received + '\\n') });
  console.log('installed');
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.log(error.code);
}`;

const small = pt(tinyTensors(1));
const padding = { name: 'archive/data/99', content: Buffer.alloc(20 * 2 ** 20, 7) };
let registry: TestRegistry;
let server: FileServer;
beforeEach(async () => {
  registry = testRegistry();
  server = await startServer();
  registry.know({ source: { url: server.url } });
});
afterEach(async () => {
  registry.remove();
  await server.close();
});

function nodeArguments(directory: string): string[] {
  const library = pathToFileURL(join(repositoryRoot(), 'models', 'dist', 'index.js')).href;
  const { graphFolders, manifestFolder } = registry.settings;
  return ['--input-type=module', '-e', script, library, directory, graphFolders[0], manifestFolder];
}

function finished(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve) => child.on('close', () => resolve(text.trim())));
}

it('resumes after the process was killed in the middle of a download', async () => {
  const large = ptAround(modelPickle(tinyTensors(1)), tinyTensors(1), [padding]);
  const sent = 18 * 2 ** 20;
  server.answers = [serve(large, { stallAfter: sent })];
  const child = spawn(process.execPath, nodeArguments(registry.settings.directory), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await new Promise<void>((reached) =>
    child.stderr.on(
      'data',
      (chunk: Buffer) =>
        chunk
          .toString()
          .split('\n')
          .some((line) => Number(line) >= sent) && reached(),
    ),
  );
  child.kill('SIGKILL');
  await finished(child);
  expect(existsSync(join(registry.settings.directory, 'toy'))).toBe(false);
  expect(await listModels(registry.settings)).toMatchObject([{ name: 'toy', state: 'available', partialBytes: sent }]);

  server.answers = [serve(large)];
  const { manifest } = await whenFree(() => pullModel(registry.settings, 'toy'));
  expect(manifest.weights.sha256).toBe(sha256(large));
  // Only what was known to be on the disk is kept: a multiple of what arrived between two forced writes, never nothing.
  const resumedAt = Number(/^bytes=(\d+)-$/.exec(server.requests[1].range ?? '')?.[1]);
  expect(resumedAt).toBeGreaterThanOrEqual(8 * 2 ** 20);
  expect(resumedAt).toBeLessThanOrEqual(sent);
}, 60_000);

/** The dead process's lock is taken over after 10 s. */
async function whenFree<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof UserError && error.code === 'model-busy') || tries > 40) throw error;
      await sleep(500);
    }
  }
}

(process.platform === 'win32' ? it.skip : it)('stops with a clear error at a file size limit', async () => {
  server.answers = [serve(Buffer.alloc(200_000, 1), { chunked: true })];
  const limited = ["trap '' XFSZ", 'ulimit -f 64', 'exec "$0" "$@"'].join('; ');
  const child = spawn('bash', ['-c', limited, process.execPath, ...nodeArguments(registry.settings.directory)]);
  expect(await finished(child)).toBe('disk-full');
  expect(existsSync(join(registry.settings.directory, 'toy'))).toBe(false);
});

describe('on a disk of 1 MB', () => {
  let disk: string;
  let mounted = false;
  beforeEach(() => {
    disk = join(registry.root, 'disk');
    mkdirSync(disk);
    mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status === 0;
    if (!mounted) process.stderr.write('skipped: a full disk (mounting a small file system needs root)\n');
  });
  afterEach(() => {
    if (mounted) spawnSync('umount', [disk]);
  });

  it('refuses what cannot fit before it begins, and what does not fit when it is full; then resumes', async () => {
    if (!mounted) return;
    const settings = { ...registry.settings, directory: join(disk, 'models') };
    const large = Buffer.alloc(3 * 2 ** 20, 1);
    server.answers = [serve(large)];
    await expect(pullModel(settings, 'toy')).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(/still to come/) as string,
    });
    server.answers = [serve(large, { chunked: true })];
    await expect(pullModel(settings, 'toy')).rejects.toMatchObject({ code: 'disk-full' });
    expect(existsSync(join(settings.directory, 'toy'))).toBe(false);
    const partial = join(settings.directory, '.downloads', 'toy.partial');
    expect(statSync(partial).size).toBeGreaterThan(2 ** 19);
    expect(readFileSync(partial).every((byte) => byte === 1)).toBe(true);
    server.answers = [serve(small, { etag: '"v2"' })];
    expect((await pullModel(settings, 'toy')).manifest.weights.sha256).toBe(sha256(small));
  });
});
