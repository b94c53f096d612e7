import type { SegmentBody } from '@medsam2/protocol';
import { withSegment } from './session-data.js';
import type { SeriesWork } from './series-work.js';

/** Changes of segments; those that the server knows take their turn in the queue, so that undo takes them back in order. */
export class Segments {
  constructor(
    private readonly work: SeriesWork,
    private readonly onChanged: () => void,
  ) {}

  add(body: SegmentBody): Promise<void> {
    return this.command(
      'segment',
      () => this.add(body),
      async () => {
        await this.work.addSegment(await this.work.ensureSession(), body);
      },
    );
  }

  change(id: number, body: SegmentBody): Promise<void> {
    return this.command(
      'segment',
      () => this.change(id, body),
      async () => {
        const session = await this.work.ensureSession();
        const segment = await this.work.persist(() => this.work.env.api.changeSegment(session, id, body));
        const { session: data } = this.work.data.get();
        if (data !== undefined) this.work.data.set({ session: withSegment(data, segment) });
        this.work.masks.marksChanged();
      },
    );
  }

  remove(id: number): Promise<void> {
    return this.command(
      'segment',
      () => this.remove(id),
      async () => {
        const session = await this.work.ensureSession();
        const { api } = this.work.env;
        const state = await this.work.persist(async (attempt) => {
          const now = attempt === 1 ? undefined : await api.session(session);
          return now?.segments.every((segment) => segment.id !== id) === true ? now : api.removeSegment(session, id);
        });
        this.work.adopt(state);
        this.onChanged();
      },
    );
  }

  /** @param id default: all that are not locked */
  reset(id?: number): Promise<void> {
    return this.command(
      'segment',
      () => this.reset(id),
      async () => {
        const session = this.work.sessionId;
        if (session === undefined) return;
        this.work.adopt(await this.work.persist(() => this.work.env.api.reset(session, id)));
        this.onChanged();
      },
    );
  }

  select(id: number): void {
    const { session } = this.work.data.get();
    if (session?.segments.some((segment) => segment.id === id) !== true) return;
    this.work.data.set({ activeSegment: id });
    this.work.masks.marksChanged();
  }

  show(id: number, visible: boolean): void {
    const hidden = new Set(this.work.data.get().hidden);
    if (visible) hidden.delete(id);
    else hidden.add(id);
    this.work.data.set({ hidden });
    this.work.masks.marksChanged();
  }

  private async command(about: string, again: () => Promise<void>, work: () => Promise<void>): Promise<void> {
    await this.work.queue.run(async () => {
      try {
        await work();
        this.work.env.notices.dismiss(about);
      } catch (error) {
        this.work.env.notices.failure(about, error, again);
      }
    });
  }
}
