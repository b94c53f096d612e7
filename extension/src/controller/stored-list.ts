/** What of the page's storage is used, e.g. `localStorage`. */
export type KeyValueStorage = Pick<Storage, 'getItem' | 'setItem'>;

/** A list in the page's storage. Where there is none, or it is forbidden or full, the list lives for as long as the page. */
export class StoredList<T> {
  constructor(
    private readonly storage: KeyValueStorage | undefined,
    private readonly key: string,
    /** anything else in the list was written by something else, and counts as nothing */
    private readonly isEntry: (value: unknown) => value is T,
  ) {}

  read(): readonly T[] {
    try {
      const all: unknown = JSON.parse(this.storage?.getItem(this.key) ?? '[]');
      return Array.isArray(all) ? all.filter(this.isEntry) : [];
    } catch {
      return []; // written by something else, or forbidden: as if there were none
    }
  }

  write(all: readonly T[]): void {
    try {
      this.storage?.setItem(this.key, JSON.stringify(all));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
  }
}
