/** Runs tasks with a bound for each target, first come first served: a target that hangs does not delay another. */
export class PerTarget {
  private readonly running = new Map<string, number>();
  private readonly waiting = new Map<string, (() => void)[]>();

  constructor(private readonly most: number) {}

  async run<T>(target: string, task: () => Promise<T>): Promise<T> {
    const busy = this.running.get(target) ?? 0;
    if (busy >= this.most) {
      // The one that ends hands its place over.
      await new Promise<void>((go) => this.waiting.set(target, [...(this.waiting.get(target) ?? []), go]));
    } else {
      this.running.set(target, busy + 1);
    }
    try {
      return await task();
    } finally {
      const [next, ...rest] = this.waiting.get(target) ?? [];
      this.waiting.set(target, rest);
      if (next) next();
      else this.running.set(target, (this.running.get(target) ?? 1) - 1);
    }
  }
}
