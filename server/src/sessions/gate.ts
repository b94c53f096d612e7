/** Counts work that goes before other work; the other work waits until there is none. */
export class Gate {
  private inside = 0;
  private readonly waiting = new Set<() => void>();

  get isFree(): boolean {
    return this.inside === 0;
  }

  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    this.inside++;
    try {
      return await work();
    } finally {
      this.inside--;
      if (this.inside === 0) {
        for (const resume of [...this.waiting]) resume();
      }
    }
  }

  /** @throws the signal's reason */
  async whenFree(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.inside === 0) return;
    await new Promise<void>((resolve) => {
      const resume = () => {
        this.waiting.delete(resume);
        signal.removeEventListener('abort', resume);
        resolve();
      };
      this.waiting.add(resume);
      signal.addEventListener('abort', resume, { once: true });
    });
    return this.whenFree(signal);
  }
}

/** Tasks one after the other, in the order in which they were asked for. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(task);
    this.last = result.catch(() => undefined);
    return result;
  }
}
