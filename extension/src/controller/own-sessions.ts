import type { ServiceInfo, SessionState } from '@medsam2/protocol';
import { StoredList, type KeyValueStorage } from './stored-list.js';

const key = 'medsam2.sessions';
const most = 100;

/** Identifiers (random numbers) of sessions begun in this browser, so that others' are not mistaken for them. */
export class OwnSessions {
  private readonly list: StoredList<string>;
  private ids: readonly string[];

  constructor(storage: KeyValueStorage | undefined) {
    this.list = new StoredList(storage, key, (id) => typeof id === 'string');
    this.ids = this.list.read();
  }

  add(id: string): void {
    this.ids = [id, ...this.ids.filter((other) => other !== id)].slice(0, most);
    this.list.write(this.ids);
  }

  /** An administrator is told everybody's sessions; all others only their own. */
  isOwn({ id }: Pick<SessionState, 'id'>, service: ServiceInfo | undefined): boolean {
    const seesAll = service?.auth !== 'none' && service?.user?.roles.includes('admin') === true;
    return !seesAll || this.ids.includes(id);
  }
}
