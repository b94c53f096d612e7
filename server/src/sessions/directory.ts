import { UserError } from '@medsam2/models';
import type { SessionState } from '@medsam2/protocol';
import type { Principal } from '../identity.js';
import { sessionNotFound } from './problems.js';
import type { JournalHeader } from './records.js';
import type { LiveSession } from './session.js';

/** A session that exists, in memory or on disk only. */
export interface Entry {
  readonly header: JournalHeader;
  live?: LiveSession;
  /** being opened or put to disk: whoever wants it waits */
  turn?: Promise<unknown>;
  /** how it was when it was put to disk */
  summary?: SessionState;
}

/** All sessions of this server, and who may see which. */
export class Directory {
  private readonly entries = new Map<string, Entry>();

  add(entry: Entry): void {
    this.entries.set(entry.header.id, entry);
  }

  delete(id: string): void {
    this.entries.delete(id);
  }

  all(): Entry[] {
    return [...this.entries.values()];
  }

  get(id: string): Entry | undefined {
    return this.entries.get(id);
  }

  live(): LiveSession[] {
    return this.all().flatMap(({ live }) => (live === undefined ? [] : [live]));
  }

  visibleTo(principal: Principal): Entry[] {
    return this.all().filter((entry) => maySee(principal, entry));
  }

  /** @throws UserError `session-not-found`, also for sessions of others: whether they exist is nobody's business */
  find(principal: Principal, id: string): Entry {
    const entry = this.entries.get(id);
    if (entry === undefined || !maySee(principal, entry)) throw sessionNotFound(id);
    return entry;
  }

  /** @throws UserError `too-many-sessions` */
  requireRoomFor({ id }: Principal, limit: number): void {
    const own = this.all().filter(({ header }) => header.owner === id).length;
    if (own < limit) return;
    throw new UserError(
      'too-many-sessions',
      `You have ${own} sessions, and ${limit} are allowed.`,
      'Remove sessions that you do not need any more.',
    );
  }
}

const maySee = ({ id, roles }: Principal, { header }: Entry): boolean => header.owner === id || roles.has('admin');
