import type { Unsubscribe } from '../contract/viewer.js';

/** Listeners of one kind of news. */
export class Emitter<Args extends readonly unknown[] = []> {
  private readonly listeners = new Set<(...args: Args) => void>();

  readonly on = (listener: (...args: Args) => void): Unsubscribe => {
    // Wrapped, so that the same function may listen twice.
    const own = (...args: Args) => listener(...args);
    this.listeners.add(own);
    return () => {
      this.listeners.delete(own);
    };
  };

  emit(...args: Args): void {
    for (const listener of [...this.listeners]) listener(...args);
  }

  clear(): void {
    this.listeners.clear();
  }
}
