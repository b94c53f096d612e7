import type { Dirent } from 'node:fs';
import { open, opendir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '@medsam2/models';
import { isDicom } from './parse.js';
import { readInstances, type DicomReadResult, type InstanceSource, type ReadOptions } from './read-instances.js';

export interface FolderOptions extends ReadOptions {
  /** files looked at, at most; default 20 000 */
  readonly maxFiles?: number;
  /** size of one file, at most; default 2 GiB, which is also what Node reads at once */
  readonly maxFileBytes?: number;
}

const DEFAULT_MAX_FILES = 20_000;
const DEFAULT_MAX_FILE_BYTES = 2 ** 31 - 1;
/** Enough of a file to recognise DICOM without reading the rest. */
const RECOGNISE_BYTES = 256;

/**
 * Reads the headers of a folder of DICOM files (sub-folders included) or of one file, and lists the volumes in it.
 * Nothing but images is used; other files are counted in the findings. Paths never enter a message beyond `root`.
 *
 * @throws UserError `path-not-found`, `too-many-files`; what `readInstances` throws
 */
export async function readDicomFolder(root: string, options: FolderOptions = {}): Promise<DicomReadResult> {
  const { maxFiles = DEFAULT_MAX_FILES, maxFileBytes = DEFAULT_MAX_FILE_BYTES } = options;
  const files = await listFiles(root, maxFiles);
  return readInstances(
    files.map((file) => fileSource(file, maxFileBytes)),
    options,
  );
}

async function listFiles(root: string, maxFiles: number): Promise<string[]> {
  const stats = await stat(root).catch(() => undefined);
  if (!stats) throw new UserError('path-not-found', `There is nothing at ${root}.`, 'Check the path.');
  if (!stats.isDirectory()) return [root];
  const files: string[] = [];
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const entry of await opendir(folder)) {
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) folders.push(full);
      else if (await isFile(entry, full)) files.push(full);
      if (files.length + folders.length > maxFiles) {
        throw new UserError(
          'too-many-files',
          `${root} holds more than ${maxFiles} files.`,
          'Give the folder of one DICOM series, or raise the limit.',
        );
      }
    }
  }
  // the order of a directory listing differs between machines; ties in the data are broken by file order
  return files.sort();
}

/** Links to files count as files; links to folders are not followed, since they may lead in circles. */
async function isFile(entry: Dirent, full: string): Promise<boolean> {
  if (entry.isFile()) return true;
  return entry.isSymbolicLink() && ((await stat(full).catch(() => undefined))?.isFile() ?? false);
}

function fileSource(file: string, maxBytes: number): InstanceSource {
  return {
    async read(signal) {
      const handle = await open(file, 'r').catch((cause: unknown) => {
        throw new UserError('file-unreadable', 'A file cannot be opened.', 'Check its permissions.', { cause });
      });
      try {
        const start = new Uint8Array(RECOGNISE_BYTES);
        const { bytesRead } = await handle.read(start, 0, RECOGNISE_BYTES, 0);
        // other large files may lie in the folder: their content is none of our business
        if (!isDicom(start.subarray(0, bytesRead))) return start.subarray(0, bytesRead);
        if ((await handle.stat()).size > maxBytes) {
          const limit = `A DICOM file is larger than ${maxBytes} bytes.`;
          throw new UserError('file-too-large', limit, 'Split the series, or raise the limit.');
        }
        return await handle.readFile({ signal });
      } finally {
        await handle.close();
      }
    },
  };
}
