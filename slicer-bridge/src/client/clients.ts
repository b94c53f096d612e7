import { BridgeError } from '../errors.js';
import type { Identity } from '../identity.js';
import { sameSize, type GridSize } from '../input/geometry.js';
import type { BridgeSettings } from '../settings.js';
import { bytesOf, Client, forget, type Click } from './client.js';

/** All clients, within the operator's limits on their number, their memory and their age. */
export class Clients {
  private readonly all = new Map<string, Client>();
  private readonly sweeper: NodeJS.Timeout;

  constructor(
    private readonly settings: Pick<BridgeSettings, 'clients' | 'memoryBytes' | 'idleSeconds'>,
    private readonly now: () => number,
  ) {
    this.sweeper = setInterval(() => this.expire(), Math.min(settings.idleSeconds, 60) * 1000);
    this.sweeper.unref();
  }

  /** @throws BridgeError `clients-full` while all clients that are remembered are busy */
  get(identity: Identity, isPersonal: boolean): Client {
    this.expire();
    let client = this.all.get(identity.key);
    if (client === undefined) {
      if (this.all.size >= this.settings.clients) this.dropOldest();
      client = new Client(identity, isPersonal, this.now);
      this.all.set(identity.key, client);
    }
    client.touch();
    return client;
  }

  /** What was noted about clients at one place, whatever their program. */
  journal(place: string): string[] {
    return [...this.all.values()].filter(({ identity }) => identity.place === place).flatMap(({ journal }) => journal);
  }

  /**
   * Makes room for what a click is about to hold, by forgetting the volumes that were not used for longest; those of a click
   * under way stay.
   *
   * @param of what is held is about a volume of this size, and the owner's of this size stay
   * @throws BridgeError `memory-full`
   */
  reserve(click: Click, owner: Client, bytes: number, of?: GridSize): void {
    const excess = (): number => this.bytes + bytes - this.settings.memoryBytes;
    const others = [...this.all.values()].filter((client) => client !== owner && !client.isBusy);
    others.sort((a, b) => a.lastUsed - b.lastUsed);
    const own = owner.volumes().filter(({ size }) => of === undefined || !sameSize(size, of));
    const candidates = [...others.flatMap((client) => client.volumes()), ...own];
    // nothing is forgotten for what does not fit all the same
    if (excess() > candidates.reduce((sum, held) => sum + bytesOf(held), 0)) {
      throw new BridgeError(
        503,
        'memory-full',
        `The volumes of all clients may take ${this.settings.memoryBytes} bytes, and ${bytes} more do not fit.`,
        'Crop the volume, or try again when others are done.',
      );
    }
    for (const held of candidates) {
      if (excess() <= 0) break;
      forget(held);
    }
    click.reserved += bytes;
  }

  /** Held and reserved. */
  get bytes(): number {
    let sum = 0;
    for (const client of this.all.values()) {
      sum += client.click?.reserved ?? 0;
      for (const held of client.volumes()) sum += bytesOf(held);
    }
    return sum;
  }

  close(): void {
    clearInterval(this.sweeper);
    for (const client of this.all.values()) client.forgetAll();
    this.all.clear();
  }

  private expire(): void {
    const before = this.now() - this.settings.idleSeconds * 1000;
    for (const client of this.all.values()) if (client.lastUsed < before && !client.isBusy) this.drop(client);
  }

  private dropOldest(): void {
    const idle = [...this.all.values()].filter((client) => !client.isBusy).sort((a, b) => a.lastUsed - b.lastUsed);
    if (idle.length > 0) return this.drop(idle[0]);
    throw new BridgeError(
      503,
      'clients-full',
      `${this.settings.clients} clients are being served already.`,
      'Try again when others are done.',
    );
  }

  private drop(client: Client): void {
    client.forgetAll();
    this.all.delete(client.identity.key);
  }
}
