import { UserError } from '@medsam2/models';
import type { CreateSession, SessionState } from '@medsam2/protocol';
import { createHash, randomUUID } from 'node:crypto';
import type { Principal } from '../identity.js';
import { Directory, type Entry } from './directory.js';
import { Gate } from './gate.js';
import { gridOf, type SessionGrid } from './grid.js';
import { emptyRecord } from './history.js';
import type { JournalFileOptions } from './journal-file.js';
import type { SessionLimits } from './limits.js';
import type { ModelHost } from './models.js';
import { sessionNotFound } from './problems.js';
import { toLine } from './record-codec.js';
import type { JournalHeader } from './records.js';
import type { PlannedVolume, SeriesSource, SourceCall } from './series-source.js';
import { LiveSession, type SessionSurroundings } from './session.js';
import type { Change, Settings } from './state.js';
import { SessionStore } from './store.js';
import { storedSessionState } from './views.js';
import { VolumePool } from './volume-pool.js';
import { windowSpec } from './window.js';
import { identityOf, volumeKey } from './workbench.js';

export interface KeeperOptions {
  readonly folder: string;
  readonly source: SeriesSource;
  readonly models: ModelHost;
  readonly limits: SessionLimits;
  readonly openJournal?: JournalFileOptions['openFile'];
  readonly now: () => Date;
  readonly log: (message: string, error?: unknown) => void;
}

/** What a new session begins with, besides its request. */
export type Initial = (planned: PlannedVolume, header: JournalHeader) => Promise<Change[]>;

/** How often idle sessions are looked for. */
const sweepMs = 10_000;

/**
 * Makes sessions, finds them, opens them from their journals, and puts to disk those that rest: after a time without
 * requests, or when somebody else needs the memory and their client is gone.
 */
export class SessionKeeper {
  readonly directory = new Directory();
  readonly around: SessionSurroundings;
  private readonly store: SessionStore;
  private readonly sweeper: NodeJS.Timeout;
  /** sessions that are being made and not yet in the directory, by owner */
  private readonly creating = new Map<string, number>();
  private closed = false;

  constructor(private readonly options: KeeperOptions) {
    const { models, limits, now, log } = options;
    this.store = new SessionStore(options.folder, { limit: limits.journalBytes, openFile: options.openJournal });
    const voxels = Math.max(0, limits.memoryBytes - limits.featureBytes * models.maxOpen);
    const pool = new VolumePool(
      models,
      voxels,
      () => this.makeRoom(),
      () => this.contentBytes,
    );
    this.around = { models, pool, limits, gate: new Gate(), people: new Gate(), now, log };
    this.sweeper = setInterval(() => void this.sweep(), sweepMs).unref();
  }

  /** Finds the sessions that lie in the folder. */
  async open(): Promise<void> {
    const { log } = this.options;
    await this.store.prepare();
    const headers = await this.store.list((id, error) => log(`the journal of session ${id} is damaged`, error));
    for (const header of headers) this.directory.add({ header });
  }

  /** Bytes of masks and prompts of all sessions in memory. */
  get contentBytes(): number {
    return this.directory.live().reduce((sum, live) => sum + live.contentBytes, 0);
  }

