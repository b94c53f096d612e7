/** A person before the viewer: does one thing after another, and looks at what became of it. */
import { type OpenedViewer, type PhantomStudy } from '../support/index.js';
import { coloursAt, focalPoint, pixelsOfHue, type Rgb } from './in-page.js';
import { differing, onSlice, placeOf, probes, voxelAt, type Plane, type Probes } from './masks.js';

const patienceMs = 30_000;

export class User {
  constructor(readonly opened: OpenedViewer) {}

  get viewer() {
    return this.opened.viewer;
  }

  /**
   * Looks again and again until it is so.
   * @throws Error what was waited for, what was seen last, and what the panel says
   */
  async waitFor<T>(what: string, look: () => Promise<T>, isSo: (seen: T) => boolean): Promise<T> {
    const { page } = this.viewer;
    for (const end = Date.now() + patienceMs; ; await page.waitForTimeout(100)) {
      const seen = await look();
      if (isSo(seen)) return seen;
      if (Date.now() > end) {
        await this.viewer.picture('failure');
        throw new Error(
          `waited ${patienceMs / 1000} s in vain for ${what}; last seen: ${brief(seen)}; ${await this.panelSays()}`,
        );
      }
    }
  }

  /** Presses something of the panel as soon as it can be pressed. */
  async press(cy: string, which = 0): Promise<void> {
    const button = this.viewer.part(cy).nth(which);
    await this.waitFor(
      `${cy} to be enabled`,
      async () => ((await button.count()) === 0 ? 'not there' : ((await button.getAttribute('aria-disabled')) ?? 'no')),
      (disabled) => disabled === 'no' || disabled === 'false',
    );
    await button.click();
  }

  /** Chooses a tool, if it is not the one already. */
  async take(tool: string): Promise<void> {
    const button = this.viewer.part(`medsam2-tool-${tool}`);
    if ((await button.getAttribute('aria-pressed')) !== 'true') await this.press(`medsam2-tool-${tool}`);
    await this.waitFor(
      `the tool ${tool}`,
      () => button.getAttribute('aria-pressed'),
      (pressed) => pressed === 'true',
    );
  }

  async textOf(cy: string): Promise<string> {
    const part = this.viewer.part(cy).first();
    return (await part.count()) === 0 ? '' : ((await part.textContent()) ?? '');
  }

  /** Goes to a slice of the truth and waits until the panel follows. @returns the panel's own number of it, from 1 */
  async goTo(study: PhantomStudy, slice: number): Promise<number> {
    await this.viewer.jumpTo(study, slice);
    const text = await this.waitFor(
      `the panel to show slice ${slice + 1}`,
      () => this.textOf('medsam2-position'),
      (seen) => seen.startsWith(`${slice + 1}/`) || seen.startsWith(`${study.grid.slices - slice}/`),
    );
    return Number.parseInt(text, 10);
  }

  mask(study: PhantomStudy, segment: number): Promise<Uint8Array> {
    return this.viewer.mask(study, segment);
  }

  /** Until the viewer holds exactly these masks, by segment. */
  async waitForMasks(what: string, study: PhantomStudy, masks: ReadonlyMap<number, Uint8Array>): Promise<void> {
    await this.waitFor(
      what,
      async () => {
        const different: string[] = [];
        for (const [segment, mask] of masks) {
          const slices = differing(study, await this.mask(study, segment), mask);
          if (slices.length > 0) different.push(`segment ${segment} differs on slices ${slices.join(', ')}`);
        }
        return different;
      },
      (different) => different.length === 0,
    );
  }

  /** Until there is a mask on the slice. @returns the whole mask */
  waitForSlice(study: PhantomStudy, segment: number, slice: number): Promise<Uint8Array> {
    return this.waitFor(
      `a mask of segment ${segment} on slice ${slice}`,
      () => this.mask(study, segment),
      (mask) => onSlice(study, mask, slice).includes(1),
    );
  }

  async propagate(): Promise<void> {
    await this.beginRun();
    await this.waitForRun();
  }

  /** What was told before is taken away first, so that the end of this run is not mistaken for that of another. */
  async beginRun(): Promise<void> {
    // at once: some go by themselves while one would wait for them to be clicked
    await this.viewer
      .part('medsam2-notice-dismiss')
      .evaluateAll((buttons) => buttons.forEach((button) => (button as HTMLElement).click()));
    await this.waitFor(
      'the notices to go',
      () => this.viewer.part('medsam2-notice').count(),
      (count) => count === 0,
    );
    await this.press('medsam2-propagate');
  }

