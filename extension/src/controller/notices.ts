import { ApiError } from '../client/api-error.js';
import type { Notice, Severity, Text } from '../contract/index.js';
import { WorkError } from '../contract/index.js';
import type { SharedData } from './data.js';
import type { Store } from './store.js';

export interface NewNotice {
  readonly severity: Severity;
  readonly text: Text;
  readonly hint?: Text;
  /** what it is about: a newer notice takes the place of one about the same */
  readonly about: string;
  readonly retry?: () => Promise<void>;
}

const most = 8;

/** What people should read, newest first. */
export class Notices {
  private readonly retries = new Map<string, () => Promise<void>>();

  constructor(private readonly shared: Store<SharedData>) {}

  add({ about, retry, ...notice }: NewNotice): void {
    const others = this.shared.get().notices.filter(({ id }) => id !== about);
    this.retries.delete(about);
    if (retry !== undefined) this.retries.set(about, retry);
    const notices: Notice[] = [{ ...notice, id: about, canRetry: retry !== undefined }, ...others];
    // What can be done again is kept before what can only be read.
    while (notices.length > most) {
      const last = notices.findLastIndex(({ canRetry }) => !canRetry);
      notices.splice(last > 0 ? last : notices.length - 1, 1);
    }
    this.shared.set({ notices });
  }

  /** An error that ended what the user asked for. */
  failure(about: string, error: unknown, retry?: () => Promise<void>): void {
    if (error instanceof ApiError && error.kind === 'aborted') return;
    this.add({ about, severity: 'error', text: textOf(error), ...(retry === undefined ? {} : { retry }) });
  }

  /** It is no longer true, or was read. */
  dismiss(id: string): void {
    this.retries.delete(id);
    const { notices } = this.shared.get();
    if (notices.some((notice) => notice.id === id)) this.shared.set({ notices: notices.filter((n) => n.id !== id) });
  }

  dismissAll(prefix: string): void {
    for (const { id } of this.shared.get().notices) if (id.startsWith(prefix)) this.dismiss(id);
  }

  async retry(id: string): Promise<void> {
    const retry = this.retries.get(id);
    if (retry === undefined) return;
    this.dismiss(id);
    await retry();
  }
}

/** An error for people; defects of the program say so and nothing of their insides. */
export function textOf(error: unknown): Text {
  if (error instanceof ApiError) return { problem: error.problem };
  if (error instanceof WorkError) return error.text;
  return { key: 'notice.defect', values: { what: error instanceof Error ? error.name : typeof error } };
}
