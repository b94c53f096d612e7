import type { SaveState } from '@medsam2/protocol';
import { optional } from '../client/api.js';
import { WorkError, type SaveRequest } from '../contract/index.js';
import type { Environment } from './environment.js';
import type { SeriesWork } from './series-work.js';

const lookMs = 10_000;
const isUnderWay = ({ state }: SaveState): boolean => state === 'waiting' || state === 'sending';

/** The user's saves and what becomes of them; the same for all series. */
export class Saves {
  private looking: (() => void) | undefined;
  /** saves of this visit, whose end is told */
  private readonly awaited = new Set<string>();

  constructor(private readonly env: Environment) {
    env.signal.addEventListener('abort', () => this.looking?.(), { once: true });
  }

  /** All of the user's, anew. */
  async refresh(): Promise<void> {
    const saves = await this.env.api.saves();
    this.env.shared.set({ saves: [...saves].sort((a, b) => b.created.localeCompare(a.created)) });
    for (const save of saves) if (this.awaited.has(save.id)) this.tell(save);
    this.lookLater();
  }

  /** News of one. */
  told(save: SaveState): void {
    const { saves } = this.env.shared.get();
    const isKnown = saves.some(({ id }) => id === save.id);
    this.env.shared.set({
      saves: isKnown ? saves.map((each) => (each.id === save.id ? save : each)) : [save, ...saves],
    });
    if (this.awaited.has(save.id)) this.tell(save);
    this.lookLater();
  }

  /** This save was asked for here. */
  await(save: SaveState): void {
    this.awaited.add(save.id);
    this.told(save);
  }

  async retry(id: string): Promise<void> {
    try {
      this.awaited.add(id);
      this.told(await this.env.api.retrySave(id));
    } catch (error) {
      this.env.notices.failure(noticeOf(id), error, () => this.retry(id));
    }
  }

  private tell(save: SaveState): void {
    const { notices } = this.env;
    const values = { description: save.description };
    const about = noticeOf(save.id);
    const detail = save.message === undefined ? {} : { hint: said(save.message) };
    switch (save.state) {
      case 'verified':
        this.awaited.delete(save.id);
        notices.dismiss('save');
        notices.add({ about, severity: 'success', text: { key: 'notice.saved', values } });
        return;
      case 'sending':
        return;
      case 'waiting':
        notices.add({
          about,
          severity: 'warning',
          text: { key: 'notice.save-waiting', values },
          ...detail,
          retry: () => this.retry(save.id),
        });
        return;
      case 'refused':
        notices.add({
          about,
          severity: 'error',
          text: { key: 'notice.save-refused', values },
          ...detail,
          retry: () => this.retry(save.id),
        });
        return;
      case 'discarded':
        this.awaited.delete(save.id);
        notices.dismiss(about);
    }
  }

  /** Events tell it where a session is open; this where none is. */
  private lookLater(): void {
    const { clock, shared, connection, signal } = this.env;
    this.looking?.();
    this.looking = undefined;
    if (signal.aborted || !shared.get().saves.some((save) => isUnderWay(save))) return;
    this.looking = clock.after(lookMs, () => {
      if (!connection.isOnline) return this.lookLater();
      this.refresh().catch((error: unknown) => this.env.notices.failure('saves', error, () => this.refresh()));
    });
  }
}

const noticeOf = (id: string): string => `save:${id}`;
/** What the server says of a save, in its own words. */
const said = (message: string) => ({ problem: { code: 'save-message', detail: message, remedy: '' } });

/** Saving the work on one series. */
export class Saving {
  constructor(
    private readonly work: SeriesWork,
    private readonly saves: Saves,
  ) {}

  async save(request: SaveRequest): Promise<void> {
    const { work } = this;
    const { api, notices, shared } = work.env;
    const session = work.sessionId;
    if (session === undefined) return;
    work.data.set({ saving: true });
    try {
      // What was drawn before is saved with it.
      await work.queue.idle();
      const known = new Set(shared.get().saves.map(({ id }) => id));
      const { continued } = work;
      const replaces =
        continued === undefined ? undefined : { series: continued.series, sopInstanceUid: continued.sopInstanceUid };
      const body = { reviewed: request.reviewed, ...optional({ description: request.description, replaces }) };
      const save = await work.persist(async (attempt) => {
        const done = attempt === 1 ? undefined : (await api.saves()).find((each) => this.isNew(each, known));
        return done ?? api.save(session, body);
      });
      notices.dismiss('save');
      work.data.set({ saved: new Set([...work.data.get().saved, save.id]) });
      this.saves.await(save);
    } catch (error) {
      notices.failure('save', error, () => this.save(request));
    } finally {
      work.data.set({ saving: false });
    }
  }

  async open(save: SaveState): Promise<void> {
    const { viewer, notices } = this.work.env;
    const { series, sopInstanceUid, description } = save;
    try {
      await viewer.openStored(this.work.data.get().target, { series, sopInstanceUid, description });
    } catch (error) {
      if (!(error instanceof WorkError)) throw error;
      notices.failure('open', error, () => this.open(save));
    }
  }

  private isNew({ id, study }: SaveState, known: ReadonlySet<string>): boolean {
    return !known.has(id) && study === this.work.data.get().target.study;
  }
}