  /**
   * A new session of the caller; its images are loaded in the background.
   * @throws UserError `too-many-sessions`, `memory-exhausted`, `journal-failed`; those of PACS, imaging and models
   */
  async make(principal: Principal, request: CreateSession, initial: Initial): Promise<LiveSession> {
    this.requireOpen();
    const making = (more: number): number => (this.creating.get(principal.id) ?? 0) + more;
    this.directory.requireRoomFor(principal, this.options.limits.sessionsPerUser - making(0));
    this.creating.set(principal.id, making(1));
    try {
      const { source, models } = this.options;
      const { study, series, overrule } = request.source;
      windowSpec(request.window);
      const model = await models.describe(request.model);
      const pacs = source.pacsName(request.source.pacs);
      // The PACS answers this caller: only then what is loaded already may be shared with them.
      const plan = await source.plan(pacs, { study, series }, callOf(principal));
      const planned = plan.volume(request.source.volume);
      planned.check(overrule);
      const grid = gridOf(planned);
      const position = request.position === undefined ? undefined : grid.sliceAt(request.position);
      const settings: Settings = {
        model: model.name,
        identity: identityOf(model),
        window: request.window,
        ...(request.view === undefined ? {} : { view: request.view }),
      };
      const header: JournalHeader = {
        type: 'session',
        version: 1,
        id: randomUUID(),
        owner: principal.id,
        created: this.options.now().toISOString(),
        source: { ...request.source, pacs, volume: planned.info.index },
        settings,
        grid: { slices: grid.slices, ...grid.size },
        images: imagesHash(grid),
        historyBytes: this.options.limits.historyBytes,
      };
      await this.around.pool.admit({ key: volumeKey(header), bytes: planned.bytes });
      const changes = await initial(planned, header);
      const journal = await this.store.create(header);
      const parts = { header, record: emptyRecord(settings), journal, grid, planned, model };
      const session = new LiveSession(parts, this.around);
      try {
        if (changes.length > 0) await session.commit(() => ({ type: 'step', what: 'import', changes }));
      } catch (error) {
        await session.close('removed');
        await this.store.remove(header.id);
        throw error;
      }
      this.directory.add({ header, live: session });
      session.workbench.start(settings, callOf(principal), position);
      return session;
    } finally {
      if (making(-1) === 0) this.creating.delete(principal.id);
      else this.creating.set(principal.id, making(-1));
    }
  }

  /** The session while `work` lasts; opened from its journal where it is not in memory. */
  async use<Result>(
    principal: Principal,
    id: string,
    work: (session: LiveSession) => Result | Promise<Result>,
  ): Promise<Result> {
    const session = await this.acquire(principal, id);
    try {
      return await work(session);
    } finally {
      session.inUse--;
      session.touch();
    }
  }

  /** The session, marked as in use in the same moment in which it is found, so that it is not put away meanwhile. */
  private async acquire(principal: Principal, id: string): Promise<LiveSession> {
    this.requireOpen();
    const held = (session: LiveSession): LiveSession => {
      session.touch();
      session.inUse++;
      return session;
    };
    for (;;) {
      const entry = this.directory.find(principal, id);
      if (entry.turn !== undefined) {
        await entry.turn.catch(() => undefined);
        continue;
      }
      if (entry.live !== undefined) return held(entry.live);
      return this.inTurn(entry, async () => {
        entry.live ??= await this.reopen(entry, principal);
        return held(entry.live);
      });
    }
  }

  private async reopen(entry: Entry, principal: Principal): Promise<LiveSession> {
    const { header } = entry;
    const { source, models } = this.options;
    const { pacs, study, series, volume, overrule } = header.source;
    const plan = await source.plan(pacs, { study, series }, callOf(principal));
    const planned = plan.volume(volume);
    planned.check(overrule);
    const grid = gridOf(planned);
    if (imagesHash(grid) !== header.images) {
      throw new UserError(
        'series-changed',
        'The images of the series are not those that the session was made on.',
        'Create a new session; the journal of this one stays until it is removed.',
      );
    }
    const { record, bytes } = await this.store.read(header.id);
    const model = await models.describe(record.settings.model);
    await this.around.pool.admit({ key: volumeKey(header), bytes: planned.bytes });
    const journal = await this.store.append(header.id, bytes);
    const session = new LiveSession({ header, record, journal, grid, planned, model }, this.around);
    if (record.run !== undefined) {
      const { id: run, segments } = record.run;
      const message = 'The server stopped during the propagation; what had arrived is kept.';
      await session.commit(() => ({ type: 'run-end', run, state: 'cancelled', segments, done: 0, total: 0, message }));
    }
    const identity = identityOf(model);
    if (identity.sha256 !== record.settings.identity.sha256) {
      // The model of this name was installed anew: what it makes from now on is another model's work.
      await session.commit((current) => ({ type: 'settings', settings: { ...current.settings, identity } }));
    }
    session.workbench.start(session.record.settings, callOf(principal), undefined);
    return session;
  }

  /** The state of a session, wherever it is. */
  async stateOf(entry: Entry): Promise<SessionState> {
    if (entry.live !== undefined) return entry.live.sessionState();
    entry.summary ??= await this.storedState(entry.header);
    return entry.summary;
  }

