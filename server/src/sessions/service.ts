import { UserError } from '@medsam2/models';
import type { CreateSession, SessionState, StreamEvent, VolumeInfo } from '@medsam2/protocol';
import { createHash, randomUUID } from 'node:crypto';
import type { Principal } from '../identity.js';
import type { SaveService } from '../saving/types.js';
import { matchSeg, type MatchedSeg } from '../segmentation/match.js';
import { seriesDescription } from '../segmentation/provenance.js';
import { readSeg } from '../segmentation/read.js';
import type { SegObject, SegRequest, SegSource } from '../segmentation/types.js';
import { writeSeg } from '../segmentation/write.js';
import { Directory, type Entry } from './directory.js';
import { exportTypes, labelMapFile, sessionStatistics } from './export.js';
import { Gate } from './gate.js';
import { gridOf, type SessionGrid } from './grid.js';
import { emptyRecord } from './history.js';
import { importedChanges } from './import.js';
import type { JournalFileOptions } from './journal-file.js';
import { defaultLimits, type SessionLimits } from './limits.js';
import type { ModelHost } from './models.js';
import { sessionNotFound } from './problems.js';
import { cancelRun, propagate } from './propagation.js';
import { editSlice, previewDrawings, putPrompt, removePrompt } from './prompting.js';
import type { JournalHeader } from './records.js';
import { repeat, takenOver } from './replay.js';
import { knownSegmentations, segRequest, type Software } from './saving.js';
import { addSegment, changeSegment, removeSegment, resetSegments } from './segments.js';
import type { PlannedVolume, SeriesSource, SourceCall } from './series-source.js';
import { LiveSession, type SessionSurroundings } from './session.js';
import type { Change, Settings } from './state.js';
import { SessionStore } from './store.js';
import type { SessionService } from './types.js';
import { VolumePool } from './volume-pool.js';
import { storedSessionState } from './views.js';
import { identityOf, volumeKey } from './workbench.js';
import { windowSpec } from './window.js';

export interface SessionServiceOptions {
  /** where journals lie, one folder each */
  readonly folder: string;
  readonly source: SeriesSource;
  readonly models: ModelHost;
  readonly saving: Pick<SaveService, 'save' | 'subscribe'>;
  readonly software: Software;
  readonly limits?: Partial<SessionLimits>;
  readonly writeSeg?: (request: SegRequest) => SegObject | Promise<SegObject>;
  readonly readSeg?: (bytes: Uint8Array, source: SegSource) => Promise<MatchedSeg>;
  readonly openJournal?: JournalFileOptions['openFile'];
  readonly now?: () => Date;
  /** what an operator should know; nothing about patients */
  readonly log?: (message: string, error?: unknown) => void;
}

/** How often idle sessions are looked for. */
const sweepMs = 10_000;

/** Opens the folder of journals; sessions that lie in it are there again, each as soon as somebody asks for it. */
export async function createSessionService(options: SessionServiceOptions): Promise<SessionService> {
  const service = new Sessions(options);
  await service.open();
  return service;
}

class Sessions implements SessionService {
  private readonly limits: SessionLimits;
  private readonly store: SessionStore;
  private readonly directory = new Directory();
  private readonly around: SessionSurroundings;
  private readonly sweeper: NodeJS.Timeout;
  private readonly unsubscribe: () => void;
  private readonly log: NonNullable<SessionServiceOptions['log']>;
  private readonly now: () => Date;
  /** sessions that are being made and not yet in the directory, by owner */
  private readonly creating = new Map<string, number>();
  private closed = false;

  constructor(private readonly options: SessionServiceOptions) {
    this.limits = { ...defaultLimits, ...options.limits };
    this.log = options.log ?? (() => undefined);
    this.now = options.now ?? (() => new Date());
    const { journalBytes, memoryBytes, featureBytes } = this.limits;
    this.store = new SessionStore(options.folder, { limit: journalBytes, openFile: options.openJournal });
    const contentBytes = () => this.directory.live().reduce((sum, live) => sum + live.contentBytes, 0);
    const voxels = Math.max(0, memoryBytes - featureBytes * options.models.maxOpen);
    const pool = new VolumePool(options.models, voxels, () => this.makeRoom(), contentBytes);
    const { log, now, limits } = this;
    this.around = { models: options.models, pool, limits, gate: new Gate(), people: new Gate(), now, log };
    this.sweeper = setInterval(() => void this.sweep(), sweepMs).unref();
    this.unsubscribe = options.saving.subscribe((save, origin) => this.saveChanged(save, origin));
  }

