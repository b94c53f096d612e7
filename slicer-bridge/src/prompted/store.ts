import type { ClientVolume } from '../display.js';
import { BridgeError } from '../errors.js';
import type { OpenStack } from '../segmenter.js';

/** A volume that a client may ask about again, and what was computed of it. */
export interface StoredVolume {
  /** whose it is: nobody else finds it */
  readonly owner: string;
  readonly volume: ClientVolume;
  /** bytes that are held beside the voxels */
  readonly extraBytes: number;
  /** ready for one model at a time */
  opened?: { readonly model: string; readonly stack: OpenStack };
}

export interface StoreLimits {
  /** volumes of all clients, and what is held beside them */
  readonly memoryBytes: number;
  /** volumes */
  readonly volumes: number;
  /** forgotten after so long without a request */
  readonly idleSeconds: number;
}

interface Entry<Stored extends StoredVolume> {
  readonly stored: Stored;
  lastUsed: number;
  users: number;
}

/** Volumes by name, within limits: those that nobody used for longest are forgotten first; those in use stay. */
export class VolumeStore<Stored extends StoredVolume> {
  private readonly entries = new Map<string, Entry<Stored>>();
  private readonly sweeper: NodeJS.Timeout;
  private reserved = 0;

  constructor(
    private readonly limits: StoreLimits,
    private readonly now: () => number,
  ) {
    this.sweeper = setInterval(() => this.expire(), Math.min(limits.idleSeconds, 60) * 1000);
    this.sweeper.unref();
  }

  /**
   * Makes room for what is about to be held.
   *
   * @returns gives the room back, or hands it over to what `put` adds
   * @throws BridgeError `memory-full`
   */
  reserve(bytes: number): () => void {
    const excess = (): number => this.bytes + bytes - this.limits.memoryBytes;
    const idle = this.idle();
    // nothing is forgotten for what does not fit all the same
    if (excess() > idle.reduce((sum, [, { stored }]) => sum + bytesOf(stored), 0)) {
      throw new BridgeError(
        503,
        'memory-full',
        `The volumes of all clients may take ${this.limits.memoryBytes} bytes, and ${bytes} more do not fit.`,
        'Crop the volume, or try again when others are done.',
      );
    }
    for (const [name] of idle) {
      if (excess() <= 0) break;
      this.delete(name);
    }
    this.reserved += bytes;
    let isHeld = true;
    return () => {
      if (isHeld) this.reserved -= bytes;
      isHeld = false;
    };
  }

  put(name: string, stored: Stored): void {
    this.delete(name);
    if (this.entries.size >= this.limits.volumes) {
      const [oldest] = this.idle();
      if (oldest === undefined)
        throw new BridgeError(503, 'clients-full', 'Too many volumes are in use.', 'Try again when others are done.');
      this.delete(oldest[0]);
    }
    this.entries.set(name, { stored, lastUsed: this.now(), users: 0 });
  }

  has(name: string, owner: string): boolean {
    const entry = this.find(name, owner);
    if (entry !== undefined) entry.lastUsed = this.now();
    return entry !== undefined;
  }

  /** Calls `use` with a volume, which stays meanwhile; undefined where its owner has none of this name. */
  async with<T>(name: string, owner: string, use: (stored: Stored) => Promise<T>): Promise<T | undefined> {
    const entry = this.find(name, owner);
    if (entry === undefined) return undefined;
    entry.users++;
    try {
      return await use(entry.stored);
    } finally {
      entry.users--;
      entry.lastUsed = this.now();
    }
  }

  delete(name: string): void {
    const entry = this.entries.get(name);
    if (entry === undefined) return;
    entry.stored.opened?.stack.close();
    entry.stored.opened = undefined;
    this.entries.delete(name);
  }

  close(): void {
    clearInterval(this.sweeper);
    for (const name of [...this.entries.keys()]) this.delete(name);
  }

  /** Held and reserved. */
  get bytes(): number {
    let sum = this.reserved;
    for (const { stored } of this.entries.values()) sum += bytesOf(stored);
    return sum;
  }

  private find(name: string, owner: string): Entry<Stored> | undefined {
    this.expire();
    const entry = this.entries.get(name);
    return entry?.stored.owner === owner ? entry : undefined;
  }

  /** Those that nobody uses, the least recently used first. */
  private idle(): [string, Entry<Stored>][] {
    return [...this.entries].filter(([, { users }]) => users === 0).sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
  }

  private expire(): void {
    const before = this.now() - this.limits.idleSeconds * 1000;
    for (const [name, { lastUsed }] of this.idle()) if (lastUsed < before) this.delete(name);
  }
}

const bytesOf = ({ volume, extraBytes }: StoredVolume): number => volume.voxels.byteLength + extraBytes;
