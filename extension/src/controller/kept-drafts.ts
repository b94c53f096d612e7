import type { Draft } from './data.js';
import { StoredList, type KeyValueStorage } from './stored-list.js';

const key = 'medsam2.drafts';
/** sessions; the oldest go first */
const most = 20;

interface Kept {
  readonly session: string;
  readonly drafts: readonly Draft[];
}

/**
 * Drawings that the server has not confirmed, for pages that come and go: a login that has ended takes the page with it. By
 * session, which only its owner can take up, so that nobody gets another's; in storage of the tab, gone when it is closed.
 */
export class KeptDrafts {
  private readonly list: StoredList<Kept>;

  constructor(storage: KeyValueStorage | undefined) {
    this.list = new StoredList(storage, key, isKept);
  }

  /** These are all of the session's now. */
  keep(session: string, drafts: Iterable<Draft>): void {
    const own: Kept = { session, drafts: [...drafts] };
    const known = this.list.read();
    if (own.drafts.length === 0 && !known.some((kept) => kept.session === session)) return;
    const others = known.filter((kept) => kept.session !== session);
    this.list.write(own.drafts.length === 0 ? others : [own, ...others].slice(0, most));
  }

  of(session: string): readonly Draft[] {
    return this.list.read().find((kept) => kept.session === session)?.drafts ?? [];
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** What is in a drawing is for the server to judge. */
const isKept = (value: unknown): value is Kept =>
  isObject(value) &&
  typeof value.session === 'string' &&
  Array.isArray(value.drafts) &&
  value.drafts.every((draft) => isObject(draft) && typeof draft.id === 'string' && isObject(draft.drawing));
