import type { Role } from '@medsam2/protocol';

/** Who asks. Made by authentication alone; everything below takes it as given. */
export interface Principal {
  /** stable and unique within the identity provider; owner of sessions, saves and jobs */
  readonly id: string;
  readonly roles: ReadonlySet<Role>;
  /** the caller's own `Authorization` header, for PACS that are configured to see it */
  readonly authorization?: string;
}

/** A failure that is about identity or rights, not about the input; HTTP answers 401 or 403. */
export type AccessCode = 'not-authenticated' | 'not-allowed';
