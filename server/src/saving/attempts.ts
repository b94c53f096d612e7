import { describeError, UserError } from '@medsam2/models';
import type { Pacs } from '../dicomweb/types.js';
import type { Log } from '../durable/log.js';
import { backOffMs } from './back-off.js';
import { deliver, type Delivery } from './deliver.js';
import { PerTarget } from './per-target.js';
import type { SaveRecord } from './record.js';
import type { Spool } from './spool.js';

/** One save in memory. */
export interface Entry {
  record: SaveRecord;
  isSending: boolean;
  /** the caller's own, for PACS that are configured to see it; never on disk */
  authorization?: string;
  /** under way or next in line; ends with the attempt, never fails */
  attempt?: Promise<void>;
  timer?: NodeJS.Timeout;
}

export interface AttemptsOptions {
  readonly pacs: (name: string) => Pacs;
  readonly log: Log;
  readonly now: () => number;
  readonly random: () => number;
  readonly perPacs: number;
  readonly attemptMs: number;
  readonly backOff: { readonly firstMs: number; readonly mostMs: number };
  readonly decode?: (object: Uint8Array) => Uint8Array | undefined;
  readonly trace?: (step: 'sending' | 'sent' | 'verified' | 'record-finished') => void;
  /** false while this process must not touch the spool */
  readonly mayWork: () => boolean;
  readonly changed: (entry: Entry) => void;
}

/** setTimeout counts in 32 bits. */
const longestTimer = 2 ** 31 - 1;

/** When what is sent: one timer for each save that waits, a bound for each PACS. */
export class Attempts {
  private readonly perPacs: PerTarget;
  private readonly closing = new AbortController();
  private readonly running = new Set<Promise<void>>();
  private isClosing = false;

  constructor(
    private readonly spool: Spool,
    private readonly options: AttemptsOptions,
  ) {
    this.perPacs = new PerTarget(options.perPacs);
  }

  /** Next in line for its PACS; one that is in line already stays where it is. */
  start(entry: Entry): void {
    this.forget(entry);
    if (this.isClosing || entry.attempt !== undefined) return;
    const attempt = this.perPacs
      .run(entry.record.pacs, () => this.run(entry))
      .catch((error: unknown) => {
        this.options.log('error', 'an attempt to save failed unexpectedly', { reason: describeError(error) });
      })
      .finally(() => {
        entry.attempt = undefined;
        this.running.delete(attempt);
      });
    entry.attempt = attempt;
    this.running.add(attempt);
  }

  /** At its time, or now when that is over or there is none. */
  plan(entry: Entry): void {
    this.forget(entry);
    const { nextAttempt, needsOwner } = entry.record;
    if (this.isClosing || needsOwner) return;
    const delay = nextAttempt === undefined ? 0 : Date.parse(nextAttempt) - this.options.now();
    entry.timer = setTimeout(() => this.start(entry), Math.min(longestTimer, Math.max(0, delay))).unref();
  }

  forget(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.timer = undefined;
  }

  /** Attempts under way may end within `graceMs`, then they are broken off; what they sent is looked for next time. */
  async close(graceMs: number): Promise<void> {
    this.isClosing = true;
    const timer = setTimeout(() => this.closing.abort(new Error('the server is shutting down')), graceMs);
    await Promise.all(this.running);
    clearTimeout(timer);
  }

  private async run(entry: Entry): Promise<void> {
    if (this.isClosing || !['waiting', 'refused'].includes(entry.record.state)) return;
    entry.isSending = true;
    entry.record = { ...entry.record, attempts: entry.record.attempts + 1, nextAttempt: undefined, needsOwner: false };
    this.options.changed(entry);
    let outcome: Delivery | 'broken-off';
    try {
      outcome = this.options.mayWork() ? await this.attempt(entry) : lost;
    } catch (error) {
      // A defect must not lose the object, nor hammer the PACS.
      this.options.log('error', 'an attempt to save failed unexpectedly', {
        save: entry.record.id,
        reason: describeError(error),
      });
      outcome = {
        kind: 'later',
        message: 'The attempt failed unexpectedly; the log of the server says more.',
        mayBeStored: true,
      };
    }
    entry.isSending = false;
    await this.conclude(entry, outcome);
  }

