import { describeError, UserError } from '@medsam2/models';
import type { SaveState } from '@medsam2/protocol';
import { randomUUID } from 'node:crypto';
import type { Pacs } from '../dicomweb/types.js';
import { lockFolder } from '../durable/folder-lock.js';
import type { Log } from '../durable/log.js';
import { makePrivateFolder, sha256 } from '../durable/private-files.js';
import type { Principal } from '../identity.js';
import type { SegProblem } from '../segmentation/types.js';
import { Attempts, type Entry } from './attempts.js';
import { isFinished, stateOf, type SaveRecord } from './record.js';
import { Spool } from './spool.js';
import type { Backlog, SaveRequest, SaveService } from './types.js';

/** The steps of a save, in order. */
export type SaveStep = 'object-written' | 'record-written' | 'sending' | 'sent' | 'verified' | 'record-finished';

export interface SaveLimits {
  /** objects that wait for a PACS or a person */
  readonly objects: number;
  /** bytes of them */
  readonly bytes: number;
  /** records of finished saves are kept this long, and so many of them */
  readonly recordDays: number;
  readonly records: number;
}

export interface SaveServiceOptions {
  /** on a disk of this machine; of this server alone */
  readonly folder: string;
  /** @throws UserError for names that are not configured */
  readonly pacs: (name: string) => Pacs;
  /** what is wrong with an object before it is taken; errors refuse it */
  readonly validate: (object: Uint8Array) => readonly SegProblem[] | Promise<readonly SegProblem[]>;
  readonly log?: Log;
  /** milliseconds since 1970 */
  readonly now?: () => number;
  readonly random?: () => number;
  readonly limits?: Partial<SaveLimits>;
  /** objects sent at a time to one PACS; default 2 */
  readonly perPacs?: number;
  /** an attempt that takes longer is broken off and tried again; default 5 minutes */
  readonly attemptMs?: number;
  /** delay before the second attempt, doubled up to `mostMs`; default 5 seconds and 10 minutes */
  readonly backOff?: { readonly firstMs: number; readonly mostMs: number };
  /** pixels of a compressed object, to compare one with another */
  readonly decode?: (object: Uint8Array) => Uint8Array | undefined;
  /** what `close` grants to attempts that are under way; default 20 seconds */
  readonly graceMs?: number;
  /** told of every step; tests end the process there */
  readonly trace?: (step: SaveStep) => void;
}

const defaultLimits: SaveLimits = { objects: 1000, bytes: 10 * 2 ** 30, recordDays: 30, records: 10_000 };
const defaultWaitMs = 20_000;
const day = 24 * 3600 * 1000;
const sweepMs = 3600 * 1000;

/**
 * Opens the spool, takes up what lies in it, and serves.
 *
 * @throws UserError `folder-unusable`, `folder-busy` (another process has this spool)
 */