  /** Until the run that was begun has ended well and was told, and its masks are there. */
  async waitForRun(): Promise<void> {
    await this.waitFor(
      'the end of the propagation',
      async () => [await this.stateOf('medsam2-run-state'), await this.viewer.part('medsam2-notice').count()],
      ([state, notices]) => state === 'done' && Number(notices) > 0,
    );
    await this.rest();
  }

  /** Until the newest save lies in the PACS, read back. */
  async waitForSave(): Promise<void> {
    await this.waitFor(
      'the PACS to have the segmentation',
      () => this.stateOf('medsam2-save-state'),
      (state) => state === 'verified',
    );
  }

  /** The stretch, by the slices that the viewer shows. @param first slice of the truth @param last likewise */
  async setRange(study: PhantomStudy, first: number, last: number): Promise<void> {
    const ends = [await this.goTo(study, first)];
    await this.press('medsam2-from-current');
    ends.push(await this.goTo(study, last));
    await this.press('medsam2-to-current');
    await this.waitFor(
      'the stretch',
      () =>
        Promise.all(
          ['first', 'last'].map((end) => this.viewer.part(`medsam2-range-${end}`).getAttribute('aria-valuenow')),
        ),
      (seen) => seen.join() === ends.join(),
    );
  }

  /** Opens a folded part of the panel. */
  async unfold(cy: string): Promise<void> {
    const toggle = this.viewer.part(`${cy}-toggle`);
    await toggle.waitFor({ timeout: patienceMs });
    if ((await toggle.getAttribute('aria-expanded')) !== 'true') await toggle.click();
  }

  segmentNames(): Promise<string[]> {
    return this.viewer.page.locator('medsam2-panel .m2-segment-name .m2-clip').allTextContents();
  }

  /** The viewport of a plane in the viewer's reformats. */
  async viewportOf(plane: Plane): Promise<string> {
    const viewports = await this.viewer.viewports();
    const found = viewports.find(({ id, type }) => type === 'orthographic' && id.includes(plane));
    if (found === undefined) throw new Error(`no ${plane} among ${viewports.map(({ id }) => id).join(', ')}`);
    return found.id;
  }

  /** Until the frame that is shown has colour where the structure is, and none around it. */
  async waitForClipPaint(study: PhantomStudy, frame: number, label: number): Promise<void> {
    await this.waitFor(
      `colour on frame ${frame}`,
      () => this.clipColours(study, frame, label),
      ({ inside, outside }) => inside.every(isColour) && !outside.some(isColour),
    );
  }

  async waitForNoClipPaint(study: PhantomStudy, frame: number, label: number): Promise<void> {
    await this.waitFor(
      `no colour on frame ${frame}`,
      () => this.clipColours(study, frame, label),
      ({ inside, outside }) => ![...inside, ...outside].some(isColour),
    );
  }

  private async clipColours(study: PhantomStudy, frame: number, label: number) {
    const truth = study.truth.map((value) => Number(value === label));
    // the model's border is not the truth's: the innermost pixels only, and some farther outside
    const places = probes(study, truth, 'axial', [0, 0, frame], { margin: 6 });
    return this.colours(await this.viewer.activeViewport(), study, places);
  }

  /** Until nothing is under way: no answer, no run. */
  async rest(): Promise<void> {
    await this.waitFor(
      'the panel to be at rest',
      async () => [
        await this.stateOf('medsam2-run-state'),
        await this.viewer.page.locator('medsam2-panel [data-cy="medsam2-hint"] .m2-spinner').count(),
        await this.viewer.page.locator('medsam2-panel [data-cy="medsam2-statistics"][aria-busy="true"]').count(),
      ],
      ([run, answering, measuring]) =>
        !['queued', 'running'].includes(String(run)) && answering === 0 && measuring === 0,
    );
  }

  async stateOf(cy: string): Promise<string> {
    const part = this.viewer.part(cy).first();
    return (await part.count()) === 0 ? 'none' : ((await part.getAttribute('data-state')) ?? 'none');
  }

