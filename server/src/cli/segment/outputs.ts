import { makeFolders, UserError } from '@medsam2/models';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { writeAtomically } from '../../imaging/atomic-write.js';

/**
 * Checks, before any work is done, that a file can be written: its folder exists or can be made, and nothing is lost.
 *
 * @param input never overwritten, not even with `force`
 * @throws UserError `output-exists`, `output-is-input`, `output-is-folder`, `output-folder`
 */
export async function checkOutputFile(path: string, force: boolean, input?: string): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isDirectory() || /[/\\]$/.test(path)) {
    throw new UserError('output-is-folder', `${path} is a folder.`, 'Give the name of a file.');
  }
  if (existing && input !== undefined && (await realpath(path)) === (await realpath(input).catch(() => undefined))) {
    throw new UserError('output-is-input', `${path} is the input itself.`, 'Give another name for the result.');
  }
  if (existing && !force) {
    throw new UserError('output-exists', `${path} is there already.`, 'Give another name, or --force to replace it.');
  }
  await checkWritable(dirname(path));
}

/**
 * Checks that a folder can be filled with files of which `isOurs` knows the names.
 *
 * @throws UserError `output-exists`, `output-folder`
 */
export async function checkOutputFolder(
  path: string,
  force: boolean,
  isOurs: (name: string) => boolean = () => true,
): Promise<void> {
  await checkWritable(path);
  const names = await readdir(path).catch(() => []);
  if (force || !names.some(isOurs)) return;
  throw new UserError(
    'output-exists',
    `${path} holds results already.`,
    'Give another folder, or --force to replace them.',
  );
}

/** A folder that exists and can be written to, or one that can be made. */
async function checkWritable(folder: string): Promise<void> {
  let at = resolve(folder);
  for (;;) {
    const info = await stat(at).catch((error: NodeJS.ErrnoException) => {
      // ENOTDIR: a file stands in the middle of the path; it is found further up.
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw unwritable(folder, error.code, error);
    });
    if (info?.isDirectory()) break;
    if (info) throw unwritable(folder, `${at} is a file`);
    if (dirname(at) === at) throw unwritable(folder, 'it does not exist');
    at = dirname(at);
  }
  try {
    await access(at, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unwritable(folder, (error as NodeJS.ErrnoException).code, error);
  }
}

/** @throws UserError `output-folder` */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeFolders(folder);
  } catch (error) {
    throw unwritable(folder, (error as NodeJS.ErrnoException).code, error);
  }
}

/**
 * Fills a folder at the end of the work, so that it never holds a part of it: files are made in a hidden folder beside
 * it and then moved. Files of an earlier run (`isOurs`) are removed first; others stay.
 *
 * @param produce writes files below the folder it is given, and names them relative to it
 * @throws UserError `output-folder`, and what `produce` throws; the folder's content is then as it was
 */
export async function fillFolder(
  folder: string,
  isOurs: (name: string) => boolean,
  produce: (staging: string) => Promise<readonly string[]>,
): Promise<void> {
  await makeFolder(folder);
  const staging = join(dirname(folder), `.${basename(folder)}.${randomBytes(6).toString('hex')}.part`);
  await makeFolder(staging);
  try {
    const names = await produce(staging);
    const existing = await readdir(folder, { recursive: true });
    for (const old of existing.filter((name) => isOurs(name))) await rm(join(folder, old));
    for (const name of names) {
      await makeFolder(dirname(join(folder, name)));
      await rename(join(staging, name), join(folder, name));
    }
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Writes text whole or not at all, making its folder. */
export async function writeText(path: string, text: string): Promise<void> {
  await makeFolder(dirname(path));
  await writeAtomically(path, Readable.from([text], { objectMode: false }));
}

/** The temporary files that writing `path` leaves behind when the program is killed. */
export const isLeftoverOf = (path: string, name: string): boolean =>
  name.startsWith(`.${basename(path)}.`) && /\.[0-9a-f]{12}\.part$/.test(name);

const unwritable = (folder: string, why: string | undefined, cause?: unknown): UserError =>
  new UserError(
    'output-folder',
    `The folder ${folder} cannot be written to${why === undefined ? '' : ` (${why})`}.`,
    'Choose a folder that exists or can be made, and check its permissions.',
    { cause },
  );