  private async attempt(entry: Entry): Promise<Delivery | 'broken-off'> {
    const { record, authorization } = entry;
    const timeout = AbortSignal.timeout(this.options.attemptMs);
    const signal = AbortSignal.any([this.closing.signal, timeout]);
    try {
      const bytes = await this.spool.object(record);
      return await deliver(
        this.options.pacs(record.pacs),
        { study: record.study, series: record.series, sopInstanceUid: record.sopInstanceUid, bytes },
        {
          mayBeStored: record.mayBeStored,
          call: { signal, ...(authorization === undefined ? {} : { authorization }) },
          decode: this.options.decode,
          trace: this.options.trace,
        },
      );
    } catch (error) {
      if (this.closing.signal.aborted) return 'broken-off';
      if (timeout.aborted) {
        const message = `The PACS took longer than ${this.options.attemptMs / 1000} seconds.`;
        return { kind: 'later', message, mayBeStored: true };
      }
      if (!(error instanceof UserError)) throw error;
      // The object is damaged on disk, or the PACS is not configured any more.
      return { kind: 'refused', message: describeError(error), mayBeStored: record.mayBeStored };
    }
  }

  private async conclude(entry: Entry, outcome: Delivery | 'broken-off'): Promise<void> {
    const { now, trace, log, changed } = this.options;
    const { record } = entry;
    const at = { changed: new Date(now()).toISOString() };
    if (outcome === 'broken-off') {
      entry.record = { ...record, ...at, mayBeStored: true };
    } else if (outcome.kind === 'verified') {
      trace?.('verified');
      entry.record = { ...record, ...at, state: 'verified', message: outcome.message };
      entry.authorization = undefined;
    } else {
      entry.record = {
        ...record,
        ...at,
        ...this.decide(entry, outcome),
        mayBeStored: record.mayBeStored || outcome.mayBeStored,
      };
    }
    try {
      if (entry.record.state === 'verified') {
        await this.spool.finish(entry.record);
        trace?.('record-finished');
      } else {
        await this.spool.put(entry.record);
      }
    } catch (error) {
      // What is on disk is older and safe: after a restart the PACS is asked again.
      log('error', 'the outcome of a save cannot be written down', { save: record.id, reason: describeError(error) });
    }
    if (entry.record.state === 'waiting') this.plan(entry);
    const { id, state, pacs, attempts, message } = entry.record;
    log(state === 'verified' ? 'info' : 'warn', `save ${state}`, { save: id, pacs, attempts, reason: message });
    changed(entry);
  }

  private decide(
    { record, authorization }: Entry,
    outcome: Exclude<Delivery, { kind: 'verified' }>,
  ): Partial<SaveRecord> {
    if (outcome.kind === 'later') {
      const delay = backOffMs(record.attempts, { ...this.options.backOff, random: this.options.random });
      const nextAttempt = new Date(this.options.now() + delay).toISOString();
      const message = `${outcome.message} The object is safe on the server's disk and is sent again by itself.`;
      return { state: 'waiting', message, nextAttempt };
    }
    if (outcome.unauthorised === true && record.withAuthorization && authorization === undefined) {
      // The server was started again, and credentials of users are not kept on disk.
      const message =
        'The PACS wants the credentials of the owner, which are not kept on disk: the owner must retry while signed in.';
      return { state: 'waiting', message, needsOwner: true };
    }
    const message = `${outcome.message} The object stays on the server's disk: retry when the reason is gone, download it, or discard it.`;
    return { state: 'refused', message };
  }
}

const lost: Delivery = {
  kind: 'later',
  message: "The server has lost hold of its spool's folder for a moment.",
  mayBeStored: true,
};
