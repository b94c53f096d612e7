import { countPixels, toBase64 } from '@medsam2/protocol/stream';
import { ApiError } from '../client/api-error.js';
import { WorkError, type EditedSlice } from '../contract/index.js';
import { isRunningOn } from './running.js';
import type { SeriesWork } from './series-work.js';

interface Edit {
  readonly edited: EditedSlice;
  readonly slice: number;
}

const keyOf = ({ edited, slice }: Edit): string => `${edited.segment}/${slice}`;

/**
 * What a person painted with the viewer's own tools, on its way to the server: the newest of each slice, until it has
 * arrived. Until then the viewer's mask stays as painted.
 */
export class Editing {
  private readonly pending = new Map<string, Edit>();
  /** refused, or waiting for the end of a run */
  private readonly kept = new Map<string, Edit>();

  constructor(
    private readonly work: SeriesWork,
    private readonly onChanged: () => void,
  ) {
    work.listen({ detached: () => this.forget() });
  }

  edited(slices: readonly EditedSlice[]): void {
    const { index } = this.work.data.get();
    for (const edited of slices) {
      const slice = index?.sliceOf(edited.image);
      if (slice === undefined) {
        this.work.env.notices.add({ about: 'edit-outside', severity: 'warning', text: { key: 'notice.edit-outside' } });
        continue;
      }
      void this.enqueue({ edited, slice });
    }
  }

  /** What could not be sent before. */
  async resendKept(): Promise<void> {
    const kept = [...this.kept.values()];
    this.work.env.notices.dismiss('edits');
    await Promise.all(kept.map((edit) => this.enqueue(edit)));
  }

  private enqueue(edit: Edit): Promise<void> {
    const key = keyOf(edit);
    if (!this.pending.has(key) && !this.kept.has(key)) this.work.masks.hold(edit.edited.segment, edit.slice);
    this.kept.delete(key);
    this.pending.set(key, edit);
    return this.work.queue.run(() => this.send(key));
  }

  private async send(key: string): Promise<void> {
    const { work } = this;
    const edit = this.pending.get(key);
    const session = work.sessionId;
    if (edit === undefined) return; // sent with a newer stroke
    if (session === undefined) {
      this.keep(key, edit, { error: new WorkError({ key: 'why.no-session' }) });
      return;
    }
    const { segment, rows, columns, runs } = edit.edited;
    if (isRunningOn(work.data.get(), segment)) {
      this.keep(key, edit, { text: { key: 'notice.edit-waits' } });
      return;
    }
    try {
      const mask = { rows, columns, runs: toBase64(runs) };
      const score = await work.persist(() => work.env.api.editSlice(session, segment, edit.slice, mask));
      work.exactRevision = Math.max(work.exactRevision, score.revision);
      const isNewest = this.pending.get(key) === edit;
      const pixels = countPixels(runs);
      if (isNewest) {
        this.pending.delete(key);
        work.masks.release(segment, edit.slice, false);
      }
      work.masks.put({ ...score, pixels }, { rows, columns, runs });
      this.onChanged();
    } catch (error) {
      if (error instanceof ApiError && error.kind === 'aborted') return;
      if (error instanceof ApiError && error.code === 'session-busy') {
        this.keep(key, edit, { text: { key: 'notice.edit-waits' } });
      } else this.keep(key, edit, { error });
    }
  }

  private keep(key: string, edit: Edit, why: { text: { key: 'notice.edit-waits' } } | { error: unknown }): void {
    if (this.pending.get(key) !== edit) return; // a newer stroke is on its way
    this.pending.delete(key);
    this.kept.set(key, edit);
    const { notices } = this.work.env;
    if ('text' in why) notices.add({ about: 'edits', severity: 'info', text: why.text });
    else notices.failure('edits', why.error, () => this.resendKept());
  }

  private forget(): void {
    for (const edit of [...this.pending.values(), ...this.kept.values()]) {
      this.work.masks.release(edit.edited.segment, edit.slice, false);
    }
    this.pending.clear();
    this.kept.clear();
  }
}
