/** What the page keeps in memory after a forced collection of garbage, and whether that grows. */
import type { CDPSession, Page } from 'playwright-core';
import { median, slope } from './numbers.js';

export interface HeapSample {
  /** minutes since the first */
  readonly minutes: number;
  /** MB: objects of JavaScript, of the browser's own (DOM), and buffers outside the heap (pixels) */
  readonly objects: number;
  readonly embedder: number;
  readonly buffers: number;
}

/** The bar: MB in 30 minutes. */
export const mostGrowth = 50;
const minutesOfBar = 30;

export class Heap {
  private readonly begin = performance.now();

  private constructor(private readonly cdp: CDPSession) {}

  static async of(page: Page): Promise<Heap> {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('HeapProfiler.enable');
    return new Heap(cdp);
  }

  async sample(): Promise<HeapSample> {
    // What finalizers let go is collected by the next one.
    for (let round = 0; round < 3; round++) await this.cdp.send('HeapProfiler.collectGarbage');
    const usage = (await this.cdp.send('Runtime.getHeapUsage')) as Partial<Record<string, number>>;
    const megabytes = (name: string): number => {
      const bytes = usage[name];
      if (bytes === undefined) throw new Error(`this browser does not tell ${name}`);
      return bytes / 2 ** 20;
    };
    return {
      minutes: (performance.now() - this.begin) / 60_000,
      objects: megabytes('usedSize'),
      embedder: megabytes('embedderHeapUsedSize'),
      buffers: megabytes('backingStorageSize'),
    };
  }
}

export const total = ({ objects, embedder, buffers }: HeapSample): number => objects + embedder + buffers;

export interface Growth {
  /** MB from the first third to the last, medians */
  readonly seen: number;
  /** MB in 30 minutes at the pace of the run, by a robust line through all samples */
  readonly projected: number;
  readonly passed: boolean;
}

/**
 * @param samples after the warm-up, at least three
 * @throws Error when there are fewer
 */
export function growth(samples: readonly HeapSample[]): Growth {
  if (samples.length < 3) throw new Error(`growth cannot be told from ${samples.length} samples`);
  const third = Math.max(1, Math.floor(samples.length / 3));
  const seen = median(samples.slice(-third).map(total)) - median(samples.slice(0, third).map(total));
  const projected = slope(samples.map((sample) => [sample.minutes, total(sample)])) * minutesOfBar;
  return { seen, projected, passed: Math.max(seen, projected) < mostGrowth };
}
