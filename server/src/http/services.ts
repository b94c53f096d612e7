import type { ModelInfo, ServiceInfo, TermHit } from '@medsam2/protocol';
import type { JobService } from '../jobs/types.js';
import type { SaveService } from '../saving/types.js';
import type { SessionService } from '../sessions/types.js';
import type { AuditPage, AuditQuery } from './audit/read.js';
import type { SourceLookup } from './source-lookup.js';

/** What the routes of the API work with. */
export interface ApiServices {
  readonly sessions: SessionService;
  readonly jobs: JobService;
  readonly saves: SaveService;
  readonly models: { list(): Promise<ModelInfo[]> };
  readonly searchTerms: (query: string, limit: number) => TermHit[];
  readonly service: Omit<ServiceInfo, 'user'>;
  readonly readAudit: (query: AuditQuery) => Promise<AuditPage>;
  /** which study and series a session is about, for the audit */
  readonly sources: SourceLookup;
}
