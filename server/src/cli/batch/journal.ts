import { UserError } from '@medsam2/models';
import { constants } from 'node:fs';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../segment/outputs.js';

/**
 * `medsam2-batch.jsonl` in the output folder: one line of JSON when a case is begun and one when it ends; of several
 * lines about a case the last one holds. A run that is broken off loses at most the case it was at.
 */
export const journalName = 'medsam2-batch.jsonl';

const entry = z.object({
  format_version: z.literal(1),
  case: z.string(),
  status: z.enum(['started', 'ok', 'empty', 'failed']),
  /** name of the input, without its path */
  input: z.string(),
  /** sizes and times of the input's files: the same stamp means that nobody touched them */
  input_stamp: z.string(),
  /** absent when the input could not be read */
  input_sha256: z.string().optional(),
  /** of everything else that decides the result: prompts, window, range, options, model */
  parameters_sha256: z.string(),
  /** relative to the output folder; a file of this name is this batch's own, whatever the status */
  output: z.string().optional(),
  objects: z.number().int().nonnegative(),
  voxels: z.number().int().nonnegative(),
  mean_iou: z.number().optional(),
  seconds: z.number().nonnegative(),
  error: z.object({ code: z.string(), message: z.string(), remedy: z.string() }).optional(),
  program_version: z.string(),
  time: z.iso.datetime(),
});

export type JournalEntry = z.infer<typeof entry>;

/** The last entry of each case; lines that cannot be read (a torn last one) are left out. */
export async function readJournal(folder: string): Promise<Map<string, JournalEntry>> {
  const text = await readFile(join(folder, journalName), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
    throw unusable(folder, error);
  });
  const entries = new Map<string, JournalEntry>();
  for (const line of text.split('\n')) {
    const parsed = entry.safeParse(parseLine(line));
    if (parsed.success) entries.set(parsed.data.case, parsed.data);
  }
  return entries;
}

/** Appends entries; each is on the disk when `add` returns. */
export class Journal {
  private constructor(
    private readonly file: FileHandle,
    private readonly folder: string,
  ) {}

  /**
   * @param restart begin anew, forgetting what an earlier run did
   * @throws UserError `journal-unusable`, `output-folder`
   */
  static async open(folder: string, restart: boolean): Promise<Journal> {
    await makeFolder(folder);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | (restart ? constants.O_TRUNC : 0);
    try {
      const file = await open(join(folder, journalName), flags);
      // A torn line of a killed run must not swallow the next entry.
      if (!restart && (await file.stat()).size > 0) await file.write('\n');
      return new Journal(file, folder);
    } catch (error) {
      throw unusable(folder, error);
    }
  }

  /** @throws UserError `journal-unusable`: without the journal, going on would lose what is done */
  async add(line: JournalEntry): Promise<void> {
    try {
      await this.file.write(`${JSON.stringify(line)}\n`);
      await this.file.datasync();
    } catch (error) {
      throw unusable(this.folder, error);
    }
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function unusable(folder: string, cause: unknown): UserError {
  const { code } = cause as NodeJS.ErrnoException;
  return new UserError(
    'journal-unusable',
    `The journal ${join(folder, journalName)} cannot be used (${code ?? 'unknown error'}).`,
    code === 'ENOSPC' || code === 'EFBIG' || code === 'EDQUOT'
      ? 'Free space on the disk and run the same command again: finished cases are skipped.'
      : 'Check the permissions of the output folder.',
    { cause },
  );
}
