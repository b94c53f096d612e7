/** The same plug-in in every viewer that this project names: it is there, it segments, and nothing goes wrong. */
import { viewerVersions } from '@medsam2/demo';
import {
  describeWithViewer,
  diceWith,
  modesIn,
  openViewer,
  ownMode,
  requireNoProblems,
  rowOf,
  segment,
  structureOf,
  waitForMask,
  type OpenedViewer,
} from '../support/index.js';

describe.each(Object.keys(viewerVersions))('OHIF %s', (ohif) => {
  describeWithViewer('with the plug-in', () => {
    let opened: OpenedViewer;
    beforeAll(async () => {
      opened = await openViewer({ name: 'smoke', ohif, studies: ['ct', 'us'] });
    });
    afterAll(() => opened?.close());

    it('lists the studies, and offers the mode first', async () => {
      const { page, viewer } = opened;
      await page.goto(viewer.url);
      await rowOf(page, opened.study('ct')).click();
      await ownMode(page).waitFor();
      const [first] = await modesIn(page).evaluateAll((modes) => modes.map((mode) => mode.outerHTML));
      expect(first).toMatch(/\/medsam2\?|>MedSAM2</);
      await viewer.picture('list');
      requireNoProblems(opened.problems);
    });

    it('segments an organ from a box drawn by mouse', async () => {
      const { viewer } = opened;
      const study = opened.study('ct');
      const { label, slice } = structureOf(study, 'left kidney');
      await viewer.open(study);
      await viewer.part('medsam2-panel').waitFor();
      await segment(viewer, study, 'left kidney');
      const mask = await waitForMask(viewer, study, 1, slice);
      await viewer.picture('kidney');
      const area = study.grid.rows * study.grid.columns;
      const onSlice = (values: Uint8Array): Uint8Array => values.subarray(slice * area, (slice + 1) * area);
      expect(diceWith(onSlice(mask), onSlice(study.truth), label)).toBeGreaterThan(0.9);
      requireNoProblems(opened.problems);
    });

    it('shows a clip', async () => {
      const { viewer } = opened;
      await viewer.open(opened.study('us'));
      await viewer.part('medsam2-panel').waitFor();
      await viewer.picture('clip');
      requireNoProblems(opened.problems);
    });
  });
});
