import type { SessionState } from '@medsam2/protocol';
import { ApiError } from '../client/api-error.js';
import { promptTools, type Range, type SeriesTarget, type StoredSegmentation, type Tool } from '../contract/index.js';
import { nextDoubtfulSlice, sliceScores } from './confidence.js';
import type { Environment } from './environment.js';
import { Editing } from './editing.js';
import { move } from './history.js';
import { Prompting } from './prompting.js';
import { isActive, Running } from './running.js';
import { Saving, type Saves } from './saving.js';
import { Segments } from './segments.js';
import { SeriesWork } from './series-work.js';
import { SessionLink } from './session-link.js';
import { Statistics } from './statistics.js';

/** The parts that work on one series, put together. */
export class SeriesController {
  readonly work: SeriesWork;
  readonly prompting: Prompting;
  readonly editing: Editing;
  readonly segments: Segments;
  readonly running: Running;
  readonly saving: Saving;
  private readonly statistics: Statistics;
  private link: SessionLink | undefined;
  private askedPosition: number | undefined;
  private hasFailed = false;
  /** session that the user gives up: its end is no news */
  private givenUp: string | undefined;

  constructor(
    private readonly env: Environment,
    target: SeriesTarget,
    saves: Saves,
  ) {
    this.work = new SeriesWork(env, target);
    this.statistics = new Statistics(this.work);
    const changed = (): void => this.statistics.changed();
    this.prompting = new Prompting(this.work, changed);
    this.editing = new Editing(this.work, changed);
    this.segments = new Segments(this.work, changed);
    this.running = new Running(this.work, () => this.runEnded());
    this.saving = new Saving(this.work, saves);
    // A session that was put to disk is followed again as soon as something is asked of it.
    this.work.data.subscribe(() => {
      if (this.work.data.get().busy > 0) this.link?.wake();
    });
    this.work.listen({
      attached: ({ id }) => {
        this.link = new SessionLink(this.work, id, {
          onSlice: (slice) => {
            this.running.onSlice(slice);
            this.statistics.changed(isActive(this.work.data.get().run));
          },
          onAbsent: ({ slice }) => this.running.onAbsent(slice),
          onRun: (run) => this.running.told(run),
          onSave: (save) => saves.told(save),
          onGone: () => this.gone(),
        });
        this.link.start();
      },
      stateChanged: (state) => this.tellFailure(state),
      detached: () => {
        this.link?.close();
        this.link = undefined;
      },
    });
  }

  /**
   * The series is in the active viewport.
   * @param target as it is there now
   * @param again it was not there before: the viewer may have lost its masks
   */
  enter(target: SeriesTarget, again: boolean): void {
    const { data, masks } = this.work;
    data.set({ target, stored: this.env.viewer.storedSegmentations(target) });
    masks.activate(true, again);
    this.link?.wake();
    void this.work.load();
  }

  leave(): void {
    this.work.masks.activate(false, false);
  }

  /** The server is there (again). */
  online(): void {
    this.link?.wake();
  }

  async begin(): Promise<void> {
    try {
      await this.work.ensureSession();
      this.env.notices.dismiss('session');
    } catch (error) {
      this.env.notices.failure('session', error, () => this.begin());
    }
  }

  /** A tool was chosen: what it needs is made ready, so that the first drawing is answered fast. */
  async prepare(tool: Tool): Promise<void> {
    if (promptTools.some((each) => each === tool)) return this.begin();
    try {
      await this.work.queue.run(() => this.work.ensureSegment());
    } catch (error) {
      this.env.notices.failure('session', error, () => this.prepare(tool));
    }
  }

  async chooseVolume(index: number): Promise<void> {
    try {
      await this.work.queue.run(() => this.work.chooseVolume(index));
    } catch (error) {
      this.env.notices.failure('session', error, () => this.chooseVolume(index));
    }
  }

  overrule(code: string): void {
    const { overruled } = this.work.data.get();
    if (!overruled.includes(code)) this.work.data.set({ overruled: [...overruled, code] });
  }

  /** Changes the session's settings, where there is one. */
  async change(body: { readonly model: string } | 'window'): Promise<void> {
    const { work, env } = this;
    if (work.sessionId === undefined) return;
    await work.queue.run(async () => {
      try {
        const id = work.sessionId;
        if (id === undefined) return;
        if (body === 'window') await work.syncWindow();
        else work.adopt(await work.persist(() => env.api.change(id, body)));
        env.notices.dismiss('settings');
      } catch (error) {
        env.notices.failure('settings', error, () => this.change(body));
      }
    });
  }

