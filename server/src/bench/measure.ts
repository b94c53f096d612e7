/** Times of repeated runs, in milliseconds. */
export interface Timing {
  readonly median: number;
  readonly best: number;
  readonly runs: number;
}

/** Run `task` once to warm up, then `runs` times. */
export async function time(runs: number, task: () => Promise<unknown>): Promise<Timing> {
  await task();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await task();
    times.push(performance.now() - start);
  }
  return summarise(times);
}

export function summarise(times: readonly number[]): Timing {
  const sorted = [...times].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], best: sorted[0], runs: sorted.length };
}

/** Largest resident memory of this process so far, in bytes, threads included. */
export function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}
