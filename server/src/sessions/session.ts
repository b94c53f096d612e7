import type { PromptAnswer, RunState, SaveState, SessionState, StreamEvent } from '@medsam2/protocol';
import { Subscription, type FeedSource, type SliceKey } from './feed.js';
import { Gate, Turns } from './gate.js';
import type { SessionGrid } from './grid.js';
import { reduce, type SessionRecord } from './history.js';
import type { JournalFile } from './journal-file.js';
import { answerMask, scoreOf, sliceEvent } from './masks.js';
import type { ModelHost } from './models.js';
import { busy, segmentLocked, segmentNotFound } from './problems.js';
import { toLine } from './record-codec.js';
import type { JournalHeader, JournalRecord } from './records.js';
import type { PlannedVolume } from './series-source.js';
import type { SessionLimits } from './limits.js';
import { contentBytes, maskOf, type Segment } from './state.js';
import { recordedState } from './views.js';
import type { ResolvedModel } from '@medsam2/models';
import type { VolumePool } from './volume-pool.js';
import { Workbench } from './workbench.js';

/** What all sessions share. */
export interface SessionSurroundings {
  readonly models: ModelHost;
  readonly pool: VolumePool;
  readonly limits: SessionLimits;
  /** requests of people and propagations; encoding ahead waits for it to be free */
  readonly gate: Gate;
  /** requests of people; propagations wait for it to be free before each slice */
  readonly people: Gate;
  readonly now: () => Date;
  readonly log: (message: string, error?: unknown) => void;
}

export interface SessionParts {
  readonly header: JournalHeader;
  readonly record: SessionRecord;
  readonly journal: JournalFile;
  readonly grid: SessionGrid;
  readonly planned: PlannedVolume;
  readonly model: ResolvedModel;
}

/** A run that is under way; what is over is in the record. */
export interface LiveRun {
  readonly id: string;
  readonly segments: readonly number[];
  readonly abort: AbortController;
  done: number;
  total: number;
  finished: Promise<void>;
}

/** A session in memory: its record, its journal, who listens, and the workbench with volume and model. */
export class LiveSession implements FeedSource {
  readonly header: JournalHeader;
  readonly grid: SessionGrid;
  readonly planned: PlannedVolume;
  readonly workbench: Workbench;
  /** requests that change the session, one after the other */
  readonly requests = new Turns();
  record: SessionRecord;
  activeRun: LiveRun | undefined;
  lastUse: number;
  /** requests under way; a session is not put to disk below them */
  inUse = 0;
  /** bytes of masks and prompts, about */
  contentBytes = 0;
  private readonly journal: JournalFile;
  private readonly commits = new Turns();
  private readonly subscriptions = new Set<Subscription>();
  private ended: string | undefined;
  private lastSeen: number;
  private stateTimer: NodeJS.Timeout | undefined;

  constructor(
    parts: SessionParts,
    readonly around: SessionSurroundings,
  ) {
    this.header = parts.header;
    this.record = parts.record;
    this.journal = parts.journal;
    this.grid = parts.grid;
    this.planned = parts.planned;
    this.lastUse = around.now().getTime();
    this.lastSeen = this.lastUse;
    this.workbench = new Workbench(this.header, this.planned, parts.model, around, (soon) => this.tellState(soon));
  }

  get id(): string {
    return this.header.id;
  }

  /** Somebody asked for something. */
  touch(): void {
    this.lastUse = this.around.now().getTime();
    this.lastSeen = this.lastUse;
  }

  /** Milliseconds since there was a request or a stream. */
  get goneFor(): number {
    return this.subscriptions.size > 0 ? 0 : this.around.now().getTime() - this.lastSeen;
  }

  // Changes

  /**
   * Writes a record and, once the disk has it, makes it true.
   * @param build from the session as it is then; may refuse by throwing
   * @throws UserError `journal-failed`: nothing has changed
   */
  commit(build: (record: SessionRecord) => JournalRecord, sync = true): Promise<SessionRecord> {
    return this.commits.run(async () => {
      const made = build(this.record);
      await this.journal.append(toLine({ ...made, at: this.around.now().toISOString() }), sync);
      this.adopt(made);
      return this.record;
    });
  }

  /** What happened whether or not the disk takes it: the end of a run. */
  async commitAnyway(made: JournalRecord): Promise<void> {
    try {
      await this.commit(() => made);
    } catch (error) {
      this.around.log('the journal of a session did not take the end of a run', error);
      this.adopt(made);
    }
  }

  syncJournalSoon(): void {
    this.journal.syncSoon();
  }

  private adopt(made: JournalRecord): void {
    const { content } = this.record;
    this.record = reduce(this.record, made, this.header.historyBytes);
    if (made.type === 'results') {
      this.contentBytes += made.changes.reduce(
        (sum, change) => sum + (change.kind === 'mask' ? (change.value?.runs.length ?? 0) + 64 : 0),
        0,
      );
      this.notify('slices');
      this.notify('run');
    } else {
      if (this.record.content !== content) this.contentBytes = contentBytes(this.record.content);
      this.notify('state');
      if (made.type === 'run' || made.type === 'run-end') this.notify('run');
    }
  }

