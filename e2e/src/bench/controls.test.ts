/** The checks of the benches can fail: what is planted is seen, in a real browser. */
import type { Browser, Page } from 'playwright-core';
import { findChromium, launchChromium } from '@medsam2/demo';
import { blame, blocksOf, longest } from './blocks.js';
import { growth, Heap, mostGrowth, type HeapSample } from './heap.js';
import { installWatch, plantBlock, plantLeak, takeSeen } from './page-watch.js';

const isThere = findChromium() !== undefined || process.env.CI === 'true';

(isThere ? describe : describe.skip)('positive controls', () => {
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  beforeEach(async () => {
    page = await browser.newPage();
    await page.addInitScript(installWatch);
    await page.goto('data:text/html,<title>controls</title>');
  });
  afterEach(() => page.close());
  afterAll(() => browser?.close());

  it('a page that is kept busy for 150 ms is noticed', async () => {
    await page.evaluate(plantBlock, 150);
    const { tasks, gaps } = await page.evaluate(takeSeen);
    expect(blocksOf(tasks).longest).toBeGreaterThan(longest);
    expect(blocksOf(tasks).tooLong.length).toBeGreaterThan(0);
    expect(Math.max(...gaps.map(({ ms }) => ms))).toBeGreaterThan(longest);
  });

  it('a page that keeps what it should let go is noticed, and one that does not is not', async () => {
    const heap = await Heap.of(page);
    const samples = async (use: () => Promise<unknown>): Promise<HeapSample[]> => {
      const seen: HeapSample[] = [];
      for (let cycle = 0; cycle < 5; cycle++) {
        await use();
        seen.push(inMinutes(await heap.sample(), cycle));
      }
      return seen;
    };
    const garbage = () => page.evaluate(() => new Uint8Array(8 * 2 ** 20).fill(1).length);
    expect(growth(await samples(garbage)).passed).toBe(true);
    const leak = growth(await samples(() => page.evaluate(plantLeak, 4)));
    expect(leak.passed).toBe(false);
    // 4 MB a minute
    expect(leak.projected).toBeGreaterThan(mostGrowth);
  });
});

describe('who kept the page busy', () => {
  const frame = (functionName: string, url: string) => ({ functionName, url });
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(root)', ''), children: [2, 4] },
      { id: 2, callFrame: frame('write', 'http://h/plugins/medsam2/shared-1.js'), children: [3] },
      { id: 3, callFrame: frame('render', 'http://h/app.js') },
      { id: 4, callFrame: frame('render', 'http://h/app.js') },
    ],
    startTime: 0,
    samples: [2, 3, 4, 4],
    timeDeltas: [10_000, 20_000, 30_000, 40_000],
  };

  it('is told from the call stacks within the tasks alone', () => {
    // begins at 1000; the last sample, at 1100, is outside
    const { called, own, host } = blame(profile, [{ at: 1000, ms: 70 }], 1000);
    expect([called, own, host].map((share) => Math.round(share * 60))).toEqual([30, 10, 30]);
  });

  it('is nobody where there was no task', () => {
    expect(blame(profile, [], 0)).toMatchObject({ called: 0, own: 0, host: 0, functions: [] });
  });
});

/** One cycle a minute, so that the pace does not depend on the machine. */
const inMinutes = (sample: HeapSample, cycle: number): HeapSample => ({ ...sample, minutes: cycle });