  async open(): Promise<void> {
    await this.store.prepare();
    const headers = await this.store.list((id, error) => this.log(`the journal of session ${id} is damaged`, error));
    for (const header of headers) this.directory.add({ header });
  }

  async volumes(
    principal: Principal,
    { pacs, study, series }: Parameters<SessionService['volumes']>[1],
  ): Promise<VolumeInfo[]> {
    const { source } = this.options;
    const plan = await source.plan(source.pacsName(pacs), { study, series }, callOf(principal));
    return [...plan.volumes];
  }

  async create(principal: Principal, request: CreateSession): Promise<SessionState> {
    const session = await this.make(principal, request, async (planned, header) => {
      if (request.segmentation === undefined) return [];
      const { pacs, study } = header.source;
      const bytes = await this.options.source.instance(pacs, { study, ...request.segmentation }, callOf(principal));
      return importedChanges(await (this.options.readSeg ?? readAndMatch)(bytes, planned.source()));
    });
    return session.sessionState();
  }

  async list(principal: Principal): Promise<SessionState[]> {
    const states: SessionState[] = [];
    for (const entry of this.directory.visibleTo(principal)) {
      try {
        states.push(await this.stateOf(entry));
      } catch (error) {
        this.log(`session ${entry.header.id} could not be listed`, error);
      }
    }
    return states;
  }

  get(principal: Principal, id: string): Promise<SessionState> {
    return this.state(principal, id, () => undefined);
  }

  change(principal: Principal, id: string, change: Parameters<SessionService['change']>[2]): Promise<SessionState> {
    return this.state(principal, id, async (session) => {
      const { position, ...wanted } = change;
      const slice = position === undefined ? undefined : session.grid.sliceAt(position);
      if (Object.values(wanted).some((value) => value !== undefined)) {
        if (wanted.window !== undefined) windowSpec(wanted.window);
        await session.workbench.ready();
        await session.requests.run(async () => {
          const { models } = this.options;
          const model = wanted.model === undefined ? undefined : await models.describe(wanted.model);
          const settings = {
            ...session.record.settings,
            ...defined(wanted),
            ...(model === undefined ? {} : { model: model.name, identity: identityOf(model) }),
          };
          await session.workbench.change(settings, () => session.commit(() => ({ type: 'settings', settings })));
        });
      }
      if (slice !== undefined) session.workbench.encodeAround(slice);
    });
  }

  async remove(principal: Principal, id: string): Promise<void> {
    const entry = this.directory.find(principal, id);
    await this.inTurn(entry, async () => {
      await entry.live?.close('removed');
      entry.live = undefined;
      await this.store.remove(id);
      this.directory.delete(id);
    });
  }

  images(principal: Principal, id: string): ReturnType<SessionService['images']> {
    return this.use(principal, id, (session) => session.grid.images);
  }

  addSegment(
    ...[principal, id, body]: Parameters<SessionService['addSegment']>
  ): ReturnType<SessionService['addSegment']> {
    return this.use(principal, id, (session) => addSegment(session, body));
  }

  changeSegment(
    ...[principal, id, segment, body]: Parameters<SessionService['changeSegment']>
  ): ReturnType<SessionService['changeSegment']> {
    return this.use(principal, id, (session) => changeSegment(session, segment, body));
  }

  removeSegment(principal: Principal, id: string, segment: number): Promise<SessionState> {
    return this.state(principal, id, (session) => removeSegment(session, segment));
  }

  putPrompt(
    ...[principal, id, prompt, body, signal]: Parameters<SessionService['putPrompt']>
  ): ReturnType<SessionService['putPrompt']> {
    return this.use(principal, id, (session) => putPrompt(session, prompt, body, signal));
  }

  removePrompt(principal: Principal, id: string, prompt: string): Promise<SessionState> {
    return this.state(principal, id, (session) => removePrompt(session, prompt));
  }

  preview(
    ...[principal, id, segment, drawings, signal]: Parameters<SessionService['preview']>
  ): ReturnType<SessionService['preview']> {
    return this.use(principal, id, (session) => previewDrawings(session, segment, drawings, signal));
  }

  editSlice(
    ...[principal, id, segment, slice, mask]: Parameters<SessionService['editSlice']>
  ): ReturnType<SessionService['editSlice']> {
    return this.use(principal, id, (session) => editSlice(session, segment, slice, mask));
  }

  propagate(
    ...[principal, id, request]: Parameters<SessionService['propagate']>
  ): ReturnType<SessionService['propagate']> {
    return this.use(principal, id, (session) => propagate(session, request));
  }

