/**
 * The panel in each of its states in real Chromium: no accessibility issue that matters, nothing cut off at the widths of
 * OHIF's side panel in any language. Pictures go to the folder PANEL_PICTURES, where it is set.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Page } from 'playwright-core';
import { describeWithBrowser, openGallery, type GalleryPage } from './gallery-page.js';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const pictures = process.env.PANEL_PICTURES;
const languages = ['en', 'de', 'fr', 'es', 'zh'];
/** narrowest and widest of OHIF's side panel; pictures are taken of one between, too */
const widths = pictures === undefined ? [280, 420] : [280, 340, 420];
/** states with the longest texts, for the other languages */
const wordy = ['range', 'saves', 'offline', 'findings', 'running'];

describeWithBrowser('the panel in Chromium', () => {
  let opened: GalleryPage;
  let page: Page;

  beforeAll(async () => {
    opened = await openGallery();
    page = opened.page;
    await page.evaluate(readFileSync(axe, 'utf8'));
  });
  afterAll(async () => {
    await opened?.close();
  });

  const show = async (name: string, language: string, width: number) => {
    await opened.show(name, language, width);
    if (pictures !== undefined) {
      await page.locator('medsam2-panel').screenshot({ path: join(pictures, `${name}-${language}-${width}.png`) });
    }
  };

  it('has no serious accessibility issue in any state', async () => {
    const found: string[] = [];
    for (const name of opened.names) {
      await show(name, 'en', 340);
      found.push(...(await issues(page)).map((issue) => `${name}: ${issue}`));
    }
    expect(found).toEqual([]);
  });

  it('finds an issue that is there', async () => {
    await show('ready', 'en', 340);
    await page.evaluate(() => {
      const button = document.querySelector('medsam2-panel')?.shadowRoot?.querySelector('[data-cy=medsam2-undo]');
      button?.removeAttribute('aria-label');
    });
    expect(await issues(page)).toEqual([expect.stringContaining('button-name')]);
  });

  it.each(languages)('cuts nothing off and stays within the side panel in %s', async (language) => {
    const found: string[] = [];
    for (const width of widths) {
      for (const name of opened.names) {
        if (language !== 'en' && !wordy.includes(name)) continue;
        await show(name, language, width);
        found.push(...(await page.evaluate(cutOff)).map((what) => `${name} at ${width}: ${what}`));
      }
    }
    expect(found).toEqual([]);
  });

  it('notices what is cut off', async () => {
    await show('range', 'en', 280);
    await page.evaluate(() => {
      const label = document
        .querySelector('medsam2-panel')
        ?.shadowRoot?.querySelector('[data-cy=medsam2-stop] .m2-label');
      if (label) label.textContent = 'Unsegmentierungsrückgängigmachungsbestätigung';
    });
    expect(await page.evaluate(cutOff)).toEqual(expect.arrayContaining([expect.stringContaining('Unsegmentierung')]));
  });

  it('raises no error in the page', () => {
    expect(opened.problems).toEqual([]);
  });
});

async function issues(page: Page): Promise<string[]> {
  const options: RunOptions = { resultTypes: ['violations'] };
  const { violations } = await page.evaluate(
    (given) => (window as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } }).axe.run(given),
    options,
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id} ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

/** Elements that reach out of the panel, or whose text does not fit and is not meant to be shortened. */
function cutOff(): string[] {
  const host = document.querySelector('medsam2-panel');
  const root = host?.shadowRoot;
  if (!host || !root) return ['there is no panel'];
  const right = host.getBoundingClientRect().right;
  return Array.from(root.querySelectorAll<HTMLElement>('.m2-panel *'))
    .filter((element) => {
      const box = element.getBoundingClientRect();
      if (box.width === 0 || element.closest('.m2-sr, .m2-clip, svg, select') !== null) return false;
      const cut = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== 'visible';
      const spilled = element.matches('.m2-button, label') && element.scrollWidth > element.clientWidth + 1;
      return box.right > right + 0.5 || cut || spilled;
    })
    .map((element) => `${element.tagName} ${element.className} ${element.textContent?.slice(0, 40) ?? ''}`);
}
