/** From an opened study to a segmentation in the PACS with the keyboard alone: no mouse is used in this file. */
import {
  boxOf,
  describeWithViewer,
  diceWith,
  openViewer,
  requireNoProblems,
  structureOf,
  waitForMask,
  type OpenedViewer,
  type PhantomStudy,
  type ViewerPage,
} from '../support/index.js';
import { partWith, serverIs, until } from '../failures/panel.js';
import { focusedPart, goTo, slideTo, spokenPlace, steerBox, steerPoint, tabTo } from './keys.js';

const organ = 'left kidney';

describeWithViewer('with the keyboard alone', () => {
  let opened: OpenedViewer;
  let viewer: ViewerPage;
  let study: PhantomStudy;
  const press = (key: string): Promise<void> => viewer.page.keyboard.press(key);
  const segmented = async (): Promise<number> => {
    const area = study.grid.rows * study.grid.columns;
    const mask = await viewer.mask(study, 1);
    return Array.from({ length: study.grid.slices }, (_, at) => mask.subarray(at * area, (at + 1) * area)).filter(
      (slice) => slice.includes(1),
    ).length;
  };

  beforeAll(async () => {
    opened = await openViewer({ name: 'keyboard' });
    ({ viewer } = opened);
    study = opened.study('ct');
    await viewer.open(study);
    await serverIs(viewer, 'online');
  });
  afterAll(() => opened?.close());

  it('a segment is made, and the slice chosen', async () => {
    await goTo(viewer, 'medsam2-add-segment');
    await press('Enter');
    await partWith(viewer, 'medsam2-segment-1', { 'data-active': 'true' });
    await partWith(viewer, 'medsam2-strip');
    await goTo(viewer, 'medsam2-strip');
    await slideTo(viewer, structureOf(study, organ).slice + 1);
    const { slice } = structureOf(study, organ);
    await until(viewer, 'the slice in the viewport', async () => {
      const [shown] = await viewer.viewports();
      return shown.imageId?.includes(study.sopInstanceUids[slice]) === true;
    });
  });

  it('a box is placed, taken back with Escape, and drawn', async () => {
    await goTo(viewer, 'medsam2-tool-box');
    await press('Enter');
    await partWith(viewer, 'medsam2-tool-box', { 'aria-pressed': 'true' });
    await press('k');
    expect(await spokenPlace(viewer)).toMatch(/^Box at column/);
    await viewer.picture('box');
    await press('Escape');
    expect(await viewer.page.locator('[data-cy=medsam2-keyboard]').count()).toBe(0);
    expect(await focusedPart(viewer)).toBe('medsam2-tool-box');
    expect(await segmented()).toBe(0);

    await press('k');
    await steerBox(viewer, boxOf(study, organ));
    await viewer.picture('box-steered');
    await press('Enter');
    expect(await focusedPart(viewer)).toBe('medsam2-tool-box');
    await waitForMask(viewer, study, 1, structureOf(study, organ).slice);
    await viewer.picture('mask');
  });

  it('a point is added', async () => {
    await press('ArrowRight');
    expect(await focusedPart(viewer)).toBe('medsam2-tool-point');
    await press('Enter');
    await partWith(viewer, 'medsam2-tool-point', { 'aria-pressed': 'true' });
    await press('k');
    expect(await spokenPlace(viewer)).toMatch(/^Point at column \d+, row \d+$/);
    const [[x0, y0], [x1, y1]] = boxOf(study, organ);
    await steerPoint(viewer, [Math.round((x0 + x1) / 2), Math.round((y0 + y1) / 2)]);
    await viewer.picture('point');
    await press('Enter');
    await until(viewer, 'the second prompt', async () => {
      const title = await viewer.part('medsam2-prompts-toggle').innerText();
      return title.includes('(2)') && (await viewer.part('medsam2-hint').locator('.m2-spinner').count()) === 0;
    });
  });

  it('it is propagated through all slices and through a stretch of them', async () => {
    await tabTo(viewer, 'medsam2-propagate');
    await press('Enter');
    await partWith(viewer, 'medsam2-run-state', { 'data-state': 'done' });
    await until(viewer, 'masks on many slices', async () => (await segmented()) > 20);
    await viewer.picture('propagated');

    const { slice } = structureOf(study, organ);
    await goTo(viewer, 'medsam2-range-first');
    await slideTo(viewer, slice - 3);
    await tabTo(viewer, 'medsam2-range-last');
    await slideTo(viewer, slice + 5);
    const button = await partWith(viewer, 'medsam2-propagate');
    expect(await button.innerText()).toContain(`Re-propagate slices ${slice - 3}–${slice + 5}`);
    await viewer.picture('range');
    await press('g');
    await until(viewer, 'the second run to end', async () => {
      const run = viewer.part('medsam2-run-state');
      return (await run.getAttribute('data-state')) === 'done' && /\b[1-9] of [1-9]\b/.test(await run.innerText());
    });
  });

  it('doubtful slices are visited, or it says that there is none', async () => {
    const next = await partWith(viewer, 'medsam2-next-doubtful');
    const summary = await (await partWith(viewer, 'medsam2-strip-summary')).innerText();
    const doubtful = Number(/^(\d+) of/.exec(summary)?.[1]);
    await goTo(viewer, 'medsam2-next-doubtful');
    expect((await next.getAttribute('aria-disabled')) === 'true').toBe(doubtful === 0);
    await press('Enter');
    if (doubtful > 0) await until(viewer, 'a doubtful slice', async () => /doubtful/.test(await whereOf(viewer)));
    else expect(await viewer.page.locator('medsam2-panel [data-cy=medsam2-tip]').innerText()).toMatch(/doubtful/);
  });

  it('it is undone and done again', async () => {
    const all = await segmented();
    await press('Control+z');
    await press('Control+z');
    await until(viewer, 'the propagation to be undone', async () => (await segmented()) === 1);
    await press('Control+y');
    await press('Control+y');
    await until(viewer, 'the propagation to be there again', async () => (await segmented()) === all);
  });

  it('it is saved, and letters of its name are no hotkeys', async () => {
    await press('Shift+S');
    await until(viewer, 'the focus', async () => (await focusedPart(viewer)) === 'medsam2-save-description');
    const tool = await pressedTools(viewer);
    await viewer.page.keyboard.type('xpsqbe g jk ftau');
    expect(await pressedTools(viewer)).toEqual(tool);
    expect(await viewer.page.locator('[data-cy=medsam2-keyboard]').count()).toBe(0);
    expect(await focusedPart(viewer)).toBe('medsam2-save-description');
    await press('Tab');
    expect(await focusedPart(viewer)).toBe('medsam2-reviewed');
    await press('Space');
    await press('Tab');
    await press('Enter');
    await partWith(viewer, 'medsam2-save-state', { 'data-state': 'verified' });
    await viewer.picture('saved');
    const [saved] = await opened.saved(study);
    expect(saved.description).toContain('xpsqbe g jk ftau');
    const { label } = structureOf(study, organ);
    expect(diceWith(saved.segments[0].mask, study.truth, label)).toBeGreaterThan(0.85);
    requireNoProblems(opened.problems);
  });
});

/** What the position's slider says. */
const whereOf = async (viewer: ViewerPage): Promise<string> =>
  (await viewer.part('medsam2-strip').getAttribute('aria-valuetext')) ?? '';

const pressedTools = (viewer: ViewerPage): Promise<(string | undefined)[]> =>
  viewer.page
    .locator('medsam2-panel [role=toolbar] [aria-pressed=true]')
    .evaluateAll((buttons) => buttons.map((button) => (button as HTMLElement).dataset.cy));