  cancel(principal: Principal, id: string): Promise<SessionState> {
    return this.state(principal, id, cancelRun);
  }

  undo(principal: Principal, id: string): Promise<SessionState> {
    return this.state(principal, id, (session) => this.move(session, 'undo'));
  }

  redo(principal: Principal, id: string): Promise<SessionState> {
    return this.state(principal, id, (session) => this.move(session, 'redo'));
  }

  reset(principal: Principal, id: string, segment?: number): Promise<SessionState> {
    return this.state(principal, id, (session) => resetSegments(session, segment));
  }

  async *events(principal: Principal, id: string, after: number, signal: AbortSignal): AsyncGenerator<StreamEvent> {
    const session = await this.session(principal, id);
    session.touch();
    yield* session.events(after, signal);
  }

  changes(principal: Principal, id: string, after: number): Promise<StreamEvent[]> {
    return this.use(principal, id, (session) => session.changesAfter(after));
  }

  statistics(principal: Principal, id: string): ReturnType<SessionService['statistics']> {
    return this.use(principal, id, sessionStatistics);
  }

  exportLabelMap(
    ...[principal, id, format]: Parameters<SessionService['exportLabelMap']>
  ): ReturnType<SessionService['exportLabelMap']> {
    return this.use(principal, id, async (session) => {
      const fileName = `segmentation-${id.slice(0, 8)}.${format}`;
      const contentType = exportTypes[format];
      if (format !== 'dcm') return { bytes: await labelMapFile(session, format), fileName, contentType };
      const body = { format: 'binary' as const, reviewed: false };
      const { bytes } = await this.seg(session, principal, body);
      return { bytes, fileName, contentType };
    });
  }

  async journal(principal: Principal, id: string): Promise<string> {
    this.directory.find(principal, id);
    return this.store.text(id);
  }

  replay(principal: Principal, id: string, model: string): Promise<SessionState> {
    return this.use(principal, id, async (session) => {
      const { record, header } = session;
      const { window, view } = record.settings;
      const request = { source: header.source, model, window, ...(view === undefined ? {} : { view }) };
      const other = await this.make(principal, request, () => Promise.resolve(takenOver(record)));
      other.inUse++;
      repeat(other, record)
        .catch((error: unknown) => this.log(`session ${other.id} could not repeat everything`, error))
        .finally(() => other.inUse--);
      return other.sessionState();
    });
  }

  save(...[principal, id, body]: Parameters<SessionService['save']>): ReturnType<SessionService['save']> {
    return this.use(principal, id, async (session) => {
      await session.workbench.ready();
      const revision = session.record.contentRevision;
      const object = await this.seg(session, principal, body);
      const { pacs } = session.header.source;
      const save = await this.options.saving.save(principal, {
        pacs,
        object,
        description: object.description,
        origin: id,
      });
      session.saves.set(save.id, revision);
      this.saveChanged(save, id);
      return save;
    });
  }

  memory(): ReturnType<SessionService['memory']> {
    const live = this.directory.live();
    const masks = live.reduce((sum, { contentBytes }) => sum + contentBytes, 0);
    return {
      used: this.around.pool.bytes + this.options.models.featureBytes + masks,
      budget: this.limits.memoryBytes,
      sessions: live.length,
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.sweeper);
    this.unsubscribe();
    await Promise.all(this.directory.all().map((entry) => this.park(entry, 'the server is stopping')));
  }

  // Opening and putting away

