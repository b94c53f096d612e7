/** Whether the page was blocked, and by whom. */
import type { CDPSession, Page } from 'playwright-core';
import type { LongTask } from './page-watch.js';

/** The bar: milliseconds that the page may be busy in one go. */
export const longest = 100;

export interface Blocks {
  /** milliseconds of the longest */
  readonly longest: number;
  /** longer than the bar */
  readonly tooLong: readonly LongTask[];
}

/**
 * @param tasks as the browser told them
 * @param gaps between timers, for what the browser does not call a task
 */
export function blocksOf(tasks: readonly LongTask[]): Blocks {
  return {
    longest: Math.max(0, ...tasks.map(({ ms }) => ms)),
    tooLong: tasks.filter(({ ms }) => ms > longest),
  };
}

/** Shares of a stretch of time, 0 to 1. */
export interface Blame {
  /** within a call of the plug-in, whatever that called in turn */
  readonly called: number;
  /** the plug-in's own functions */
  readonly own: number;
  /** the viewer and its libraries, not called by the plug-in */
  readonly host: number;
  /** collection of garbage */
  readonly garbage: number;
  /** the browser itself: drawing of its own, layout, waiting for the graphics */
  readonly browser: number;
  /** functions in which most of the time was spent, with milliseconds */
  readonly functions: readonly (readonly [name: string, ms: number])[];
}

interface Frame {
  readonly functionName: string;
  readonly url: string;
}
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame; readonly children?: readonly number[] }[];
  readonly startTime: number;
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
}

const isOurs = ({ url }: Frame): boolean => url.includes('/plugins/medsam2/');

/** The browser's own profiler, with times on the page's clock. */
export class Profiler {
  private offset = 0;

  private constructor(
    private readonly cdp: CDPSession,
    private readonly page: Page,
  ) {}

  static async of(page: Page): Promise<Profiler> {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Profiler.enable');
    await cdp.send('Profiler.setSamplingInterval', { interval: 2000 });
    return new Profiler(cdp, page);
  }

  async start(): Promise<void> {
    await this.cdp.send('Profiler.start');
    this.offset = await this.page.evaluate(() => performance.now());
  }

  async stop(): Promise<(tasks: readonly LongTask[]) => Blame> {
    const { profile } = (await this.cdp.send('Profiler.stop')) as { profile: Profile };
    const { offset } = this;
    return (tasks) => blame(profile, tasks, offset);
  }
}

/** @param tasks on the page's clock @param offset of the profile's begin on it */
export function blame(profile: Profile, tasks: readonly LongTask[], offset: number): Blame {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parent = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const sums = { called: 0, own: 0, host: 0, garbage: 0, browser: 0 };
  const functions = new Map<string, number>();
  let at = offset;
  let all = 0;
  (profile.samples ?? []).forEach((id, index) => {
    const ms = (profile.timeDeltas?.[index] ?? 0) / 1000;
    at += ms;
    const node = byId.get(id);
    if (node === undefined || !tasks.some((task) => at >= task.at && at <= task.at + task.ms)) return;
    all += ms;
    const { functionName, url } = node.callFrame;
    const name = `${functionName || '(anonymous)'} ${url.split('/').at(-1) ?? ''}`.trim();
    functions.set(name, (functions.get(name) ?? 0) + ms);
    let isCalled = false;
    for (let up: number | undefined = id; up !== undefined && !isCalled; up = parent.get(up))
      isCalled = isOurs(byId.get(up)?.callFrame ?? { functionName: '', url: '' });
    if (isCalled) sums.called += ms;
    if (isOurs(node.callFrame)) sums.own += ms;
    else if (functionName === '(garbage collector)') sums.garbage += ms;
    else if (['(program)', '(idle)', '(root)'].includes(functionName)) sums.browser += ms;
    else if (!isCalled) sums.host += ms;
  });
  const share = (ms: number): number => (all === 0 ? 0 : ms / all);
  return {
    called: share(sums.called),
    own: share(sums.own),
    host: share(sums.host),
    garbage: share(sums.garbage),
    browser: share(sums.browser),
    functions: [...functions].sort(([, a], [, b]) => b - a).slice(0, 6),
  };
}
