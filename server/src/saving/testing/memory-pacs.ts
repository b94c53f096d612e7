import { UserError } from '@medsam2/models';
import type { Pacs, PacsCall, StoredObject } from '../../dicomweb/types.js';

/** What a PACS does with one object that is sent to it, for what a real one does only when it is broken. */
export type StoreBehaviour = (
  object: Uint8Array,
  stored: Map<string, Uint8Array>,
  sopInstanceUid: string,
  call: PacsCall,
) => Promise<StoredObject[]> | StoredObject[];

export const keeps: StoreBehaviour = (object, stored, sopInstanceUid) => {
  // As a real one by default: an object that is there stays as it is.
  if (!stored.has(sopInstanceUid)) stored.set(sopInstanceUid, object);
  return [{ sopInstanceUid, outcome: 'listed' }];
};

export const fails =
  (code: string, keep = false, facts: object = {}): StoreBehaviour =>
  (object, stored, sopInstanceUid) => {
    if (keep) stored.set(sopInstanceUid, object);
    throw Object.assign(new UserError(code, `The PACS fails with ${code}.`, 'Wait.'), facts);
  };

export class MemoryPacs implements Pacs {
  readonly stored = new Map<string, Uint8Array>();
  /** SOP Instance UIDs in the order in which they were sent */
  readonly sent: string[] = [];
  readonly authorizations: (string | undefined)[] = [];
  store_: StoreBehaviour = keeps;
  /** thrown instead of giving an object back */
  readFailure: UserError | undefined;

  constructor(
    readonly name: string,
    private readonly uidOf: (object: Uint8Array) => string,
    readonly writable = true,
  ) {}

  async store(_study: string, object: Uint8Array, call: PacsCall = {}): Promise<StoredObject[]> {
    const uid = this.uidOf(object);
    this.sent.push(uid);
    this.authorizations.push(call.authorization);
    return this.store_(object, this.stored, uid, call);
  }

  instance(_study: string, _series: string, sopInstanceUid: string): Promise<Uint8Array> {
    const object = this.stored.get(sopInstanceUid);
    if (this.readFailure !== undefined) return Promise.reject(this.readFailure);
    if (object !== undefined) return Promise.resolve(object);
    return Promise.reject(new UserError('pacs-not-found', 'The PACS does not have it.', 'Look elsewhere.'));
  }

  readonly searchStudies = unused;
  readonly searchSeries = unused;
  readonly searchInstances = unused;
  readonly seriesMetadata = unused;
  readonly check = unused;
  seriesInstances(): AsyncIterable<Uint8Array> {
    throw new Error('not for saving');
  }
}

function unused(): Promise<never> {
  return Promise.reject(new Error('not for saving'));
}
