/** Masks in viewports of space, and a page that comes to rest beside them. */
import { hueOf, User } from '../flow/user.js';
import { pixelsOfHue } from '../flow/in-page.js';
import {
  describeWithViewer,
  openViewer,
  requireNoProblems,
  segment,
  structureOf,
  waitForMask,
  type OpenedViewer,
} from '../support/index.js';
import { countRenders, rendersSince, spaceViewport } from './in-page.js';

/** Milliseconds; volumes are drawn by the processor here, a frame takes a second or more. */
const drawingMs = 60_000;

/**
 * OHIF 3.12 writes this to the console when it goes from one stack to reformats and space at once: its synchronizer hands
 * a labelmap on to the viewport of space before it has made a volume of it for the reformats, and then does make it.
 */
const hostsOwn =
  /^error in event listener of type: {2}CORNERSTONE_TOOLS_SEGMENTATION_DATA_MODIFIED Error: getVolume: volumeId/;

describeWithViewer('masks in space', () => {
  let opened: OpenedViewer;
  beforeAll(async () => {
    opened = await openViewer({ name: 'space', viewport: { width: 860, height: 480 } });
  });
  afterAll(() => opened?.close());

  it('are seen beside the reformats, go when they are hidden, and leave the page at rest', async () => {
    const { viewer, page } = opened;
    const study = opened.study('ct');
    const user = new User(opened);
    await viewer.open(study);
    await viewer.part('medsam2-panel').waitFor();
    await segment(viewer, study, 'left kidney');
    await waitForMask(viewer, study, 1, structureOf(study, 'left kidney').slice);
    await user.propagate();
    const hue = hueOf(await user.colourOf(1));
    await page.evaluate(countRenders);
    const rest = (): Promise<void> =>
      viewer.until('viewports that are not drawn any more', drawingMs, async () => {
        await page.evaluate(rendersSince);
        await page.waitForTimeout(2000);
        return (await page.evaluate(rendersSince)) === 0;
      });
    const pixels = async (): Promise<number> => {
      const space = await page.evaluate(spaceViewport);
      return space === undefined ? 0 : page.evaluate(pixelsOfHue, [space, hue] as const);
    };

    await viewer.setHangingProtocol('mprAnd3DVolumeViewport');
    await viewer.until(
      'a viewport of space',
      drawingMs,
      async () => (await page.evaluate(spaceViewport)) !== undefined,
    );
    let shown = 0;
    await viewer.until('the colour of the segment in space', drawingMs, async () => {
      await rest();
      shown = await pixels();
      return shown > 50;
    });
    await viewer.picture('space');
    expect(await page.getByText(/Labelmap to Surface/i).count()).toBe(0);

    await viewer.press('medsam2-segment-visible');
    await viewer.until('the hidden segment to go from space', drawingMs, async () => {
      await rest();
      return (await pixels()) < shown / 4;
    });
    requireNoProblems(opened.problems, [hostsOwn]);
  });
});