  private async make(
    principal: Principal,
    request: CreateSession,
    initial: (planned: PlannedVolume, header: JournalHeader) => Promise<Change[]>,
  ): Promise<LiveSession> {
    this.requireOpen();
    const making = (more: number): number => (this.creating.get(principal.id) ?? 0) + more;
    this.directory.requireRoomFor(principal, this.limits.sessionsPerUser - making(0));
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
        created: this.now().toISOString(),
        source: { ...request.source, pacs, volume: planned.info.index },
        settings,
        grid: { slices: grid.slices, ...grid.size },
        images: imagesHash(grid),
        historyBytes: this.limits.historyBytes,
      };
      await this.around.pool.admit({ key: volumeKey(header), bytes: planned.bytes });
      const changes = await initial(planned, header);
      const journal = await this.store.create(header);
      const parts = { header, record: emptyRecord(settings), journal, grid, planned, model };
      const session = new LiveSession(parts, this.around);
      if (changes.length > 0) await session.commit(() => ({ type: 'step', what: 'import', changes }));
      this.directory.add({ header, live: session });
      session.workbench.start(settings, callOf(principal), position);
      return session;
    } finally {
      if (making(-1) === 0) this.creating.delete(principal.id);
      else this.creating.set(principal.id, making(-1));
    }
  }

  /** The session in memory; opened from its journal where it is not. */
  private async session(principal: Principal, id: string): Promise<LiveSession> {
    this.requireOpen();
    for (;;) {
      const entry = this.directory.find(principal, id);
      if (entry.turn !== undefined) {
        await entry.turn.catch(() => undefined);
        continue;
      }
      if (entry.live !== undefined) return entry.live;
      return this.inTurn(entry, async () => (entry.live = await this.reopen(entry, principal)));
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

  private async use<Result>(
    principal: Principal,
    id: string,
    work: (session: LiveSession) => Result | Promise<Result>,
  ): Promise<Result> {
    const session = await this.session(principal, id);
    session.touch();
    session.inUse++;
    try {
      return await work(session);
    } finally {
      session.inUse--;
      session.touch();
    }
  }

  private state(principal: Principal, id: string, work: (session: LiveSession) => unknown): Promise<SessionState> {
    return this.use(principal, id, async (session) => {
      await work(session);
      return session.sessionState();
    });
  }

  private async stateOf(entry: Entry): Promise<SessionState> {
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

  private park(entry: Entry, reason: string): Promise<void> {
    return this.inTurn(entry, async () => {
      const { live } = entry;
      if (live === undefined) return;
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
    for (const entry of this.directory.all()) {
      const { live } = entry;
      if (live === undefined || !canRest(live)) continue;
      if (this.now().getTime() - live.lastUse < this.limits.idleMs) continue;
      await this.park(entry, 'idle').catch((error: unknown) => this.log('a session could not be put to disk', error));
    }
  }

  /** The client that has been gone for longest makes room for those who are there. */
  private async makeRoom(): Promise<boolean> {
    const gone = this.directory
      .all()
      .filter(({ live }) => live !== undefined && canRest(live) && live.goneFor >= this.limits.goneMs)
      .sort((a, b) => (a.live?.lastUse ?? 0) - (b.live?.lastUse ?? 0));
    if (gone.length === 0) return false;
    await this.park(gone[0], 'memory is needed');
    return true;
  }

  private requireOpen(): void {
    if (!this.closed) return;
    throw new UserError('server-stopping', 'The server is stopping.', 'Repeat the request in a moment.');
  }

  // Smaller parts

  private move(session: LiveSession, direction: 'undo' | 'redo'): Promise<void> {
    return session.requests.run(async () => {
      session.refuseWhileRunning();
      if (session.record[direction].length === 0) {
        throw new UserError(`nothing-to-${direction}`, `There is nothing to ${direction}.`, 'Go on from here.');
      }
      await session.commit(() => ({ type: direction }));
    });
  }

  private async seg(
    session: LiveSession,
    principal: Principal,
    body: Parameters<SessionService['save']>[2],
  ): Promise<SegObject & { readonly description: string }> {
    await session.workbench.ready();
    const known = await knownSegmentations(session, this.options.source, callOf(principal));
    const request = segRequest(session, body, known, this.options.software);
    const object = await (this.options.writeSeg ?? writeSeg)(request);
    return { ...object, description: seriesDescription(request.description, request.provenance) };
  }

  private saveChanged(save: Parameters<Parameters<SaveService['subscribe']>[0]>[0], origin: string): void {
    const session = this.directory.get(origin)?.live;
    if (session === undefined) return;
    session.tellSave(save);
    const revision = session.saves.get(save.id);
    if (save.state !== 'verified' || revision === undefined) return;
    session.saves.delete(save.id);
    session
      .commit(() => ({ type: 'saved', revision }))
      .catch((error: unknown) => this.log('that a save was confirmed could not be noted', error));
  }
}

const callOf = ({ authorization }: Principal): SourceCall => (authorization === undefined ? {} : { authorization });

const canRest = (session: LiveSession): boolean => session.inUse === 0 && session.activeRun === undefined;

async function readAndMatch(bytes: Uint8Array, source: SegSource): Promise<MatchedSeg> {
  return matchSeg(await readSeg(bytes), source);
}

const imagesHash = ({ images }: SessionGrid): string =>
  createHash('sha256')
    .update(images.map(({ sopInstanceUid, frame }) => `${sopInstanceUid}/${frame ?? ''}`).join('\n'))
    .digest('hex');

/** Fields that are given. */
function defined<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<Value>;
}