  async move(direction: 'undo' | 'redo'): Promise<void> {
    if (await move(this.work, direction)) this.statistics.changed();
  }

  setRange(range: Range | undefined): void {
    const last = this.sliceCount - 1;
    if (range === undefined || last < 0) {
      this.work.data.set({ range: undefined });
      return;
    }
    const within = (slice: number): number => Math.min(last, Math.max(0, Math.round(slice)));
    const [a, b] = [within(range.first), within(range.last)];
    this.work.data.set({ range: { first: Math.min(a, b), last: Math.max(a, b) } });
  }

  setRangeEnd(end: 'first' | 'last'): void {
    const slice = this.position;
    if (slice === undefined) return;
    const { range } = this.work.data.get();
    const { first, last } = range ?? { first: 0, last: this.sliceCount - 1 };
    this.setRange(
      end === 'first' ? { first: slice, last: Math.max(slice, last) } : { first: Math.min(first, slice), last: slice },
    );
  }

  jumpTo(slice: number): void {
    const image = this.work.data.get().index?.imageOf(slice);
    if (image !== undefined) this.env.viewer.jumpTo(image);
  }

  nextDoubtful(step: 1 | -1): void {
    const { scores, activeSegment } = this.work.data.get();
    const own = sliceScores(scores.get(activeSegment ?? 0)?.values() ?? []);
    const slice = nextDoubtfulSlice(own, this.position ?? (step === 1 ? -1 : Infinity), step);
    if (slice !== undefined) this.jumpTo(slice);
  }

  async continueFrom(stored: StoredSegmentation): Promise<void> {
    try {
      await this.work.queue.run(() => this.work.continueFrom(stored));
      this.env.notices.dismiss('continue');
    } catch (error) {
      this.env.notices.failure('continue', error, () => this.continueFrom(stored));
    }
  }

  async discard(): Promise<void> {
    const { work, env } = this;
    const id = work.sessionId;
    if (id === undefined) return;
    try {
      this.givenUp = id;
      work.data.set({ drafts: new Map() });
      env.notices.dismissAll('prompt');
      await work.queue.run(async () => {
        await work
          .persist(() => env.api.remove(id))
          .catch((error: unknown) => {
            if (!(error instanceof ApiError) || error.code !== 'session-not-found') throw error;
          });
        if (work.sessionId === id) work.detach();
      });
    } catch (error) {
      this.givenUp = undefined;
      env.notices.failure('session', error, () => this.discard());
    }
  }

  /**
   * The viewer shows another image. Slices around it are made ready on the server, where it is far enough from those
   * that are.
   */
  moved(): void {
    const { work, position } = this;
    const id = work.sessionId;
    if (id === undefined || position === undefined || !this.env.connection.isOnline) return;
    if (work.data.get().session?.state.phase !== 'ready' || isActive(work.data.get().run)) return;
    if (Math.abs(position - (this.askedPosition ?? -Infinity)) < farSlices) return;
    this.askedPosition = position;
    this.env.api.change(id, { position: { slice: position } }).catch((error: unknown) => {
      // only a help for speed: the way to the server is looked after elsewhere
      if (!(error instanceof ApiError)) throw error;
      this.env.connection.failed(error);
    });
  }

  close(): void {
    this.link?.close();
    this.work.masks.close();
  }

  private get sliceCount(): number {
    return this.work.data.get().index?.count ?? 0;
  }

  private get position(): number | undefined {
    return this.work.data.get().index?.sliceOf(this.env.shared.get().position);
  }

  private runEnded(): void {
    this.statistics.changed();
    void this.prompting.resendWaiting();
    void this.editing.resendKept();
  }

  /** The images could not be had; what needs them makes the server try again. */
  private tellFailure({ id, phase, problem }: SessionState): void {
    const { notices, api } = this.env;
    if (phase !== 'failed' || problem === undefined) {
      if (this.hasFailed && phase === 'ready') notices.dismiss('loading');
      this.hasFailed = phase === 'failed';
      return;
    }
    if (this.hasFailed) return;
    this.hasFailed = true;
    const retry = async (): Promise<void> => {
      this.hasFailed = false;
      try {
        await this.work.persist(() => api.statistics(id));
      } catch (error) {
        notices.failure('loading', error, retry);
      }
    };
    notices.add({ about: 'loading', severity: 'error', text: { problem }, retry });
  }

  private gone(): void {
    const isGivenUp = this.work.sessionId === this.givenUp;
    this.work.detach();
    if (isGivenUp) return;
    this.env.notices.add({ about: 'session', severity: 'warning', text: { key: 'notice.session-gone' } });
  }
}

/** A quarter of the slices that the server makes ready around a position. */
const farSlices = 8;
