import { dirname } from 'node:path';
import lockfile from 'proper-lockfile';
import { UserError } from '../errors.js';
import { explain, systemCode } from '../files/errors.js';
import { makeFolder, paths, type RegistrySettings } from './settings.js';

/**
 * Runs `work` while no other process changes the model of this name in the same models directory. The lock renews itself
 * and is taken over 10 s after its holder died, also across containers that share the folder.
 *
 * @param work is given a function that throws when the lock was lost meanwhile (the machine slept, the folder vanished);
 *   to be called before anything is put in place
 * @throws UserError `model-busy` when another process holds the lock, `permission-denied`, `read-only`
 */
export async function withLock<T>(
  settings: Pick<RegistrySettings, 'directory'>,
  name: string,
  work: (requireHeld: () => void) => Promise<T>,
): Promise<T> {
  const path = paths(settings, name).lock;
  await makeFolder(dirname(path));
  let lost: Error | undefined;
  let release: () => Promise<void>;
  try {
    release = await lockfile.lock(path, {
      realpath: false,
      stale: 10_000,
      retries: 0,
      onCompromised: (error) => (lost = error),
    });
  } catch (error) {
    if (systemCode(error) !== 'ELOCKED') throw explain(error, path);
    throw new UserError(
      'model-busy',
      `Another process is changing the model ${name}.`,
      'Wait until it has finished; after a crash the lock frees itself within 10 seconds.',
      { cause: error },
    );
  }
  // The lock library ends the process on this signal; a file size limit is to be an error of the write (EFBIG) instead.
  if (process.platform !== 'win32') process.on('SIGXFSZ', leaveToTheWrite);
  try {
    return await work(() => {
      if (lost)
        throw new UserError(
          'model-lock-lost',
          `The lock on the model ${name} was lost (${lost.message}).`,
          'Run the command again.',
          { cause: lost },
        );
    });
  } finally {
    process.off('SIGXFSZ', leaveToTheWrite);
    if (!lost) await release();
  }
}

function leaveToTheWrite(): void {
  // the system call that hit the limit fails with EFBIG
}
