import { randomUUID } from 'node:crypto';
import { lstat, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that only this process's user can enter; files in it have random names and live as long as their request. */
export class PrivateFolder {
  private path?: Promise<string>;

  constructor(private readonly parent = tmpdir()) {}

  /** A path that nobody has used; the caller removes the file. */
  async newPath(): Promise<string> {
    const made = this.path;
    // folders for temporary files are cleaned by others: what is gone, or is not what was made, is made anew
    if (made !== undefined && !(await isPrivate(await made)) && this.path === made) this.path = undefined;
    // mkdtemp makes folders with mode 0700
    this.path ??= mkdtemp(join(this.parent, 'medsam2-slicer-'));
    return join(await this.path, randomUUID());
  }

  async close(): Promise<void> {
    if (this.path !== undefined) await rm(await this.path, { recursive: true, force: true });
  }
}

async function isPrivate(path: string): Promise<boolean> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined || !info.isDirectory()) return false;
  // Windows has neither
  return process.getuid === undefined || (info.uid === process.getuid() && (info.mode & 0o077) === 0);
}
