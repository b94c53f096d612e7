import type { ServiceInfo, SessionState } from '@medsam2/protocol';

/** What of the page's storage is used, e.g. `localStorage`. */
export type KeyValueStorage = Pick<Storage, 'getItem' | 'setItem'>;

const key = 'medsam2.sessions';
const most = 100;

/** Identifiers (random numbers) of sessions begun in this browser, so that others' are not mistaken for them. */
export class OwnSessions {
  private ids: readonly string[];

  constructor(private readonly storage: KeyValueStorage | undefined) {
    this.ids = read(storage);
  }

  add(id: string): void {
    this.ids = [id, ...this.ids.filter((other) => other !== id)].slice(0, most);
    try {
      this.storage?.setItem(key, JSON.stringify(this.ids));
    } catch (error) {
      // storage that is full or forbidden: sessions are then found for as long as the page is open
      if (!(error instanceof DOMException)) throw error;
    }
  }

  /** An administrator is told everybody's sessions; all others only their own. */
  isOwn({ id }: Pick<SessionState, 'id'>, service: ServiceInfo | undefined): boolean {
    const seesAll = service?.auth !== 'none' && service?.user?.roles.includes('admin') === true;
    return !seesAll || this.ids.includes(id);
  }
}

function read(storage: KeyValueStorage | undefined): readonly string[] {
  try {
    const ids: unknown = JSON.parse(storage?.getItem(key) ?? '[]');
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
  } catch {
    return []; // written by something else, or forbidden: as if there were none
  }
}
