import type { Draft } from './data.js';
import type { KeyValueStorage } from './own-sessions.js';

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
  constructor(private readonly storage: KeyValueStorage | undefined) {}

  /** These are all of the session's now. */
  keep(session: string, drafts: Iterable<Draft>): void {
    const own: Kept = { session, drafts: [...drafts] };
    const known = this.read();
    if (own.drafts.length === 0 && !known.some((kept) => kept.session === session)) return;
    const others = known.filter((kept) => kept.session !== session);
    const all = own.drafts.length === 0 ? others : [own, ...others].slice(0, most);
    try {
      this.storage?.setItem(key, JSON.stringify(all));
    } catch (error) {
      // storage that is full or forbidden: drawings then live for as long as the page does
      if (!(error instanceof DOMException)) throw error;
    }
  }

  of(session: string): readonly Draft[] {
    return this.read().find((kept) => kept.session === session)?.drafts ?? [];
  }

  private read(): readonly Kept[] {
    try {
      const all: unknown = JSON.parse(this.storage?.getItem(key) ?? '[]');
      return Array.isArray(all) ? all.filter(isKept) : [];
    } catch {
      return []; // written by something else, or forbidden: as if there were none
    }
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** What is in a drawing is for the server to judge. */
const isKept = (value: unknown): value is Kept =>
  isObject(value) &&
  typeof value.session === 'string' &&
  Array.isArray(value.drafts) &&
  value.drafts.every((draft) => isObject(draft) && typeof draft.id === 'string' && isObject(draft.drawing));
