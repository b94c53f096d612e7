import { open } from 'node:fs/promises';
import type { JournalHandle } from '../journal-file.js';

/** A real disk that can be full, and a process that can end in the middle of a write. */
export class TestDisk {
  /** bytes that still fit */
  room = Infinity;
  private dead = false;

  /** As kill -9 or a power failure: nothing is written any more, half of what is being written stays. */
  crash(): void {
    this.dead = true;
  }

  readonly openFile = async (path: string): Promise<JournalHandle> => {
    const file = await open(path, 'r+').catch(() => open(path, 'wx+'));
    const never = () => new Promise<never>(() => undefined);
    const write = async (bytes: Uint8Array, offset: number, length: number, position: number) => {
      if (this.dead) return never();
      const some = Math.min(length, Math.floor(this.room));
      const written = some > 0 ? await file.write(bytes, offset, some, position) : { bytesWritten: 0 };
      this.room -= written.bytesWritten;
      if (written.bytesWritten < length) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      return { ...written, buffer: bytes };
    };
    return {
      write: write as JournalHandle['write'],
      datasync: () => (this.dead ? never() : file.datasync()),
      truncate: (length) => (this.dead ? never() : file.truncate(length)),
      stat: file.stat.bind(file),
      close: () => (this.dead ? Promise.resolve() : file.close()),
    };
  };
}
