import type { SessionState, WindowChoice } from '@medsam2/protocol';
import { optional, type CreateBody } from '../client/api.js';
import { ApiError } from '../client/api-error.js';
import { type SegmentMark, type SeriesTarget, type StoredSegmentation } from '../contract/index.js';
import { CommandQueue, persist } from './commands.js';
import { newWorkData, type WorkData } from './data.js';
import { createBody, isNoWindow, isUnused, isWaiting, ownSessionsOn } from './opening.js';
import type { Environment } from './environment.js';
import { ImageIndex } from './image-index.js';
import { Masks } from './masks.js';
import { segmentMarks } from './marks.js';
import { fromAnswer, fromStream, withSegment } from './session-data.js';
import { memo, Store } from './store.js';
import { isNotablyOther, wantedWindow } from './windowing.js';

/** What happens around a session that other parts wait for. */
export interface WorkListener {
  /** a session is there, new or found again */
  attached?(state: SessionState): void;
  /** the session is no longer this work's */
  detached?(): void;
  stateChanged?(state: SessionState): void;
}

/** The work on one series: its volumes, its session, and the order of requests. */
export class SeriesWork {
  readonly data: Store<WorkData>;
  readonly queue: CommandQueue;
  readonly masks: Masks;
  readonly marks = memo(segmentMarks);
  private readonly listeners: WorkListener[] = [];
  private loading: Promise<void> | undefined;
  private opening: Promise<string> | undefined;
  /** revision that an answer named: it is exact, the stream's is what it has sent */
  exactRevision = 0;
  /** segmentation that the session goes on from */
  continued: StoredSegmentation | undefined;

  constructor(
    readonly env: Environment,
    target: SeriesTarget,
  ) {
    this.data = new Store(newWorkData(target, env.viewer.storedSegmentations(target)));
    this.queue = new CommandQueue((busy) => this.data.set({ busy }));
    this.masks = new Masks({
      viewer: env.viewer,
      clock: env.clock,
      target: () => this.data.get().target,
      marks: () => this.currentMarks(),
      imageOf: (slice) => this.data.get().index?.imageOf(slice),
      onScores: (scores) => this.data.set({ scores }),
      onError: (error) => env.notices.failure('viewer', error),
    });
  }

  listen(listener: WorkListener): void {
    this.listeners.push(listener);
  }

  currentMarks(): readonly SegmentMark[] {
    const { session, hidden, activeSegment } = this.data.get();
    return this.marks(session?.segments, hidden, activeSegment);
  }

  get sessionId(): string | undefined {
    return this.data.get().session?.state.id;
  }

  /** Volumes and findings of the series, and the session that waits on it. */
  async load(): Promise<void> {
    const { notices } = this.env;
    try {
      await this.loaded();
      notices.dismiss('series');
    } catch (error) {
      notices.failure('series', error, () => this.load());
    }
  }

  /** @throws ApiError */
  private loaded(): Promise<void> {
    if (this.data.get().volumesKnown) return Promise.resolve();
    this.loading ??= this.ask().finally(() => (this.loading = undefined));
    return this.loading;
  }

  private async ask(): Promise<void> {
    const { api, pacs, signal } = this.env;
    const { target } = this.data.get();
    const [volumes, sessions] = await this.persist(() =>
      Promise.all([api.volumes(target.study, target.series, pacs, signal), api.sessions()]),
    );
    const same = volumes.filter(({ slices }) => slices === target.images.length);
    const only = volumes.length === 1 ? volumes[0] : same.length === 1 ? same[0] : undefined;
    this.data.set({ volumes, ...(only === undefined ? {} : { volume: only.index }) });
    await this.resumeOneOf(sessions);
    this.data.set({ volumesKnown: true });
  }

  /** Another volume of the series; the work on the one before stays on the server. */
  async chooseVolume(index: number): Promise<void> {
    if (this.data.get().volume === index) return;
    this.detach();
    this.data.set({ volume: index, overruled: [] });
    await this.resumeOneOf(await this.persist(() => this.env.api.sessions()));
  }

  private async resumeOneOf(sessions: readonly SessionState[]): Promise<void> {
    const waiting = this.ownOf(sessions).find((session) => isWaiting(session) && this.isOfVolume(session));
    if (waiting !== undefined && this.sessionId === undefined) await this.resume(waiting);
  }

  /** Takes up a session that is on the server. */
  private async resume({ id, source }: SessionState): Promise<void> {
    if (source.volume !== undefined) this.data.set({ volume: source.volume });
    this.data.set({ overruled: source.overrule ?? [] });
    try {
      await this.once(async () => this.attach(await this.persist(() => this.env.api.session(id))));
      const text = { key: 'notice.resumed' } as const;
      this.env.notices.add({ about: 'resumed', severity: 'info', text });
    } catch (error) {
      // e.g. the images are others now: a new session can be begun
      if (!(error instanceof ApiError) || error.kind === 'aborted') throw error;
      this.env.notices.add({
        about: 'resumed',
        severity: 'warning',
        text: { key: 'notice.not-resumed' },
        hint: { problem: error.problem },
      });
    }
  }

  /**
   * The session, begun if there is none.
   * @throws ApiError, WorkError why there can be none
   */
  async ensureSession(): Promise<string> {
    await this.loaded();
    return this.sessionId ?? this.once(() => this.create());
  }

  /** A new session that begins with what lies in the PACS. */
  async continueFrom(stored: StoredSegmentation): Promise<string> {
    await this.loaded();
    const before = this.data.get();
    this.detach();
    const id = await this.once(() => this.create(stored)).catch(async (error: unknown) => {
      // what was there stays
      if (before.session !== undefined) await this.attach(before.session.state);
      throw error;
    });
    this.continued = stored;
    return id;
  }

