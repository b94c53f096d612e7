/** The prebuilt viewer as its publisher packs it, fetched once with the user's own npm. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '@medsam2/models';
import { extract } from 'tar';
import { integrityOf } from './versions.js';

export interface FetchOptions {
  /** holds one folder for each version */
  readonly cache: string;
  readonly version: string;
  /** the package as a file, where it has been downloaded already */
  readonly archive?: string;
  /** called before something is downloaded */
  readonly onDownload?: () => void;
}

/** 55 MB of models of a built-in tool that nobody can use without internet; the viewer works without them */
const leftOut = 'package/dist/ort/';

/**
 * The folder with a version's files (index.html and what it loads), from the cache where it is there.
 *
 * `npm pack` is used, not `npm install`: the package names others that were never published, and a static site needs none.
 *
 * @throws UserError `viewer-version`, `viewer-download`, `viewer-integrity`, `viewer-archive`
 */
export async function fetchViewer(options: FetchOptions): Promise<string> {
  const { cache, version } = options;
  const integrity = integrityOf(version);
  const site = join(cache, version);
  if (existsSync(join(site, 'index.html'))) return site;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, `.${version}-`));
  try {
    if (options.archive === undefined) options.onDownload?.();
    const archive = options.archive ?? (await download(version, work));
    await checkIntegrity(archive, integrity, version);
    const unpacked = join(work, 'site');
    await mkdir(unpacked);
    await unpack(archive, unpacked, version);
    // whole or not at all; another run may have been faster
    await rename(unpacked, site).catch((error: unknown) => {
      if (!existsSync(join(site, 'index.html'))) throw error;
    });
    return site;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(version: string, folder: string): Promise<string> {
  const failed = (reason: string): UserError =>
    new UserError(
      'viewer-download',
      `The viewer (npm package @ohif/app ${version}, 50 MB) could not be downloaded: ${reason}`,
      'It is needed once. Check the connection and npm’s settings (npm config get registry, proxy), then try again.',
    );
  const child = spawn('npm', ['pack', `@ohif/app@${version}`, '--loglevel=error', '--pack-destination', folder], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    shell: process.platform === 'win32',
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(failed(error.message)));
    child.once('close', resolve);
  });
  const file = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (code !== 0 || file === undefined) {
    const line = errors.split('\n').find((text) => /npm error (?!code |errno |syscall |A complete log)/.test(text));
    throw failed(line?.replace(/^npm error\s*/, '') ?? `npm ended with code ${code}.`);
  }
  return join(folder, file);
}

async function checkIntegrity(archive: string, integrity: string, version: string): Promise<void> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(archive), hash);
  if (`sha512-${hash.digest('base64')}` === integrity) return;
  throw new UserError(
    'viewer-integrity',
    `The package of OHIF ${version} is not the one that this project was tested with: its SHA-512 differs.`,
    'Ask for it again; if that does not help, find out what stands between npm and its registry.',
  );
}

async function unpack(archive: string, folder: string, version: string): Promise<void> {
  await extract({
    file: archive,
    cwd: folder,
    strip: 2,
    strict: true,
    filter: (path) => path.startsWith('package/dist/') && !path.startsWith(leftOut),
  });
  if (existsSync(join(folder, 'index.html'))) return;
  throw new UserError(
    'viewer-archive',
    `The package of OHIF ${version} holds no viewer (dist/index.html).`,
    'Choose another version with --ohif.',
  );
}
