import { chmod, constants, copyFile, link, open, rename } from 'node:fs/promises';
import { UserError } from '../errors.js';
import { explain, systemCode } from '../files/errors.js';

/** `auto`: a hard link where the file system can, else a copy. `take`: a hard link, else the file itself is moved. */
export type Placement = 'auto' | 'link' | 'copy' | 'take';

/**
 * Puts a weights file into a model's folder. Hard links because a second 150 MB serve nobody, and not symbolic links
 * because onnxruntime refuses external data that leads out of the model's folder.
 *
 * @throws UserError `link-impossible`, `disk-full`, `permission-denied` …
 */
export async function place(source: string, target: string, placement: Placement): Promise<void> {
  if (placement !== 'copy') {
    try {
      return await link(source, target);
    } catch (error) {
      const code = systemCode(error);
      if (!['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code ?? ''))
        throw explain(error, source);
      if (placement === 'link')
        throw new UserError(
          'link-impossible',
          `${source} cannot be linked into the models directory (${code}).`,
          'Use --copy, or keep the models directory on the same file system.',
          { cause: error },
        );
    }
  }
  try {
    if (placement === 'take') return await rename(source, target);
    await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await chmod(target, 0o644); // a copy of a file nobody may write is ours all the same
    const handle = await open(target, 'r+');
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    throw explain(error, target);
  }
}
