import type { SeriesRef, SessionState } from '@medsam2/protocol';
import type { Principal } from '../identity.js';
import type { SessionService } from '../sessions/types.js';
import type { AuditSubject } from './audit/record.js';

const most = 10_000;

/**
 * Which study and series a session is about. Only for the audit: it says nothing about who may see the session. What was
 * once told of a session never changes, so it is kept.
 */
export class SourceLookup {
  private readonly known = new Map<string, Pick<SeriesRef, 'pacs' | 'study' | 'series'>>();

  constructor(private readonly sessions: Pick<SessionService, 'list'>) {}

  /** Remembers what a session's state says. */
  learn({ id, source }: Pick<SessionState, 'id' | 'source'>): AuditSubject {
    const { pacs, study, series } = source;
    if (!this.known.has(id) && this.known.size >= most) this.known.delete([...this.known.keys()][0]);
    this.known.set(id, { pacs, study, series });
    return { session: id, pacs, study, series };
  }

  /** Also of sessions that lie on disk, without opening them; only the identifier where nothing is known of it. */
  async of(principal: Principal, id: string): Promise<AuditSubject> {
    const known = this.known.get(id);
    if (known !== undefined) return { session: id, ...known };
    const session = (await this.sessions.list(principal)).find((candidate) => candidate.id === id);
    return session === undefined ? { session: id } : this.learn(session);
  }
}