  // Checks

  segment(id: number): Segment {
    const segment = this.record.content.segments.get(id);
    if (segment === undefined) throw segmentNotFound(id);
    return segment;
  }

  /** @throws UserError `segment-not-found`, `segment-locked`, `session-busy` */
  changeableSegment(id: number): Segment {
    const segment = this.segment(id);
    if (segment.locked) throw segmentLocked(id);
    this.refuseWhileRunning(id);
    return segment;
  }

  /** @throws UserError `session-busy` when the segment (or, without one, anything) is being propagated */
  refuseWhileRunning(segment?: number): void {
    if (this.activeRun === undefined) return;
    if (segment === undefined) throw busy('This cannot be done');
    if (this.activeRun.segments.includes(segment)) throw busy(`Segment ${segment} cannot be changed`);
  }

  // Listeners

  events(after: number, signal: AbortSignal): AsyncGenerator<StreamEvent> {
    const subscription = new Subscription(this, after);
    this.subscriptions.add(subscription);
    const events = subscription.events(signal, this.around.limits.pingMs);
    const leave = () => {
      this.subscriptions.delete(subscription);
      this.lastSeen = this.around.now().getTime();
    };
    return (async function* () {
      try {
        yield* events;
      } finally {
        leave();
      }
    })();
  }

  changesAfter(after: number): StreamEvent[] {
    return [...new Subscription(this, after).pending()];
  }

  notify(what: Parameters<Subscription['notify']>[0]): void {
    for (const subscription of this.subscriptions) subscription.notify(what);
  }

  tellSave(save: SaveState): void {
    this.notify(save);
  }

  /** @param soon at most a few times a second, for what only moves a bar */
  private tellState(soon: boolean): void {
    if (!soon) {
      this.notify('state');
      return;
    }
    this.stateTimer ??= setTimeout(() => {
      this.stateTimer = undefined;
      this.notify('state');
    }, 200).unref();
  }

  // FeedSource

  revision(): number {
    return this.record.revision;
  }

  closed(): string | undefined {
    return this.ended;
  }

  state(revision: number): Extract<StreamEvent['header'], { type: 'state' }> {
    // A client that keeps this number asks for everything that it has not been sent.
    return { type: 'state', session: { ...this.sessionState(), revision } };
  }

  run(): Extract<StreamEvent['header'], { type: 'run' }> | undefined {
    const run = this.runState();
    return run === undefined ? undefined : { type: 'run', run };
  }

  changedSlices(after: number): SliceKey[] {
    const keys: SliceKey[] = [];
    for (const [segment, slices] of this.record.changed) {
      for (const [slice, revision] of slices) if (revision > after) keys.push({ segment, slice, revision });
    }
    return keys.sort((a, b) => a.revision - b.revision);
  }

  slice({ segment, slice }: SliceKey): StreamEvent | undefined {
    if (!this.record.content.segments.has(segment)) return undefined;
    const mask = maskOf(this.record.content, segment, slice);
    return sliceEvent(this.score(segment, slice), mask, this.grid.size);
  }

  // Views

  score(segment: number, slice: number): ReturnType<typeof scoreOf> {
    const revision = this.record.changed.get(segment)?.get(slice) ?? 0;
    return scoreOf(segment, slice, revision, maskOf(this.record.content, segment, slice));
  }

  answerMask(segment: number, slice: number): PromptAnswer['masks'][number] {
    const score = this.score(segment, slice);
    return answerMask(score, maskOf(this.record.content, segment, slice), this.grid.size);
  }

  runState(): RunState | undefined {
    if (this.activeRun === undefined) return recordedState(this.header, this.record).run;
    const { id, segments, done, total } = this.activeRun;
    return { id, kind: 'propagate', segments: [...segments], done, total, state: 'running' };
  }

  sessionState(): SessionState {
    const { record, header, workbench } = this;
    return {
      ...recordedState(header, record),
      ...workbench.view(record.settings),
      ...(this.activeRun === undefined ? {} : { run: this.runState() }),
      phase: this.ended === undefined ? workbench.phase : 'closed',
      volume: this.planned.info,
      idleAt: new Date(this.lastUse + this.around.limits.idleMs).toISOString(),
    };
  }

  // End

  /** Stops what runs, lets volume and model go; the journal stays. */
  async close(reason: string): Promise<void> {
    if (this.ended !== undefined) return;
    this.activeRun?.abort.abort();
    await this.activeRun?.finished;
    await this.requests.run(() => Promise.resolve());
    this.ended = reason;
    clearTimeout(this.stateTimer);
    this.workbench.close();
    await this.commits.run(() => this.journal.close());
    this.notify('state');
  }
}
