/** The gallery of the panel in real Chromium, for tests: each state of the work can be shown and worked with. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findChromium } from '@medsam2/demo';
import { chromium, type Page } from 'playwright-core';

const executablePath = findChromium();
const bundler = fileURLToPath(new URL('../../../extension/src/panel/gallery/bundle.mjs', import.meta.url));

/** What the page of the gallery offers. */
export interface Gallery {
  readonly names: readonly string[];
  readonly workbench: {
    getState(): { readonly range?: { readonly first: number; readonly last: number }; readonly position?: number };
    change(part: Readonly<Record<string, unknown>>): void;
  };
  show(name: string, language: string, width: number): void;
}
declare const gallery: Gallery;

export interface GalleryPage {
  readonly page: Page;
  readonly names: readonly string[];
  /** errors of the page so far */
  readonly problems: readonly string[];
  /** shows the panel in a state and waits until it is drawn */
  show(name: string, language: string, width: number): Promise<void>;
  close(): Promise<void>;
}

/** With a browser, or where one must be there. */
export const describeWithBrowser = executablePath !== undefined || process.env.CI === 'true' ? describe : describe.skip;

export async function openGallery(): Promise<GalleryPage> {
  const folder = mkdtempSync(join(tmpdir(), 'panel-gallery-'));
  execFileSync(process.execPath, [bundler, folder]);
  const browser = await chromium.launch({ executablePath, args: ['--headless=new', '--no-sandbox', '--disable-quic'] });
  const page = await browser.newPage({ viewport: { width: 440, height: 800 } });
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  await page.goto(pathToFileURL(join(folder, 'index.html')).href);
  return {
    page,
    problems,
    names: await page.evaluate(() => gallery.names),
    show: async (...given) => {
      await page.evaluate(([scene, code, pixels]) => gallery.show(scene, code, pixels), given);
      await page.locator('[data-cy=medsam2-panel]').waitFor();
      await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    },
    close: async () => {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
