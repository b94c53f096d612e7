import type { Unsubscribe } from '../contract/viewer.js';
import type { Publisher } from './types/ohif.js';

/** What must be undone when the mode is left, in reverse order. */
export class Subscriptions {
  private readonly undo: Unsubscribe[] = [];

  add(undo: Unsubscribe): void {
    this.undo.push(undo);
  }

  /** @param events names in `publisher.EVENTS`; those that this version of the host does not have are left out */
  toService(publisher: Publisher, events: readonly string[], listener: (detail: unknown) => void): void {
    for (const name of events) {
      const event = publisher.EVENTS[name];
      if (event === undefined) continue;
      const subscription = publisher.subscribe(event, listener);
      this.add(() => subscription.unsubscribe());
    }
  }

  /**
   * @param capture for events of viewports' elements, which do not bubble: the document sees them on their way down, so
   *   that nobody has to follow elements as they come and go
   */
  toTarget(target: EventTarget, event: string, listener: (event: Event) => void, capture = false): void {
    target.addEventListener(event, listener, capture);
    this.add(() => target.removeEventListener(event, listener, capture));
  }

  close(): void {
    for (const undo of this.undo.splice(0).reverse()) undo();
  }
}
