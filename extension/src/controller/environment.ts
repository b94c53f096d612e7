import type { Api } from '../client/api.js';
import type { Clock } from '../client/clock.js';
import type { ViewerPort } from '../contract/index.js';
import type { Connection } from './connection.js';
import type { SharedData } from './data.js';
import type { KeptDrafts } from './kept-drafts.js';
import type { Notices } from './notices.js';
import type { OwnSessions } from './own-sessions.js';
import type { Store } from './store.js';

/** What all parts of the controller work with; made in `workbench.ts` alone. */
export interface Environment {
  readonly api: Api;
  readonly connection: Connection;
  readonly viewer: ViewerPort;
  readonly clock: Clock;
  readonly shared: Store<SharedData>;
  readonly notices: Notices;
  readonly ownSessions: OwnSessions;
  readonly keptDrafts: KeptDrafts;
  /** name of the PACS on the server; default: its first */
  readonly pacs?: string;
  /** fires when the mode is left */
  readonly signal: AbortSignal;
}
