/** What a person does with prompts on the canvas, beyond drawing them, and the viewer's own undo. */
import { differing } from '../flow/masks.js';
import { User } from '../flow/user.js';
import {
  boxOf,
  describeWithViewer,
  openViewer,
  requireNoProblems,
  segment,
  structureOf,
  waitForMask,
  type OpenedViewer,
  type PhantomStudy,
} from '../support/index.js';

describeWithViewer('prompts on the canvas', () => {
  let opened: OpenedViewer;
  let user: User;
  let study: PhantomStudy;
  let kidney = new Uint8Array();
  beforeAll(async () => {
    opened = await openViewer({ name: 'tools' });
    user = new User(opened);
    study = opened.study('ct');
    await opened.viewer.open(study);
    await opened.viewer.part('medsam2-panel').waitFor();
  });
  afterAll(() => opened?.close());

  const changedFrom = (before: Uint8Array, what: string): Promise<Uint8Array> =>
    user.waitFor(
      what,
      () => user.mask(study, 1),
      (mask) => differing(study, mask, before).length > 0,
    );

  it('the header’s undo and redo are the session’s', async () => {
    const { viewer, page } = opened;
    await segment(viewer, study, 'left kidney');
    kidney = new Uint8Array(await waitForMask(viewer, study, 1, structureOf(study, 'left kidney').slice));
    await user.rest();
    const [undo, redo] = [0, 1].map((which) => page.locator('.text-primary.cursor-pointer > button').nth(which));
    await undo.click();
    await user.waitForMasks('no mask after undo', study, new Map([[1, new Uint8Array(kidney.length)]]));
    await redo.click();
    await user.waitForMasks('the mask after redo', study, new Map([[1, kidney]]));
    requireNoProblems(opened.problems);
  });

  it('a corner of a box that is moved asks again, and Delete takes the box away', async () => {
    const { viewer, page } = opened;
    const [[x0], [x1, y1]] = boxOf(study, 'left kidney');
    await user.rest();
    await viewer.drag([[x1, y1], [Math.round((x0 + x1) / 2), y1]]); // prettier-ignore
    await changedFrom(kidney, 'another mask from the smaller box');
    await user.rest();
    await user.unfold('medsam2-prompts');
    expect(await viewer.part('medsam2-prompt').count()).toBe(1);
    await viewer.picture('moved');

    await page.keyboard.press('Delete');
    await user.waitForMasks('no mask without its box', study, new Map([[1, new Uint8Array(kidney.length)]]));
    expect(await viewer.part('medsam2-prompt').count()).toBe(0);
    requireNoProblems(opened.problems);
  });
});
