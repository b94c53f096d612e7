import { UserError } from '../errors.js';

/** The system's code of a failed call (`ENOENT`, `ENOSPC`, `ECONNRESET` …), looked for along the chain of causes. */
export function systemCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth++) {
    if ('code' in at && typeof at.code === 'string') return at.code;
    at = 'cause' in at ? at.cause : undefined;
  }
  return undefined;
}

/** The message of any thrown value, for the sentence about it. */
export function messageOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string')
    return error.message;
  return String(error);
}

const explanations: Readonly<Record<string, readonly [code: string, what: string, remedy: string]>> = {
  ENOENT: ['file-not-found', 'does not exist', 'Check the path.'],
  ENOTDIR: ['file-not-found', 'does not exist', 'Check the path.'],
  EISDIR: ['not-a-file', 'is a folder', 'Name a file.'],
  EACCES: ['permission-denied', 'may not be accessed by this user', 'Change its permissions or run as another user.'],
  EPERM: ['permission-denied', 'may not be changed by this user', 'Change its permissions or run as another user.'],
  EROFS: ['read-only', 'lies on a read-only file system', 'Set MEDSAM2_MODELS_DIR to a folder that can be written.'],
  ENOSPC: ['disk-full', 'cannot be written because the disk is full', 'Free some space, then run the command again.'],
  EDQUOT: [
    'disk-full',
    "cannot be written because the user's quota is used up",
    'Free some space, then run the command again.',
  ],
  EFBIG: [
    'disk-full',
    'would exceed the largest file allowed here',
    'Raise the limit (ulimit -f), then run the command again.',
  ],
};

/**
 * A system error about one path as a UserError; a UserError passes unchanged, anything else is a defect and is given back
 * as it is.
 */
export function explain(error: unknown, path: string): unknown {
  if (error instanceof UserError) return error;
  const code = systemCode(error);
  if (code === undefined) return error;
  const known = explanations[code];
  if (known) return new UserError(known[0], `${path} ${known[1]}.`, known[2], { cause: error });
  return new UserError('file-error', `${path} cannot be used: ${messageOf(error)}.`, 'Check the disk and the path.', {
    cause: error,
  });
}