  /** The active segment is that structure, by its coded term. */
  async nameAs(query: string, label: string): Promise<void> {
    const field = this.viewer.part('medsam2-term');
    const option = this.viewer.part('medsam2-term-option').filter({ hasText: label }).first();
    await this.waitFor(
      `the term ${label} among those found for “${query}”`,
      async () => {
        // typed again where the field went with the segment that was active before
        if ((await field.inputValue()) !== query) await field.fill(query);
        return option.count();
      },
      (count) => count > 0,
    );
    await option.click({ timeout: patienceMs });
    await this.waitFor(
      `the active segment to be called ${label}`,
      () => this.viewer.page.locator('medsam2-panel [data-active="true"] .m2-segment-name').textContent(),
      (name) => name === label,
    );
  }

  /** Colour of a segment as the panel shows it. */
  async colourOf(segment: number): Promise<Rgb> {
    const swatch = this.viewer.part(`medsam2-segment-${segment}`).locator('[data-cy="medsam2-segment-colour"]');
    const hex = await swatch.inputValue();
    return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as Rgb;
  }

  /**
   * Until a viewport shows the segment's colour where its mask is, and not where it is not: hues do not change when a
   * colour lies half transparent over grey.
   *
   * @param slice of the truth; default: where the viewport's focal point is
   * @param avoid places that lie in other segments are left out
   */
  async waitForPaint(
    study: PhantomStudy,
    segment: number,
    plane: Plane,
    viewportId: string,
    { slice, avoid }: { readonly slice?: number; readonly avoid?: Uint8Array } = {},
  ): Promise<void> {
    const hue = hueOf(await this.colourOf(segment));
    await this.waitFor(
      `segment ${segment} to be seen in ${viewportId}`,
      async () => {
        const through =
          slice === undefined
            ? voxelAt(study, await this.viewer.page.evaluate(focalPoint, viewportId))
            : ([0, 0, slice] as const);
        const mask = await this.mask(study, segment);
        return this.colours(viewportId, study, probes(study, mask, plane, through, { avoid }));
      },
      ({ inside, outside }) =>
        inside.length > 0 &&
        outside.length > 0 &&
        inside.every((colour) => isOfHue(colour, hue)) &&
        outside.every((colour) => !isOfHue(colour, hue)),
    );
  }

  /** What is seen at places inside and outside of a mask. */
  async colours(
    viewportId: string,
    study: PhantomStudy,
    { inside, outside }: Probes,
  ): Promise<{ readonly inside: Rgb[]; readonly outside: Rgb[] }> {
    const places = [...inside, ...outside].map((voxel) => placeOf(study, voxel));
    const colours = await this.viewer.page.evaluate(coloursAt, [viewportId, places] as const);
    return { inside: colours.slice(0, inside.length), outside: colours.slice(inside.length) };
  }

  pixelsOf(viewportId: string, colour: Rgb): Promise<number> {
    return this.viewer.page.evaluate(pixelsOfHue, [viewportId, hueOf(colour)] as const);
  }

  private async panelSays(): Promise<string> {
    const notices = await this.viewer.part('medsam2-notice').allTextContents();
    const problems = this.opened.problems.all().map(({ kind, text }) => `${kind}: ${text.slice(0, 300)}`);
    return `the panel says: ${JSON.stringify(notices)}; problems: ${JSON.stringify(problems)}`;
  }
}

/** Degrees; of grey: NaN */
export function hueOf([red, green, blue]: readonly number[]): number {
  const most = Math.max(red, green, blue);
  const range = most - Math.min(red, green, blue);
  if (range === 0) return Number.NaN;
  const sixth =
    most === red ? (green - blue) / range : most === green ? 2 + (blue - red) / range : 4 + (red - green) / range;
  return (sixth * 60 + 360) % 360;
}

const isColour = (colour: readonly number[]): boolean => Math.max(...colour) - Math.min(...colour) > 25;

/** @param hue degrees */
export function isOfHue(colour: readonly number[], hue: number): boolean {
  return isColour(colour) && hueBetween(hueOf(colour), hue) <= 15;
}

/** How far apart hues are: 0..180 degrees */
export const hueBetween = (one: number, other: number): number => Math.abs(((one - other + 540) % 360) - 180);

const brief = (seen: unknown): string => (JSON.stringify(seen) ?? 'nothing').slice(0, 600);
