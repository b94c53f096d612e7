import type { TcpProxy } from '@medsam2/tests/dist/support/tcp-proxy.js';
import type { PhantomStudy } from '../support/index.js';
import type { User } from './user.js';

/** What chapters hand on to the next. */
export interface Visit {
  readonly user: User;
  /** between browser and server */
  readonly line: TcpProxy;
  readonly ct: PhantomStudy;
  /** masks of the CT by segment, as the viewer is to hold them */
  readonly masks: Map<number, Uint8Array>;
}

/** segments of the CT in the order in which they are made */
export const [leftKidney, liver, lesion] = [1, 2, 3];
