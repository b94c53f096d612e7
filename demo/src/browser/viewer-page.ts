/** The viewer as a person uses it: looks, scrolls, draws with the mouse, presses buttons of the panel. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import type { PhantomStudy } from '../phantoms/index.js';
import {
  activeViewport,
  jumpToImage,
  pagePoints,
  pluginMasks,
  runCommand,
  viewportStates,
  type ViewportState,
} from './in-page.js';

/** [column, row] of the shown image, or [x, y, z] of the patient in LPS mm */
export type Point = readonly [number, number] | readonly [number, number, number];

export interface OpenStudyOptions {
  /** address of the mode; default: this project's */
  readonly mode?: string;
  readonly hangingProtocol?: string;
}

const imagesMs = 60_000;
const moveSteps = 8;

export class ViewerPage {
  constructor(
    readonly page: Page,
    /** of the server, without a slash at the end */
    readonly url: string,
    /** where pictures go; none: they are not made */
    private readonly pictures?: string,
  ) {}

  /** Opens a study in a mode and waits until its images are to be seen. */
  async open(study: PhantomStudy, { mode = 'medsam2', hangingProtocol }: OpenStudyOptions = {}): Promise<void> {
    const query = new URLSearchParams({ StudyInstanceUIDs: study.studyUid });
    if (hangingProtocol !== undefined) query.set('hangingprotocolId', hangingProtocol);
    await this.page.goto(`${this.url}/${mode}?${query}`, { waitUntil: 'domcontentloaded' });
    await this.waitForImages();
  }

  /**
   * Until every viewport with images shows pixels, twice in a row: the canvas is cleared once more when the side panels
   * settle.
   */
  async waitForImages(count = 1): Promise<void> {
    let before = false;
    await this.until(`${count} viewports with images`, imagesMs, async () => {
      const states = (await this.viewports()).filter(({ images }) => images > 0);
      const lit = states.length >= count && states.every((state) => state.lit > 0.02);
      const twice = lit && before;
      before = lit;
      if (lit && !twice) await this.page.waitForTimeout(500);
      return twice;
    });
  }

  viewports(): Promise<ViewportState[]> {
    return this.page.evaluate(viewportStates);
  }

  /** @throws Error when there is none */
  async activeViewport(): Promise<string> {
    const id = await this.page.evaluate(activeViewport);
    if (id === undefined) throw new Error('no viewport is active');
    return id;
  }

  /** Shows the slice or frame (from 0, in the order of the study's truth) in a viewport; default: the active one. */
  async jumpTo(study: PhantomStudy, slice: number, viewport?: string): Promise<void> {
    const id = viewport ?? (await this.activeViewport());
    const part = imagePart(study, slice);
    await this.until(`slice ${slice} in ${id}`, imagesMs, async () => {
      const imageId = await this.page.evaluate(jumpToImage, [id, part] as const);
      const shown = (await this.viewports()).find((state) => state.id === id);
      return imageId !== undefined && (shown?.imageId === undefined || shown.imageId === imageId);
    });
  }

  /** CSS pixels of the page */
  async pagePoints(points: readonly Point[], viewport?: string): Promise<[number, number][]> {
    return this.page.evaluate(pagePoints, [viewport ?? (await this.activeViewport()), points] as const);
  }

  /** Presses the mouse on the first point, moves along the others and lets go on the last one. */
  async drag(points: readonly Point[], viewport?: string): Promise<void> {
    const [first, ...others] = await this.pagePoints(points, viewport);
    const { mouse } = this.page;
    await mouse.move(...first);
    await mouse.down();
    for (const point of others) await mouse.move(...point, { steps: moveSteps });
    await mouse.up();
  }

  async clickImage(point: Point, viewport?: string): Promise<void> {
    const [place] = await this.pagePoints([point], viewport);
    await this.page.mouse.click(...place);
  }

  /** Something of the panel by its data-cy, through its shadow root. */
  part(cy: string): Locator {
    return this.page.locator(`medsam2-panel [data-cy="${cy}"]`);
  }

  async press(cy: string): Promise<void> {
    await this.part(cy).first().click();
  }

  setHangingProtocol(protocolId: string): Promise<void> {
    return this.page.evaluate(runCommand, ['setHangingProtocol', { protocolId }] as const);
  }

  /** The mask of a segment as the viewer holds it, on the grid of the study's truth: 0 or 1. */
  async mask(study: PhantomStudy, segment: number): Promise<Uint8Array> {
    const { rows, columns, slices } = study.grid;
    const area = rows * columns;
    const mask = new Uint8Array(area * slices);
    const parts = Array.from({ length: slices }, (_, slice) => imagePart(study, slice));
    for (const { imageId, runs, ...size } of await this.page.evaluate(pluginMasks, segment)) {
      const slice = parts.findIndex((part) => imageId.includes(part));
      if (slice === -1 || size.rows !== rows || size.columns !== columns) continue;
      for (let at = 0; at < runs.length; at += 2) {
        const begin = slice * area + runs[at];
        mask.fill(1, begin, begin + runs[at + 1]);
      }
    }
    return mask;
  }

  /** Writes a picture where pictures are wanted. */
  async picture(name: string): Promise<void> {
    if (this.pictures === undefined) return;
    await mkdir(this.pictures, { recursive: true });
    await this.page.screenshot({ path: join(this.pictures, `${name}.png`) });
  }

  /** Asks again and again until it is so. @throws Error that says what was waited for */
  async until(what: string, ms: number, isSo: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + ms; !(await isSo()); await this.page.waitForTimeout(100))
      if (Date.now() > end) throw new Error(`waited ${ms / 1000} s in vain for ${what}`);
  }
}

/** What is in the viewer's name of an image, whatever is before it. */
function imagePart({ modality, sopInstanceUids }: PhantomStudy, slice: number): string {
  const isClip = modality === 'US';
  return `/instances/${sopInstanceUids[isClip ? 0 : slice]}/frames/${isClip ? slice + 1 : 1}`;
}
