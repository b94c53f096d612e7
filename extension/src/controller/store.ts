/** An immutable value that listeners follow. */
export class Store<Data extends object> {
  private readonly listeners = new Set<() => void>();

  constructor(private value: Data) {}

  get(): Data {
    return this.value;
  }

  /** Replaces the fields that are given; nobody is told when none of them is new. */
  set(patch: Partial<Data>): void {
    const fields = Object.entries(patch) as [keyof Data, unknown][];
    if (fields.every(([key, field]) => Object.is(this.value[key], field))) return;
    this.value = { ...this.value, ...patch };
    for (const listener of [...this.listeners]) listener();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** A function that gives its last result again while its arguments are the same, so that unchanged parts are shared. */
export function memo<Arguments extends readonly unknown[], Result>(
  make: (...given: Arguments) => Result,
): (...given: Arguments) => Result {
  let last: { readonly given: Arguments; readonly result: Result } | undefined;
  return (...given) => {
    if (last?.given.every((each, index) => Object.is(each, given[index])) !== true) {
      last = { given, result: make(...given) };
    }
    return last.result;
  };
}
