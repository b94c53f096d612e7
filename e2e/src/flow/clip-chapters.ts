/** A clip, frames instead of slices, and an MR: the same way, shorter. */
import { boxOf, structureOf } from '../support/index.js';
import { agreement, onSlice, slicesWith } from './masks.js';
import type { Chapter } from './story.js';
import { storedSince } from './stored.js';
import type { User } from './user.js';
import type { Visit } from './visit.js';

export function clipChapters(chapter: Chapter, visit: Visit): void {
  const [first, last] = [4, 30];

  chapter('a clip is segmented on its frames, and only there', async () => {
    const { user } = visit;
    const { viewer } = user;
    const us = user.opened.study('us');
    await viewer.open(us);
    await viewer.part('medsam2-panel').waitFor({ timeout: 30_000 });
    const { slice, label } = structureOf(us, 'cavity');
    const key = Math.min(last - 2, Math.max(first + 2, slice));
    await viewer.jumpTo(us, key);
    await user.take('box');
    await viewer.drag(boxOf(us, 'cavity'));
    await user.waitForClipPaint(us, key, label);
    await viewer.picture('20-clip-box');
    await user.setRange(us, first, last);
    await user.propagate();
    for (const frame of [first, Math.round((first + last) / 2), last]) {
      await user.goTo(us, frame);
      await user.waitForClipPaint(us, frame, label);
    }
    await viewer.picture('21-clip');
    for (const frame of [first - 1, last + 1]) {
      await user.goTo(us, frame);
      await user.waitForNoClipPaint(us, frame, label);
    }
    await user.nameAs('left ventricle', 'Left ventricle');
    await save(user);
    const { segments } = await storedSince(user.opened, us, new Set());
    const [{ mask }] = segments;
    const frames = slicesWith(us, mask);
    expect(frames).toEqual(Array.from({ length: last - first + 1 }, (_, at) => first + at));
    const least = Math.min(...frames.map((frame) => agreement(us, mask, label, frame)));
    expect({ least, good: least >= 0.85 }).toEqual({ least, good: true });
  });
}

export function mrChapters(chapter: Chapter, visit: Visit): void {
  chapter('an MR is segmented and saved', async () => {
    const { user } = visit;
    const { viewer } = user;
    const mr = user.opened.study('mr');
    await viewer.open(mr);
    await viewer.part('medsam2-panel').waitFor({ timeout: 30_000 });
    const { slice, label } = structureOf(mr, 'lesion');
    await viewer.jumpTo(mr, slice);
    await user.take('box');
    await viewer.drag(boxOf(mr, 'lesion'));
    const mask = await user.waitForSlice(mr, 1, slice);
    expect(onSlice(mr, mask, slice)).toContain(1);
    await user.propagate();
    await user.waitForPaint(mr, 1, 'axial', await viewer.activeViewport(), { slice });
    await viewer.picture('22-mr');
    await save(user);
    const { segments } = await storedSince(user.opened, mr, new Set());
    const dice = agreement(mr, segments[0].mask, label);
    expect({ dice, good: dice >= 0.85 }).toEqual({ dice, good: true });
  });
}

async function save(user: User): Promise<void> {
  await user.press('medsam2-save');
  await user.waitForSave();
}
