/** What was saved, opened by the viewer itself: it is listed, it is shown, and work goes on beside it. */
import {
  describeWithViewer,
  openViewer,
  requireNoProblems,
  save,
  segment,
  structureOf,
  waitForMask,
  type OpenedViewer,
} from '../support/index.js';
import { storedPixels } from './in-page.js';

/** Milliseconds */
const answerMs = 30_000;

const strict =
  "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; " +
  "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:";

describeWithViewer('a saved segmentation', () => {
  let opened: OpenedViewer;
  beforeAll(async () => {
    opened = await openViewer({
      name: 'stored',
      server: { config: { viewer: { contentSecurityPolicy: strict } } },
    });
  });
  afterAll(() => opened?.close());

  it('is not opened where the page may compile no code: the panel says so, and nothing is lost', async () => {
    const { viewer, page } = opened;
    const study = opened.study('ct');
    await viewer.open(study);
    await viewer.part('medsam2-panel').waitFor();
    await segment(viewer, study, 'left kidney');
    const mask = await waitForMask(viewer, study, 1, structureOf(study, 'left kidney').slice);
    await save(viewer);
    await viewer.press('medsam2-open-saved');
    await page.locator('medsam2-panel').getByText('page security policy').first().waitFor({ timeout: answerMs });
    await viewer.picture('refused');
    expect(Buffer.compare(await viewer.mask(study, 1), mask)).toBe(0);
    requireNoProblems(opened.problems);
  });

  it('is opened elsewhere, and work goes on', async () => {
    const study = opened.study('ct');
    await opened.context.close();
    const other = await opened.another({ bypassCSP: true });
    const { viewer } = other;
    const { page } = viewer;
    await viewer.open(study);
    await viewer.part('medsam2-panel').waitFor();
    const mask = await waitForMask(viewer, study, 1, structureOf(study, 'left kidney').slice);
    const [{ sopInstanceUid }] = await opened.saved(study);

    await viewer.press('medsam2-open-saved');
    let counts: Record<string, number> | undefined;
    await viewer.until('the viewer to hold its segments', answerMs, async () => {
      counts = await page.evaluate(storedPixels, sopInstanceUid);
      return counts !== undefined && Object.keys(counts).length > 0;
    });
    expect(counts).toEqual({ 1: mask.reduce((sum, value) => sum + value, 0) });
    expect((await page.locator('[data-cy^="study-browser-thumbnail"]').allInnerTexts()).join(' ')).toContain('SEG');
    await viewer.picture('opened');

    // ours are still there, and drawing goes to the session
    expect(Buffer.compare(await viewer.mask(study, 1), mask)).toBe(0);
    await viewer.press('medsam2-add-segment');
    await viewer.part('medsam2-segment-2').waitFor({ timeout: answerMs });
    await segment(viewer, study, 'liver');
    await waitForMask(viewer, study, 2, structureOf(study, 'liver').slice);
    expect(Buffer.compare(await viewer.mask(study, 1), mask)).toBe(0);
    await viewer.picture('went-on');
    requireNoProblems(other.problems);
    await other.context.close();
  });
});
