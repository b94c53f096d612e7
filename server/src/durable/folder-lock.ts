import { UserError } from '@medsam2/models';
import lockfile from 'proper-lockfile';
import { systemCode } from './private-files.js';

export interface FolderLock {
  /** false while another process may have taken the folder over (this one was suspended, the folder vanished) */
  readonly held: boolean;
  release(): Promise<void>;
}

const staleMs = 10_000;
const retryMs = 500;

/**
 * Keeps other processes from working on a folder, also those of other containers that share it. The lock renews itself; of
 * a process that was killed it is taken over after 10 seconds, for which this waits.
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
      lockfilePath: `${folder}/.lock`,
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
  return {
    get held() {
      return held;
    },
    async release() {
      isReleased = true;
      if (held) await release();
      held = false;
    },
  };
}
