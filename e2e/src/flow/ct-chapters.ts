/** A box on a key slice of a CT, and the volume that streams in. */
import { boxOf, structureOf } from '../support/index.js';
import { streamSeen, watchStream } from './in-page.js';
import { agreement, onSlice, slicesWith } from './masks.js';
import type { Chapter } from './story.js';
import { hueOf, isOfHue } from './user.js';
import { leftKidney, type Visit } from './visit.js';

/** Slices between the key slice and the one that is looked at while the volume streams in. */
const away = 1;

/** So that the slices of a volume come over some seconds, however fast the machine is. */
const slowLine = 8000;

export function ctChapters(chapter: Chapter, visit: Visit): void {
  chapter('a box drawn by mouse becomes a mask', async () => {
    const { user, ct } = visit;
    const { viewer } = user;
    const { slice, label } = structureOf(ct, 'left kidney');
    await viewer.open(ct);
    await viewer.part('medsam2-panel').waitFor({ timeout: 30_000 });
    await viewer.jumpTo(ct, slice);
    await user.take('box');
    await viewer.drag(boxOf(ct, 'left kidney'));
    const mask = await user.waitForSlice(ct, leftKidney, slice);
    expect(slicesWith(ct, mask)).toEqual([slice]);
    expect(agreement(ct, mask, label, slice)).toBeGreaterThan(0.9);
    await user.waitForPaint(ct, leftKidney, 'axial', await viewer.activeViewport(), { slice });
    await viewer.picture('1-box');
  });

  chapter('the segment gets a coded term and its colour', async () => {
    const { user, ct } = visit;
    const before = await user.colourOf(leftKidney);
    await user.nameAs('left kidney', 'Left kidney');
    expect(await user.colourOf(leftKidney)).not.toEqual(before);
    const { slice } = structureOf(ct, 'left kidney');
    await user.waitForPaint(ct, leftKidney, 'axial', await user.viewer.activeViewport(), { slice });
  });
}

export function streamChapters(chapter: Chapter, visit: Visit): void {
  chapter('slices stream in while the propagation runs', async () => {
    const { user, ct, line } = visit;
    const { viewer } = user;
    const { slice, label, box } = structureOf(ct, 'left kidney');
    await user.goTo(ct, slice + away);
    const middle = [Math.round((box[0] + box[2]) / 2), Math.round((box[1] + box[3]) / 2)];
    await viewer.page.evaluate(watchStream, [leftKidney, await viewer.activeViewport(), middle] as const);
    line.bytesPerSecond = slowLine;
    await user.beginRun();
    await user.waitForRun();
    line.bytesPerSecond = undefined;
    const seen = await viewer.page.evaluate(streamSeen);
    const mask = await user.mask(ct, leftKidney);
    const all = slicesWith(ct, mask).length;

    // more than the key slice, less than the whole
    const during = seen.filter(({ slices }) => slices > 1 && slices < all);
    expect(during.length).toBeGreaterThanOrEqual(2);
    const hue = hueOf(await user.colourOf(leftKidney));
    expect(during.some(({ colour }) => isOfHue(colour, hue))).toBe(true);
    expect(onSlice(ct, mask, slice + away)).toContain(1);
    expect(agreement(ct, mask, label)).toBeGreaterThanOrEqual(0.85);
    await user.waitForPaint(ct, leftKidney, 'axial', await viewer.activeViewport(), { slice: slice + away });
    visit.masks.set(leftKidney, mask);
    await viewer.picture('2-propagated');
  });
}