export async function createSaveService(options: SaveServiceOptions): Promise<SaveService> {
  await makePrivateFolder(options.folder);
  const lock = await lockFolder(options.folder);
  try {
    const spool = new Spool(options.folder, options.trace);
    const { records, damaged } = await spool.open();
    const service = new Saves(spool, lock, options, damaged);
    await service.takeUp(records);
    return service;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

class Saves implements SaveService {
  private readonly entries = new Map<string, Entry>();
  private readonly listeners = new Set<Parameters<SaveService['subscribe']>[0]>();
  private readonly attempts: Attempts;
  private readonly limits: SaveLimits;
  private readonly sweeper: NodeJS.Timeout;
  /** taken by saves whose record is not yet written */
  private readonly reserved = { objects: 0, bytes: 0 };
  private isClosed = false;

  constructor(
    private readonly spool: Spool,
    private readonly lock: Awaited<ReturnType<typeof lockFolder>>,
    private readonly options: SaveServiceOptions,
    private readonly damaged: number,
  ) {
    this.limits = { ...defaultLimits, ...options.limits };
    this.attempts = new Attempts(spool, {
      pacs: options.pacs,
      log: this.log,
      now: this.now,
      random: options.random ?? Math.random,
      perPacs: options.perPacs ?? 2,
      attemptMs: options.attemptMs ?? 5 * 60_000,
      backOff: options.backOff ?? { firstMs: 5000, mostMs: 10 * 60_000 },
      decode: options.decode,
      trace: options.trace,
      mayWork: () => this.lock.held,
      changed: (entry) => this.tell(entry),
    });
    this.sweeper = setInterval(() => void this.sweep(), sweepMs).unref();
  }

  /** After a start: everything that waits is tried again, everything that was finished is cleared away. */
  async takeUp(records: readonly SaveRecord[]): Promise<void> {
    for (const record of records) {
      // The process may have ended between sending and writing that down.
      const entry: Entry = { record: isFinished(record) ? record : { ...record, mayBeStored: true }, isSending: false };
      this.entries.set(record.id, entry);
      if (isFinished(record)) await this.spool.finish(record);
      else if (record.state === 'waiting') this.attempts.plan(entry);
    }
    const { waiting, refused } = this.backlog();
    if (waiting + refused + this.damaged > 0) {
      const facts = { waiting, refused, damaged: this.damaged };
      this.log(this.damaged > 0 ? 'error' : 'info', 'saves of an earlier run were taken up', facts);
    }
    await this.sweep();
  }

  async save(principal: Principal, request: SaveRequest, waitMs = defaultWaitMs): Promise<SaveState> {
    const { object, pacs } = request;
    this.requireOpen();
    requireWritable(this.options.pacs(pacs));
    const sum = sha256(object.bytes);
    const known = this.find(principal, object.sopInstanceUid);
    if (known !== undefined) {
      requireSame(known.record, sum);
      return this.afterAttempt(known, waitMs);
    }
    const entry = this.entryOf(principal, request, sum);
    const release = this.reserve(object.bytes.length);
    try {
      const problems = await this.options.validate(object.bytes);
      const errors = problems.filter(({ severity }) => severity === 'error');
      if (errors.length > 0) throw invalid(errors);
      await this.spool.add(entry.record, object.bytes);
      this.entries.set(entry.record.id, entry);
    } finally {
      release();
    }
    this.tell(entry);
    this.attempts.start(entry);
    return this.afterAttempt(entry, waitMs);
  }

  list(principal: Principal): Promise<SaveState[]> {
    const own = [...this.entries.values()].filter((entry) => isVisible(entry, principal));
    own.sort((a, b) => b.record.created.localeCompare(a.record.created));
    return Promise.resolve(own.map(stateOfEntry));
  }

  async get(principal: Principal, id: string): Promise<SaveState> {
    return Promise.resolve(stateOfEntry(this.require(principal, id)));
  }

  async retry(principal: Principal, id: string): Promise<SaveState> {
    this.requireOpen();
    const entry = this.require(principal, id);
    if (isFinished(entry.record)) throw finished(entry.record);
    entry.authorization = principal.authorization;
    this.attempts.start(entry);
    return this.afterAttempt(entry, defaultWaitMs);
  }

  async discard(principal: Principal, id: string): Promise<SaveState> {
    const entry = this.require(principal, id);
    if (isFinished(entry.record)) throw finished(entry.record);
    if (entry.isSending) {
      throw new UserError('save-busy', 'The object is being sent at this moment.', 'Try again when that has ended.');
    }
    const mayBeThere = entry.record.mayBeStored ? ' The PACS may hold it all the same.' : '';
    this.attempts.forget(entry);
    await this.finish(
      entry,
      'discarded',
      `Discarded by ${principal.id === entry.record.owner ? 'its owner' : 'an administrator'}.${mayBeThere}`,
    );
    return stateOfEntry(entry);
  }

  async object(principal: Principal, id: string): Promise<Uint8Array> {
    const { record } = this.require(principal, id);
    if (!isFinished(record)) return this.spool.object(record);
    throw new UserError(
      'save-object-gone',
      `The object of this save is not kept here: it was ${record.state}.`,
      record.state === 'verified' ? 'Fetch it from the PACS.' : 'Save again from the session or job.',
    );
  }

  subscribe(listener: (save: SaveState, origin: string, owner: string) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  backlog(): Backlog {
    const records = [...this.entries.values()].map(({ record }) => record);
    const waiting = records.filter(({ state }) => state === 'waiting');
    const oldest = waiting.reduce<string | undefined>(
      (least, { created }) => (least === undefined || created < least ? created : least),
      undefined,
    );
    return {
      waiting: waiting.length,
      refused: records.filter(({ state }) => state === 'refused').length,
      ...(oldest === undefined ? {} : { oldest: new Date(oldest) }),
      damaged: this.damaged,
    };
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.sweeper);
    await this.attempts.close(this.options.graceMs ?? 20_000);
    await this.lock.release();
  }

  private readonly now = (): number => (this.options.now ?? Date.now)();
  private readonly log: Log = (...line) => this.options.log?.(...line);

  private entryOf(principal: Principal, request: SaveRequest, sum: string): Entry {
    const { pacs, object, description, origin, mayBeStored = false } = request;
    const now = new Date(this.now()).toISOString();
    const record: SaveRecord = {
      version: 1,
      id: randomUUID(),
      owner: principal.id,
      origin,
      pacs,
      study: object.studyInstanceUid,
      series: object.seriesInstanceUid,
      sopInstanceUid: object.sopInstanceUid,
      description,
      warnings: [...object.warnings],
      bytes: object.bytes.length,
      sha256: sum,
      state: 'waiting',
      attempts: 0,
      created: now,
      changed: now,
      mayBeStored,
      withAuthorization: principal.authorization !== undefined,
      needsOwner: false,
    };
    return { record, isSending: false, authorization: principal.authorization };
  }

  /** The attempt that is under way or planned for now, at most `waitMs`. */
  private async afterAttempt(entry: Entry, waitMs: number): Promise<SaveState> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, waitMs)));
    await Promise.race([entry.attempt ?? Promise.resolve(), patience]);
    clearTimeout(timer);
    return stateOfEntry(entry);
  }

  private find(principal: Principal, sopInstanceUid: string): Entry | undefined {
    return [...this.entries.values()].find(
      ({ record }) =>
        record.owner === principal.id && record.sopInstanceUid === sopInstanceUid && record.state !== 'discarded',
    );
  }

  private require(principal: Principal, id: string): Entry {
    const entry = this.entries.get(id);
    if (entry !== undefined && isVisible(entry, principal)) return entry;
    throw new UserError(
      'save-not-found',
      'There is no such save.',
      'List the saves; finished ones are forgotten in time.',
    );
  }

  private requireOpen(): void {
    if (!this.isClosed && this.lock.held) return;
    throw new UserError(
      'spool-failed',
      this.isClosed ? 'The server is shutting down.' : "The server has lost hold of its spool's folder for a moment.",
      'Save again in a moment.',
    );
  }

  /** Counts what is on its way in, so that saves at the same time do not exceed the limit together. */
  private reserve(bytes: number): () => void {
    const kept = [...this.entries.values()].filter(({ record }) => !isFinished(record));
    const objects = kept.length + this.reserved.objects + 1;
    const sum = kept.reduce((total, { record }) => total + record.bytes, 0) + this.reserved.bytes + bytes;
    if (objects > this.limits.objects || sum > this.limits.bytes) {
      const what = objects > this.limits.objects ? `${this.limits.objects} objects` : `${this.limits.bytes} bytes`;
      throw new UserError(
        'spool-full',
        `The object was not taken: what waits for a PACS here has reached the limit of ${what}.`,
        'Nothing is lost in the session: ask the operator why the PACS takes nothing, or discard refused saves; then save again.',
      );
    }
    this.reserved.objects++;
    this.reserved.bytes += bytes;
    return () => {
      this.reserved.objects--;
      this.reserved.bytes -= bytes;
    };
  }

  private async finish(entry: Entry, state: 'discarded', message: string): Promise<void> {
    const changed = new Date(this.now()).toISOString();
    entry.record = { ...entry.record, state, message, changed, nextAttempt: undefined };
    this.tell(entry);
    await this.spool.finish(entry.record);
  }

  private tell({ record, isSending }: Entry): void {
    for (const listener of this.listeners) {
      try {
        listener(stateOf(record, isSending), record.origin, record.owner);
      } catch (error) {
        this.log('error', 'a listener of saves failed', { reason: describeError(error) });
      }
    }
  }

  /** Forgets old records of finished saves; what waits or was refused is never forgotten. */
  private async sweep(): Promise<void> {
    const finishedOnes = [...this.entries.values()].filter(({ record }) => isFinished(record));
    finishedOnes.sort((a, b) => b.record.changed.localeCompare(a.record.changed));
    const eldest = new Date(this.now() - this.limits.recordDays * day).toISOString();
    for (const [at, { record }] of finishedOnes.entries()) {
      if (at < this.limits.records && record.changed >= eldest) continue;
      this.entries.delete(record.id);
      await this.spool.forget(record.id).catch((error: unknown) => {
        this.log('warn', 'an old record cannot be removed', { save: record.id, reason: describeError(error) });
      });
    }
  }
}

const stateOfEntry = ({ record, isSending }: Entry): SaveState => stateOf(record, isSending);

const isVisible = ({ record }: Entry, { id, roles }: Principal): boolean => record.owner === id || roles.has('admin');

function requireWritable({ name, writable }: Pacs): void {
  if (writable) return;
  throw new UserError(
    'pacs-read-only',
    `The PACS ${name} is configured for reading only.`,
    'Choose another PACS, or ask the operator to allow writing to it.',
  );
}

function requireSame(record: SaveRecord, sum: string): void {
  if (record.sha256 === sum) return;
  throw new UserError(
    'save-uid-reused',
    'Another object with the same SOP Instance UID was saved before.',
    'Give every object a SOP Instance UID of its own.',
  );
}

const invalid = (errors: readonly SegProblem[]): UserError =>
  new UserError(
    'seg-invalid',
    `The object was not taken, because it is not valid: ${errors
      .slice(0, 3)
      .map(({ message }) => message)
      .join(' ')}`,
    'This is a defect of the program: please report it. The session keeps everything.',
  );

const finished = ({ state }: SaveRecord): UserError =>
  new UserError('save-finished', `This save is ${state} already.`, 'Nothing needs to be done.');
