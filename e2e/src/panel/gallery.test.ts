/**
 * The panel in each of its states in real Chromium: no accessibility issue that matters, nothing cut off at the widths of
 * OHIF's side panel in any language. Pictures go to the folder PANEL_PICTURES, where it is set.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AxeResults, RunOptions } from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const bundler = fileURLToPath(new URL('../../../extension/src/panel/gallery/bundle.mjs', import.meta.url));
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const pictures = process.env.PANEL_PICTURES;
const languages = ['en', 'de', 'fr', 'es', 'zh'];
const widths = [280, 340, 420];

interface Gallery {
  readonly names: readonly string[];
  show(name: string, language: string, width: number): void;
}
declare const gallery: Gallery;

const describeWithBrowser = existsSync(executablePath) || process.env.CI === 'true' ? describe : describe.skip;

describeWithBrowser('the panel in Chromium', () => {
  let browser: Browser;
  let page: Page;
  let folder: string;
  let names: readonly string[];
  const problems: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'panel-gallery-'));
    execFileSync(process.execPath, [bundler, folder]);
    browser = await chromium.launch({ executablePath, args: ['--headless=new', '--no-sandbox', '--disable-quic'] });
    page = await browser.newPage({ viewport: { width: 440, height: 800 } });
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await page.goto(pathToFileURL(join(folder, 'index.html')).href);
    await page.evaluate(readFileSync(axe, 'utf8'));
    names = await page.evaluate(() => gallery.names);
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const show = async (name: string, language: string, width: number) => {
    await page.evaluate(([scene, code, pixels]) => gallery.show(scene, code, pixels), [name, language, width] as const);
    await page.locator('[data-cy=medsam2-panel]').waitFor();
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    if (pictures !== undefined) {
      await page.locator('medsam2-panel').screenshot({ path: join(pictures, `${name}-${language}-${width}.png`) });
    }
  };

  it('has no serious accessibility issue in any state', async () => {
    const found: string[] = [];
    for (const name of names) {
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
      for (const name of names) {
        if (language !== 'en' && !['range', 'saves', 'offline', 'findings', 'running'].includes(name)) continue;
        await show(name, language, width);
        found.push(...(await page.evaluate(cutOff)).map((what) => `${name} at ${width}: ${what}`));
      }
    }
    expect(found).toEqual([]);
  });

  it('raises no error in the page', () => {
    expect(problems).toEqual([]);
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
