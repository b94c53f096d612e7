import type { PromptAnswer, SessionState } from '@medsam2/protocol';
import { fromBase64 } from '@medsam2/protocol/stream';
import { ApiError } from '../client/api-error.js';
import type { DrawnPrompt } from '../contract/index.js';
import type { Draft } from './data.js';
import { isRunningOn } from './running.js';
import { withPrompt } from './session-data.js';
import type { SeriesWork } from './series-work.js';

const noticeOf = (id: string): string => `prompt:${id}`;

/** Drawings on their way to the server, and the model's answers on their way back. Nothing drawn is ever lost. */
export class Prompting {
  constructor(
    private readonly work: SeriesWork,
    private readonly onChanged: () => void,
  ) {
    work.listen({ attached: (state) => this.takeUp(state), stateChanged: () => this.forgetGone() });
  }

  /** A new drawing, or one that was moved. */
  drawn({ id, drawing }: DrawnPrompt): void {
    const { session, drafts, activeSegment } = this.work.data.get();
    const known = session?.prompts.find((prompt) => prompt.id === id) ?? drafts.get(id);
    const segment = known?.segment ?? activeSegment;
    this.set({ id, drawing, state: 'sending', ...(segment === undefined ? {} : { segment }) });
    void this.send(id);
  }

  async remove(id: string): Promise<void> {
    const { drafts, session } = this.work.data.get();
    const wasDraft = drafts.has(id);
    this.drop(id);
    const isKnown = session?.prompts.some((prompt) => prompt.id === id) === true;
    if (!isKnown && !wasDraft) return;
    await this.work.queue.run(async () => {
      const { session: current } = this.work.data.get();
      // its own request may have been under way
      if (current?.prompts.some((prompt) => prompt.id === id) !== true) return;
      const { api, notices } = this.work.env;
      try {
        this.work.adopt(await this.work.persist(() => api.removePrompt(current.state.id, id)));
        this.onChanged();
      } catch (error) {
        if (error instanceof ApiError && error.code === 'prompt-not-found') {
          this.work.adopt(await this.work.persist(() => api.session(current.state.id)));
          return;
        }
        notices.failure(noticeOf(id), error, () => this.remove(id));
      }
    });
  }

  /** What waited for the end of a run. */
  async resendWaiting(): Promise<void> {
    const waiting = [...this.work.data.get().drafts.values()].filter(({ state }) => state === 'waiting');
    if (waiting.length > 0) this.work.env.notices.dismiss('prompts-wait');
    await Promise.all(waiting.map(({ id }) => this.again(id)));
  }

  private async again(id: string): Promise<void> {
    const draft = this.work.data.get().drafts.get(id);
    if (draft === undefined) return;
    this.set({ ...draft, state: 'sending' });
    await this.send(id);
  }

  private send(id: string): Promise<void> {
    return this.work.queue.run(async () => {
      const { work } = this;
      const draft = work.data.get().drafts.get(id);
      // Removed, or moved and sent already with its newer place.
      if (draft?.state !== 'sending') return;
      try {
        const session = await work.ensureSession();
        const segment = draft.segment ?? (await work.ensureSegment());
        if (isRunningOn(work.data.get(), segment)) {
          this.wait(draft);
          return;
        }
        await work.syncWindow();
        const { drawing } = draft;
        const answer = await work.persist(() => work.env.api.putPrompt(session, id, { segment, drawing }));
        this.take(answer);
        if (work.data.get().drafts.get(id) === draft) this.drop(id);
      } catch (error) {
        this.failed(draft, error);
      }
    });
  }

  private take(answer: PromptAnswer): void {
    const { work } = this;
    const { session } = work.data.get();
    if (session === undefined) return;
    work.exactRevision = Math.max(work.exactRevision, answer.revision);
    work.data.set({ session: withPrompt(session, answer.prompt) });
    work.masks.marksChanged();
    answer.masks.forEach(({ segment, slice, rows, columns, runs }) => {
      const score = answer.scores.find((each) => each.segment === segment && each.slice === slice);
      if (score !== undefined) work.masks.put(score, { rows, columns, runs: fromBase64(runs) });
    });
    const absent = answer.absent.at(0);
    if (absent === undefined) work.env.notices.dismiss('absent');
    else {
      const text = { key: 'notice.absent', values: { slice: absent.slice + 1 } } as const;
      work.env.notices.add({ about: 'absent', severity: 'warning', text, hint: { key: 'hint.absent' } });
      work.env.viewer.announce(text, 'warning');
    }
    this.onChanged();
  }

  private failed(draft: Draft, error: unknown): void {
    const { notices, viewer } = this.work.env;
    if (error instanceof ApiError && error.code === 'session-busy') {
      this.wait(draft);
      return;
    }
    if (this.work.data.get().drafts.get(draft.id) === draft) this.set({ ...draft, state: 'failed' });
    notices.failure(noticeOf(draft.id), error, () => this.again(draft.id));
    if (!(error instanceof ApiError) || error.kind !== 'aborted') {
      viewer.announce({ key: 'notice.prompt-failed' }, 'error');
    }
  }

  private wait(draft: Draft): void {
    if (this.work.data.get().drafts.get(draft.id) === draft) this.set({ ...draft, state: 'waiting' });
    const text = { key: 'notice.prompt-waits' } as const;
    this.work.env.notices.add({ about: 'prompts-wait', severity: 'info', text });
    this.work.env.viewer.announce(text, 'info');
    // the run may have ended between the server's answer and now
    if (this.work.data.get().run?.state !== 'running' && this.work.data.get().run?.state !== 'queued') {
      this.work.env.clock.after(500, () => void this.resendWaiting());
    }
  }

  private set(draft: Draft): void {
    const { drafts } = this.work.data.get();
    this.work.data.set({ drafts: new Map([...drafts, [draft.id, draft]]) });
    this.keep();
  }

  private drop(id: string): void {
    this.work.env.notices.dismiss(noticeOf(id));
    const drafts = new Map(this.work.data.get().drafts);
    if (!drafts.delete(id)) return;
    this.work.data.set({ drafts });
    this.keep();
  }

  private keep(): void {
    const { sessionId } = this.work;
    if (sessionId !== undefined) this.work.env.keptDrafts.keep(sessionId, this.work.data.get().drafts.values());
  }

  /** What was drawn on a page before this one and has not reached the server. To send it twice changes nothing. */
  private takeUp({ id: session, segments }: SessionState): void {
    const { drafts } = this.work.data.get();
    const known = new Set(segments.map(({ id }) => id));
    const kept = this.work.env.keptDrafts
      .of(session)
      .filter(({ id, segment }) => !drafts.has(id) && (segment === undefined || known.has(segment)));
    for (const draft of kept) this.set({ ...draft, state: 'sending' });
    this.keep();
    for (const { id } of kept) void this.send(id);
  }

  /** Drawings for a segment that is gone have nowhere to go. */
  private forgetGone(): void {
    const { drafts, session } = this.work.data.get();
    const known = new Set(session?.segments.map(({ id }) => id));
    for (const { id, segment, state } of drafts.values()) {
      if (state === 'failed' && segment !== undefined && !known.has(segment)) this.drop(id);
    }
  }
}