  /** The active segment, one that can be drawn on, or a new first one. Within a command. */
  async ensureSegment(): Promise<number> {
    const session = await this.ensureSession();
    const { activeSegment, session: data } = this.data.get();
    const known = data?.segments ?? [];
    if (known.some(({ id }) => id === activeSegment)) return activeSegment as number;
    return known.find(({ locked }) => !locked)?.id ?? (await this.addSegment(session, {}));
  }

  /** Within a command. @returns its number */
  async addSegment(session: string, body: Parameters<Environment['api']['addSegment']>[1]): Promise<number> {
    const { api } = this.env;
    const before = new Set(this.data.get().session?.segments.map(({ id }) => id));
    const segment = await this.persist(async (attempt) => {
      const done = attempt === 1 ? undefined : (await api.session(session)).segments.find(({ id }) => !before.has(id));
      return done ?? api.addSegment(session, body);
    });
    const { session: data } = this.data.get();
    if (data !== undefined) this.data.set({ session: withSegment(data, segment), activeSegment: segment.id });
    this.masks.marksChanged();
    return segment.id;
  }

  /** The model sees what the user sees. Within a command. */
  async syncWindow(): Promise<void> {
    const { viewer, shared, api } = this.env;
    const { session } = this.data.get();
    if (session === undefined) return;
    const wanted = wantedWindow(shared.get().windowChoice, viewer);
    if (!isNotablyOther(session.state.window.choice, wanted)) return;
    const change = (window: WindowChoice) => this.persist(() => api.change(session.state.id, { window }));
    try {
      this.adopt(await change(wanted));
    } catch (error) {
      if (!isNoWindow(error)) throw error;
      this.adopt(await change('auto'));
    }
  }

  /** The answer to a request that names the whole session. */
  adopt(state: SessionState): void {
    if (state.id !== this.sessionId) return;
    this.exactRevision = Math.max(this.exactRevision, state.revision);
    this.data.set({ session: fromAnswer(state) });
    this.followState(state);
  }

  /** What the stream says. */
  told(state: SessionState): void {
    const { session } = this.data.get();
    if (session === undefined || state.id !== session.state.id) return;
    this.data.set({ session: fromStream(session, state) });
    this.followState(state);
  }

  /** The session is gone from the server, or is given up; local work that was not sent stays. */
  detach(): void {
    if (this.sessionId === undefined) return;
    for (const listener of this.listeners) listener.detached?.();
    this.masks.clear();
    this.exactRevision = 0;
    this.continued = undefined;
    this.data.set({
      session: undefined,
      index: undefined,
      activeSegment: undefined,
      run: undefined,
      statistics: new Map(),
      hidden: new Set(),
      range: undefined,
    });
  }

  persist<Result>(work: (attempt: number) => Promise<Result>): Promise<Result> {
    return persist(this.env, work);
  }

  private once(open: () => Promise<string>): Promise<string> {
    if (this.opening !== undefined) return this.opening;
    this.data.set({ opening: true });
    this.opening = open().finally(() => {
      this.opening = undefined;
      this.data.set({ opening: false });
    });
    return this.opening;
  }

  private async create(segmentation?: StoredSegmentation): Promise<string> {
    const { api, shared, ownSessions } = this.env;
    const body = createBody(this.data.get(), this.env, segmentation);
    const { modelName } = shared.get();
    const state = await this.persist(async (attempt) => {
      // One that was begun and not used, in an earlier visit or by a request whose answer was lost, will do.
      const unused =
        segmentation === undefined || attempt > 1
          ? this.ownOf(await api.sessions()).find(isUnused(modelName))
          : undefined;
      if (unused !== undefined && this.isOfVolume(unused)) {
        return api.change(unused.id, optional({ window: body.window, position: body.position }));
      }
      return this.createWithWindow(body);
    });
    ownSessions.add(state.id);
    return this.attach(state);
  }

  private async createWithWindow(body: CreateBody): Promise<SessionState> {
    try {
      return await this.env.api.create(body);
    } catch (error) {
      if (isNoWindow(error)) return this.env.api.create({ ...body, window: 'auto' });
      throw error;
    }
  }

  private async attach(state: SessionState): Promise<string> {
    const images = await this.persist(() => this.env.api.images(state.id));
    this.exactRevision = state.revision;
    this.data.set({
      session: fromAnswer(state),
      index: new ImageIndex(images, this.data.get().target.images),
      activeSegment: state.segments[0]?.id,
    });
    this.masks.marksChanged();
    for (const listener of this.listeners) listener.attached?.(state);
    return state.id;
  }

  private followState(state: SessionState): void {
    const { session, activeSegment } = this.data.get();
    const ids = new Set(session?.segments.map(({ id }) => id));
    if (activeSegment === undefined || !ids.has(activeSegment)) {
      this.data.set({ activeSegment: session?.segments.at(-1)?.id });
    }
    this.masks.keepSegments(ids);
    for (const listener of this.listeners) listener.stateChanged?.(state);
  }

  private ownOf(sessions: readonly SessionState[]): SessionState[] {
    return ownSessionsOn(this.data.get().target, sessions, this.env);
  }

  private isOfVolume({ source }: SessionState): boolean {
    const { volume, volumes } = this.data.get();
    return volume === undefined || volumes.length <= 1 || source.volume === undefined || source.volume === volume;
  }
}
