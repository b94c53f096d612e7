import { UserError } from '@medsam2/models';
import type { CreateSession, SaveBody, SessionState, StreamEvent, VolumeInfo } from '@medsam2/protocol';
import type { Principal } from '../identity.js';
import type { SaveService } from '../saving/types.js';
import { matchSeg, type MatchedSeg } from '../segmentation/match.js';
import { seriesDescription } from '../segmentation/provenance.js';
import { readSeg } from '../segmentation/read.js';
import type { SegObject, SegRequest, SegSource } from '../segmentation/types.js';
import { writeSeg } from '../segmentation/write.js';
import { exportTypes, labelMapFile, sessionStatistics } from './export.js';
import { importedChanges } from './import.js';
import type { JournalFileOptions } from './journal-file.js';
import { callOf, SessionKeeper } from './keeper.js';
import { defaultLimits, type SessionLimits } from './limits.js';
import type { ModelHost } from './models.js';
import { cancelRun, propagate } from './propagation.js';
import { editSlice, previewDrawings, putPrompt, removePrompt } from './prompting.js';
import { repeat, takenOver } from './replay.js';
import { knownSegmentations, segRequest, type Software } from './saving.js';
import { addSegment, changeSegment, removeSegment, resetSegments } from './segments.js';
import type { SeriesSource } from './series-source.js';
import type { LiveSession } from './session.js';
import { filledSlices } from './state.js';
import type { SessionService } from './types.js';
import { windowSpec } from './window.js';
import { identityOf } from './workbench.js';

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

/** Opens the folder of journals; sessions that lie in it are there again, each as soon as somebody asks for it. */
export async function createSessionService(options: SessionServiceOptions): Promise<SessionService> {
  const keeper = new SessionKeeper({
    ...options,
    limits: { ...defaultLimits, ...options.limits },
    now: options.now ?? (() => new Date()),
    log: options.log ?? (() => undefined),
  });
  await keeper.open();
  return new Sessions(keeper, options);
}

class Sessions implements SessionService {
  private readonly unsubscribe: () => void;
  /** sessions and revisions that saves were made from */
  private readonly saves = new Map<string, { readonly session: string; readonly revision: number }>();

  constructor(
    private readonly keeper: SessionKeeper,
    private readonly options: SessionServiceOptions,
  ) {
    this.unsubscribe = options.saving.subscribe((save, origin) => void this.saveChanged(save, origin));
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
    const session = await this.keeper.make(principal, request, async (planned, header) => {
      if (request.segmentation === undefined) return [];
      const { pacs, study } = header.source;
      const bytes = await this.options.source.instance(pacs, { study, ...request.segmentation }, callOf(principal));
      return importedChanges(await (this.options.readSeg ?? readAndMatch)(bytes, planned.source()));
    });
    return session.sessionState();
  }

