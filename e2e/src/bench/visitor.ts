/** A visitor whose page is watched: does what a person does, as fast as the page lets him. */
import type { PhantomStudy, Point } from '@medsam2/demo';
import { ownMode, rowOf, type OpenedViewer } from '../support/index.js';
import { boxOn } from './long-study.js';
import { awaitBox, boxTimes, installWatch, takeSeen, watchMasks, type BoxTimes } from './page-watch.js';

const patienceMs = 120_000;

export type Seen = ReturnType<typeof takeSeen>;

export class Visitor {
  constructor(
    readonly opened: OpenedViewer,
    readonly study: PhantomStudy,
  ) {}

  get viewer() {
    return this.opened.viewer;
  }

  /** Once, before the first `enter`: every page that is opened from now on is watched. */
  async watch(): Promise<void> {
    await this.viewer.page.addInitScript(installWatch);
  }

  /** @returns milliseconds from the address to the first image that was drawn */
  async enter(mode = 'medsam2'): Promise<number> {
    await this.viewer.open(this.study, { mode });
    if (mode === 'medsam2') await this.viewer.part('medsam2-panel').waitFor({ timeout: patienceMs });
    await this.viewer.page.evaluate(watchMasks);
    return (await this.viewer.page.evaluate(takeSeen)).firstImage ?? Number.NaN;
  }

  /** what the page saw since it was asked last */
  seen(): Promise<Seen> {
    return this.viewer.page.evaluate(takeSeen);
  }

  async press(cy: string): Promise<void> {
    const button = this.viewer.part(cy).first();
    await this.viewer.until(`${cy} to be enabled`, patienceMs, async () => {
      if ((await button.count()) === 0) return false;
      return (await button.getAttribute('aria-disabled')) !== 'true';
    });
    await button.click();
  }

  async take(tool: string): Promise<void> {
    const button = this.viewer.part(`medsam2-tool-${tool}`);
    if ((await button.getAttribute('aria-pressed')) !== 'true') await this.press(`medsam2-tool-${tool}`);
  }

  async goTo(slice: number): Promise<void> {
    await this.viewer.jumpTo(this.study, slice);
    await this.viewer.until(`the panel to show slice ${slice}`, patienceMs, async () => {
      const position = this.viewer.part('medsam2-position').first();
      // the strip of slices is there once something was drawn
      if ((await position.count()) === 0) return true;
      const text = (await position.textContent()) ?? '';
      return text.startsWith(`${slice + 1}/`) || text.startsWith(`${this.study.grid.slices - slice}/`);
    });
  }

  /** Draws the box around the structure on a slice that is shown, and waits until its mask is to be seen. */
  async box(slice: number, grow = 0): Promise<BoxTimes> {
    const [x0, y0, x1, y1] = boxOn(this.study, slice);
    const place: Point = [Math.round((x0 + x1) / 2), Math.round((y0 + y1) / 2)];
    const { page } = this.viewer;
    const viewport = await this.viewer.activeViewport();
    await this.viewer.until('no mask where the box will be', patienceMs, async () => {
      return (await this.viewer.viewports()).every(({ id, coloured }) => id !== viewport || coloured < 20);
    });
    await page.evaluate(awaitBox, [viewport, place] as const);
    await this.viewer.drag(
      [
        [x0, y0],
        [x1 + grow, y1 + grow],
      ],
      viewport,
    );
    let times: BoxTimes | undefined;
    await this.viewer.until(`the mask of a box on slice ${slice}`, patienceMs, async () => {
      times = await page.evaluate(boxTimes);
      return times !== undefined;
    });
    await this.rest();
    return times as unknown as BoxTimes;
  }

  /** Undoes, and waits until nothing is under way. */
  async undo(): Promise<void> {
    await this.press('medsam2-undo');
    await this.rest();
  }

  async runState(): Promise<string> {
    const part = this.viewer.part('medsam2-run-state').first();
    return (await part.count()) === 0 ? 'none' : ((await part.getAttribute('data-state')) ?? 'none');
  }

  /** Propagates, and waits until the server has begun; the state that is shown then is that of this run. */
  async propagate(): Promise<void> {
    const begun = this.viewer.page.waitForResponse((answer) => answer.url().endsWith('/propagate'), {
      timeout: patienceMs,
    });
    await this.press('medsam2-propagate');
    const answer = await begun;
    if (!answer.ok()) throw new Error(`the propagation was refused: ${answer.status()}`);
    await this.viewer.page.waitForTimeout(300);
  }

  async waitForRun(): Promise<void> {
    await this.viewer.until('the end of the propagation', 2 * patienceMs, async () => {
      const state = await this.runState();
      if (state === 'failed') throw new Error('the propagation failed');
      return state === 'done';
    });
    await this.rest();
  }

  /** Until nothing is under way: no answer, no run, no statistics. */
  async rest(): Promise<void> {
    const busy = this.viewer.page.locator(
      'medsam2-panel [data-cy="medsam2-hint"] .m2-spinner, medsam2-panel [data-cy="medsam2-statistics"][aria-busy="true"]',
    );
    await this.viewer.until('the panel to be at rest', patienceMs, async () => {
      return (await busy.count()) === 0 && !['queued', 'running'].includes(await this.runState());
    });
  }

  /** Turns the wheel over the active viewport, one slice at a time. @param pauseMs between two turns */
  async scroll(turns: number, pauseMs: number, goOn: () => boolean = () => true): Promise<void> {
    const { page } = this.viewer;
    const middle: Point = [this.study.grid.columns / 2, this.study.grid.rows / 2];
    const [[x, y]] = await this.viewer.pagePoints([middle]);
    await page.mouse.move(x, y);
    for (let turn = 0; turn < turns && goOn(); turn++) {
      await page.mouse.wheel(0, Math.floor(turn / 20) % 2 === 0 ? 100 : -100);
      await page.waitForTimeout(pauseMs);
    }
  }

  /** Deletes the active segment, and with it all that was drawn. */
  async removeSegment(): Promise<void> {
    const rows = this.viewer.page.locator('medsam2-panel [data-cy="medsam2-segment-delete"]');
    const before = await rows.count();
    await rows.first().click();
    await this.viewer.until('the segment to be gone', patienceMs, async () => (await rows.count()) < before);
    await this.rest();
  }

  /** To the study list, within the page: what the mode keeps then is kept for ever. */
  async leave(): Promise<void> {
    // the viewer's own tour lies over the button in its own modes, one step after the other
    await this.viewer.page
      .locator('.shepherd-element, .shepherd-modal-overlay-container')
      .evaluateAll((parts) => parts.forEach((part) => part.remove()));
    await this.viewer.page.locator('[data-cy="return-to-work-list"]').first().click();
    await rowOf(this.viewer.page, this.study).waitFor({ timeout: patienceMs });
  }

  /** From the study list, within the page. */
  async enterAgain(mode = 'medsam2'): Promise<void> {
    const { page } = this.viewer;
    const link = mode === 'medsam2' ? ownMode(page) : page.locator(`a[href*="/${mode}?"]`).first();
    if (!(await link.isVisible())) await rowOf(page, this.study).click();
    await link.click();
    await this.viewer.waitForImages();
    if (mode === 'medsam2') await this.viewer.part('medsam2-panel').waitFor({ timeout: patienceMs });
  }
}
