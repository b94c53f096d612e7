import { UserError } from '@medsam2/models';
import { readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import lockfile from 'proper-lockfile';
import { systemCode, writePrivate } from './private-files.js';

export interface FolderLock {
  /** false while another process may have taken the folder over (this one was suspended, the folder vanished) */
  readonly held: boolean;
  release(): Promise<void>;
}

const staleMs = 10_000;
const retryMs = 500;
/** Folders that this process holds. */
const heldHere = new Set<string>();

/**
 * Keeps other processes from working on a folder, also those of other containers that share it. The lock renews itself. Of
 * a process of this machine that was killed it is taken over at once, of others after 10 seconds, for which this waits.
 *
 * @throws UserError `folder-busy` when a live process holds it
 */
export async function lockFolder(folder: string, signal?: AbortSignal): Promise<FolderLock> {
  let held = false;
  let isReleased = false;
  let release: () => Promise<void> = () => Promise.resolve();
  const acquire = async (retries: number): Promise<void> => {
    const taken = await lockfile.lock(folder, {
      stale: staleMs,
      lockfilePath: join(folder, '.lock'),
      retries: { retries, factor: 1, minTimeout: retryMs, maxTimeout: retryMs },
      onCompromised: () => {
        held = false;
        retake();
      },
    });
    if (isReleased) return taken();
    release = taken;
    held = true;
  };
  // A machine that slept finds its lock outdated; unless somebody else has it by now, work can go on.
  const retake = (): void => {
    if (isReleased) return;
    acquire(0).catch(() => setTimeout(retake, retryMs).unref());
  };
  try {
    signal?.throwIfAborted();
    if (await isLeftBehind(folder)) await rm(join(folder, '.lock'), { recursive: true, force: true });
    await acquire(Math.ceil((staleMs + 2000) / retryMs));
  } catch (error) {
    if (systemCode(error) !== 'ELOCKED') throw error;
    throw new UserError(
      'folder-busy',
      `Another process works on the folder ${folder}.`,
      'Give each server a folder of its own, or stop the other one.',
      { cause: error },
    );
  }
  heldHere.add(folder);
  await writePrivate(join(folder, holderName), JSON.stringify({ host: hostname(), pid: process.pid }));
  return {
    get held() {
      return held;
    },
    async release() {
      isReleased = true;
      heldHere.delete(folder);
      if (held) await release();
      held = false;
    },
  };
}

const holderName = '.holder';

/** Whether the process that held the folder ran here and is gone. */
async function isLeftBehind(folder: string): Promise<boolean> {
  let holder: { host?: unknown; pid?: unknown };
  try {
    holder = JSON.parse(await readFile(join(folder, holderName), 'utf8')) as typeof holder;
  } catch {
    return false;
  }
  if (holder.host !== hostname() || typeof holder.pid !== 'number') return false;
  // In containers a process may have the number of the one before it.
  if (holder.pid === process.pid) return !heldHere.has(folder);
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}