  async list(principal: Principal): Promise<SessionState[]> {
    const states: SessionState[] = [];
    for (const entry of this.keeper.directory.visibleTo(principal)) {
      try {
        states.push(await this.keeper.stateOf(entry));
      } catch (error) {
        this.options.log?.(`session ${entry.header.id} could not be listed`, error);
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

  remove(principal: Principal, id: string): Promise<void> {
    return this.keeper.remove(principal, id);
  }

  images(principal: Principal, id: string): ReturnType<SessionService['images']> {
    return this.keeper.use(principal, id, (session) => session.grid.images);
  }

  addSegment(
    ...[principal, id, body]: Parameters<SessionService['addSegment']>
  ): ReturnType<SessionService['addSegment']> {
    return this.keeper.use(principal, id, (session) => addSegment(session, body));
  }

  changeSegment(
    ...[principal, id, segment, body]: Parameters<SessionService['changeSegment']>
  ): ReturnType<SessionService['changeSegment']> {
    return this.keeper.use(principal, id, (session) => changeSegment(session, segment, body));
  }

  removeSegment(principal: Principal, id: string, segment: number): Promise<SessionState> {
    return this.state(principal, id, (session) => removeSegment(session, segment));
  }

  putPrompt(
    ...[principal, id, prompt, body, signal]: Parameters<SessionService['putPrompt']>
  ): ReturnType<SessionService['putPrompt']> {
    return this.keeper.use(principal, id, (session) => putPrompt(session, prompt, body, signal));
  }

  removePrompt(principal: Principal, id: string, prompt: string): Promise<SessionState> {
    return this.state(principal, id, (session) => removePrompt(session, prompt));
  }

  preview(
    ...[principal, id, segment, drawings, signal]: Parameters<SessionService['preview']>
  ): ReturnType<SessionService['preview']> {
    return this.keeper.use(principal, id, (session) => previewDrawings(session, segment, drawings, signal));
  }

  editSlice(
    ...[principal, id, segment, slice, mask]: Parameters<SessionService['editSlice']>
  ): ReturnType<SessionService['editSlice']> {
    return this.keeper.use(principal, id, (session) => editSlice(session, segment, slice, mask));
  }

  propagate(
    ...[principal, id, request]: Parameters<SessionService['propagate']>
  ): ReturnType<SessionService['propagate']> {
    return this.keeper.use(principal, id, (session) => propagate(session, request));
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
    yield* await this.keeper.use(principal, id, (session) => session.events(after, signal));
  }

  changes(principal: Principal, id: string, after: number): Promise<StreamEvent[]> {
    return this.keeper.use(principal, id, (session) => session.changesAfter(after));
  }

  statistics(principal: Principal, id: string): ReturnType<SessionService['statistics']> {
    return this.keeper.use(principal, id, sessionStatistics);
  }

  exportLabelMap(
    ...[principal, id, format]: Parameters<SessionService['exportLabelMap']>
  ): ReturnType<SessionService['exportLabelMap']> {
    return this.keeper.use(principal, id, async (session) => {
      const fileName = `segmentation-${id.slice(0, 8)}.${format}`;
      const contentType = exportTypes[format];
      if (format !== 'dcm') return { bytes: await labelMapFile(session, format), fileName, contentType };
      const body = { format: 'binary' as const, reviewed: false };
      const { bytes } = await this.seg(session, principal, body);
      return { bytes, fileName, contentType };
    });
  }

  journal(principal: Principal, id: string): Promise<string> {
    return this.keeper.journal(principal, id);
  }

  replay(principal: Principal, id: string, model: string): Promise<SessionState> {
    return this.keeper.use(principal, id, async (session) => {
      const { record, header } = session;
      const { window, view } = record.settings;
      const request = { source: header.source, model, window, ...(view === undefined ? {} : { view }) };
      const other = await this.keeper.make(principal, request, () => Promise.resolve(takenOver(record)));
      other.inUse++;
      repeat(other, record)
        .catch((error: unknown) => this.options.log?.(`session ${other.id} could not repeat everything`, error))
        .finally(() => other.inUse--);
      return other.sessionState();
    });
  }

  save(...[principal, id, body]: Parameters<SessionService['save']>): ReturnType<SessionService['save']> {
    return this.keeper.use(principal, id, async (session) => {
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
      if (isWhole(session, body)) this.saves.set(save.id, { session: id, revision });
      // Whoever is told that it is saved finds the session saved.
      await this.saveChanged(save, id);
      return save;
    });
  }

  memory(): ReturnType<SessionService['memory']> {
    const { directory, around, contentBytes } = this.keeper;
    return {
      used: around.pool.bytes + around.models.featureBytes + contentBytes,
      budget: around.limits.memoryBytes,
      sessions: directory.live().length,
    };
  }

  async close(): Promise<void> {
    this.unsubscribe();
    await this.keeper.close();
  }

  private state(principal: Principal, id: string, work: (session: LiveSession) => unknown): Promise<SessionState> {
    return this.keeper.use(principal, id, async (session) => {
      await work(session);
      return session.sessionState();
    });
  }

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

  private async saveChanged(
    save: Parameters<Parameters<SaveService['subscribe']>[0]>[0],
    origin: string,
  ): Promise<void> {
    this.keeper.directory.get(origin)?.live?.tellSave(save);
    const known = this.saves.get(save.id);
    // What the PACS refused can be sent again.
    if (known === undefined || !['verified', 'discarded'].includes(save.state)) return;
    this.saves.delete(save.id);
    if (save.state !== 'verified') return;
    await this.keeper
      .confirmSaved(known.session, known.revision)
      .catch((error: unknown) => this.options.log?.('that a save was confirmed could not be noted', error));
  }
}

/** Whether a save holds every segment that is not empty. */
function isWhole(session: LiveSession, { segments }: SaveBody): boolean {
  const { content } = session.record;
  return [...content.segments.keys()].every(
    (id) => segments === undefined || segments.includes(id) || filledSlices(content, id).length === 0,
  );
}

async function readAndMatch(bytes: Uint8Array, source: SegSource): Promise<MatchedSeg> {
  return matchSeg(await readSeg(bytes), source);
}

/** Fields that are given. */
function defined<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<Value>;
}
