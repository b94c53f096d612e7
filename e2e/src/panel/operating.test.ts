/** The panel worked with a real mouse and keyboard in Chromium, and while slices stream in. */
import type { Page } from 'playwright-core';
import { describeWithBrowser, openGallery, type Gallery, type GalleryPage } from './gallery-page.js';

declare const gallery: Gallery;

describeWithBrowser('working with the panel in Chromium', () => {
  let opened: GalleryPage;
  let page: Page;
  beforeAll(async () => {
    opened = await openGallery();
    page = opened.page;
  });
  afterAll(async () => {
    await opened?.close();
  });

  const at = (cy: string) => page.locator(`[data-cy=${cy}]`);
  const placeOf = async (cy: string) => {
    const box = await at(cy).boundingBox();
    if (box === null) throw new Error(`${cy} is not on show`);
    return { x: box.x + box.width / 2, y: box.y + box.height / 2, width: box.width, left: box.x };
  };
  const state = () =>
    page.evaluate(() => {
      const { range, position } = gallery.workbench.getState();
      return { range, position };
    });
  const focused = () =>
    page.evaluate(() => {
      const active = document.querySelector('medsam2-panel')?.shadowRoot?.activeElement;
      return active?.getAttribute('data-cy') ?? active?.getAttribute('type') ?? active?.tagName;
    });

  it('drags the ends of the stretch, each where it was taken hold of', async () => {
    await opened.show('doubtful', 'en', 340);
    const strip = await placeOf('medsam2-strip');
    const slice = strip.width / 40;
    const first = await placeOf('medsam2-range-first');
    await page.mouse.move(first.x, first.y);
    await page.mouse.down();
    await page.mouse.move(first.x + slice * 10.2, first.y, { steps: 8 });
    await page.mouse.up();
    const last = await placeOf('medsam2-range-last');
    await page.mouse.move(last.x, last.y);
    await page.mouse.down();
    await page.mouse.move(last.x - slice * 5.2, last.y, { steps: 8 });
    await page.mouse.up();
    expect((await state()).range).toEqual({ first: 10, last: 34 });
    expect(await at('medsam2-propagate').textContent()).toBe('Re-propagate slices 11–35');
  });

  it('jumps to the slice that is clicked, and scrubs', async () => {
    await opened.show('five-hundred', 'en', 280);
    const { left, width, y } = await placeOf('medsam2-strip');
    await page.mouse.click(left + width * 0.5, y);
    expect((await state()).position).toBe(260);
    await page.mouse.down();
    await page.mouse.move(left + width * 2, y, { steps: 4 });
    await page.mouse.up();
    expect((await state()).position).toBe(519);
  });

  it('says why with the pointer on a button that does nothing', async () => {
    await opened.show('offline', 'en', 280);
    await at('medsam2-propagate').hover();
    await at('medsam2-tip').waitFor();
    expect(await at('medsam2-tip').textContent()).toMatch(/^No connection/);
    const [tip, panel] = [await at('medsam2-tip').boundingBox(), await page.locator('medsam2-panel').boundingBox()];
    expect((tip?.x ?? 0) + (tip?.width ?? 0)).toBeLessThanOrEqual(panel?.width ?? 0);
  });

  it('is gone through with the Tab key alone, in the order of the work, and every stop can be seen', async () => {
    await opened.show('range', 'en', 340);
    const stops: string[] = [];
    const unseen: string[] = [];
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press('Tab');
      const stop = await focused();
      if (stop === undefined || stop === 'BODY' || (stops.length > 0 && stop === stops[0])) break;
      stops.push(stop);
      const marked = await page.evaluate(() => {
        const active = document.querySelector('medsam2-panel')?.shadowRoot?.activeElement;
        const shown = (element: Element | null | undefined) =>
          element != null && getComputedStyle(element).outlineStyle !== 'none';
        return shown(active) || shown(active?.closest('label'));
      });
      if (!marked) unseen.push(stop);
    }
    expect(unseen).toEqual([]);
    const order = [
      'model',
      'tool-box',
      'undo',
      'add-segment',
      'term',
      'next-doubtful',
      'strip',
      'range-first',
      'propagate',
      'save',
    ];
    const named = order.map((name) => `medsam2-${name}`);
    expect(stops.filter((stop) => named.includes(stop))).toEqual(named);
  });

  it('keeps the focus and draws little while slices stream in', async () => {
    await opened.show('five-hundred', 'en', 340);
    await at('medsam2-save-description').focus();
    await page.keyboard.type('Liv');
    const drawings = await page.evaluate(async () => {
      let count = 0;
      let frames = 0;
      const canvas = CanvasRenderingContext2D.prototype as { clearRect: (...given: number[]) => void };
      const clear = canvas.clearRect;
      canvas.clearRect = function (...given) {
        count++;
        clear.apply(this, given);
      };
      const score = {
        segment: 1,
        revision: 1,
        iou: 0.9,
        presence: 1,
        origin: 'propagated',
        pixels: 9,
        doubtful: false,
      };
      const scores: object[] = [];
      for (let slice = 0; slice < 500; slice++) {
        scores.push({ ...score, slice, confidence: 0.9 });
        gallery.workbench.change({
          scores: new Map([[1, [...scores]]]),
          run: { state: 'running', done: slice, total: 500, rate: 40 },
        });
        if (slice % 10 === 9) {
          await new Promise(requestAnimationFrame);
          frames++;
        }
      }
      canvas.clearRect = clear;
      return { count, frames };
    });
    await page.keyboard.type('er');
    expect(await at('medsam2-save-description').inputValue()).toBe('Liver');
    expect(drawings.count).toBeGreaterThan(10);
    expect(drawings.count).toBeLessThanOrEqual(drawings.frames + 2);
    expect(await at('medsam2-strip-summary').textContent()).toContain('0 of 500 slices doubtful');
  });

  it('raises no error in the page', () => {
    expect(opened.problems).toEqual([]);
  });
});