  /** A session that lies on disk only, without PACS and model. */
  private async storedState(header: JournalHeader): Promise<SessionState> {
    const { record } = await this.store.read(header.id);
    const model = await this.options.models.describe(record.settings.model).catch(() => undefined);
    return storedSessionState(header, record, model);
  }

  /** Ends a session and removes its journal. */
  async remove(principal: Principal, id: string): Promise<void> {
    const entry = this.directory.find(principal, id);
    await this.inTurn(entry, async () => {
      await entry.live?.close('removed');
      entry.live = undefined;
      await this.store.remove(id);
      this.directory.delete(id);
    });
  }

  /** The journal's text. */
  journal(principal: Principal, id: string): Promise<string> {
    return this.store.text(this.directory.find(principal, id).header.id);
  }

  /** Notes that the PACS has a session's content, wherever the session is. */
  async confirmSaved(id: string, revision: number): Promise<void> {
    const entry = this.directory.get(id);
    if (entry === undefined) return;
    await this.inTurn(entry, async () => {
      if (entry.live !== undefined) {
        await entry.live.commit(() => ({ type: 'saved', revision }));
        return;
      }
      const { bytes } = await this.store.read(id);
      const journal = await this.store.append(id, bytes);
      try {
        await journal.append(toLine({ type: 'saved', revision, at: this.options.now().toISOString() }), true);
      } finally {
        await journal.close();
      }
      entry.summary = undefined;
    });
  }

  /** Puts everything to disk. */
  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.sweeper);
    await Promise.all(this.directory.all().map((entry) => this.park(entry, 'the server is stopping', () => true)));
  }

  private park(entry: Entry, reason: string, mayRest: (live: LiveSession) => boolean): Promise<void> {
    return this.inTurn(entry, async () => {
      const { live } = entry;
      // Somebody may have come back while this waited.
      if (live === undefined || !mayRest(live)) return;
      await live.close(reason);
      entry.summary = live.sessionState();
      entry.live = undefined;
    });
  }

  /** Opening, putting away and removing exclude one another. */
  private async inTurn<Result>(entry: Entry, work: () => Promise<Result>): Promise<Result> {
    while (entry.turn !== undefined) await entry.turn.catch(() => undefined);
    if (this.directory.get(entry.header.id) !== entry) throw sessionNotFound(entry.header.id);
    const turn = work();
    entry.turn = turn;
    try {
      return await turn;
    } finally {
      if (entry.turn === turn) entry.turn = undefined;
    }
  }

  private async sweep(): Promise<void> {
    const { limits, now, log } = this.options;
    const isIdle = (live: LiveSession): boolean => canRest(live) && now().getTime() - live.lastUse >= limits.idleMs;
    for (const entry of this.directory.all()) {
      if (entry.live === undefined || !isIdle(entry.live)) continue;
      await this.park(entry, 'idle', isIdle).catch((error: unknown) =>
        log('a session could not be put to disk', error),
      );
    }
  }

  /** The client that has been gone for longest makes room for those who are there. */
  private async makeRoom(): Promise<boolean> {
    const isGone = (live: LiveSession): boolean => canRest(live) && live.goneFor >= this.options.limits.goneMs;
    const gone = this.directory
      .all()
      .filter(({ live }) => live !== undefined && isGone(live))
      .sort((a, b) => (a.live?.lastUse ?? 0) - (b.live?.lastUse ?? 0));
    if (gone.length === 0) return false;
    await this.park(gone[0], 'memory is needed', isGone);
    return true;
  }

  private requireOpen(): void {
    if (!this.closed) return;
    throw new UserError('server-stopping', 'The server is stopping.', 'Repeat the request in a moment.');
  }
}

/** A call to a PACS in the name of a caller. */
export const callOf = ({ authorization }: Principal): SourceCall =>
  authorization === undefined ? {} : { authorization };

const canRest = (session: LiveSession): boolean => session.inUse === 0 && session.activeRun === undefined;

const imagesHash = ({ images }: SessionGrid): string =>
  createHash('sha256')
    .update(images.map(({ sopInstanceUid, frame }) => `${sopInstanceUid}/${frame ?? ''}`).join('\n'))
    .digest('hex');
