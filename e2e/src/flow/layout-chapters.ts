/** Reformats in three planes, and the masks in space. */
import { structureOf, type PhantomStudy } from '../support/index.js';
import { focalPoint, showWorld } from './in-page.js';
import { agreement, placeOf, slicesWith, voxelAt } from './masks.js';
import type { Chapter } from './story.js';
import { leftKidney, liver, type Visit } from './visit.js';

/** made in the reformats */
const rightKidney = 4;

const smallWindow = { width: 860, height: 480 };

export function layoutChapters(chapter: Chapter, visit: Visit): void {
  chapter('reformats show the masks in all three planes', async () => {
    const { user, ct } = visit;
    const { viewer } = user;
    await viewer.setHangingProtocol('mpr');
    await viewer.waitForImages(3);
    const { slice, box } = structureOf(ct, 'left kidney');
    const middle = [Math.round((box[0] + box[2]) / 2), Math.round((box[1] + box[3]) / 2), slice] as const;
    await viewer.page.evaluate(showWorld, placeOf(ct, middle));
    for (const plane of ['axial', 'sagittal', 'coronal'] as const)
      await user.waitForPaint(ct, leftKidney, plane, await user.viewportOf(plane));
    await viewer.picture('11-mpr');
  });

  chapter('a box drawn across the slices becomes a mask, and a volume', async () => {
    const { user, ct } = visit;
    const { viewer } = user;
    const { label } = structureOf(ct, 'right kidney');
    const around = extent(ct, label);
    const middle = around.map(([low, high]) => Math.round((low + high) / 2)) as [number, number, number];
    await viewer.page.evaluate(showWorld, placeOf(ct, middle));
    await user.press('medsam2-add-segment');
    await viewer.part(`medsam2-segment-${rightKidney}`).waitFor({ timeout: 30_000 });
    const coronal = await user.viewportOf('coronal');
    const row = voxelAt(ct, await viewer.page.evaluate(focalPoint, coronal))[1];
    await user.take('box');
    const [[left, right], , [bottom, top]] = extent(ct, label, row);
    const corners = [placeOf(ct, [left - 2, row, top + 1]), placeOf(ct, [right + 2, row, bottom - 1])];
    // The viewer takes the first press in a viewport that is not active for choosing it, whatever the tool.
    await viewer.clickImage(corners[0], coronal);
    await user.waitFor(
      'the coronal viewport to be active',
      () => viewer.activeViewport(),
      (active) => active === coronal,
    );
    await viewer.drag(corners, coronal);
    await user.waitFor(
      'a mask from the box across the slices',
      async () => slicesWith(ct, await user.mask(ct, rightKidney)),
      (slices) => slices.length > 0,
    );
    await viewer.picture('12-coronal-box');
    await user.propagate();
    const mask = await user.mask(ct, rightKidney);
    const dice = agreement(ct, mask, label);
    expect({ dice, good: dice >= 0.85 }).toEqual({ dice, good: true });
    for (const plane of ['axial', 'sagittal', 'coronal'] as const)
      await user.waitForPaint(ct, rightKidney, plane, await user.viewportOf(plane));
    visit.masks.set(rightKidney, mask);
    await viewer.picture('13-mpr-volume');
  });

  chapter('the masks are seen in space', async () => {
    const { user, ct, masks } = visit;
    const { viewer } = user;
    // A frame of a volume takes seconds without a graphics card, the more the larger it is.
    const size = viewer.page.viewportSize();
    if (process.env.E2E_SIZE === undefined) await viewer.page.setViewportSize(smallWindow);
    await viewer.setHangingProtocol('mprAnd3DVolumeViewport');
    await viewer.waitForImages(4);
    const space = (await viewer.viewports()).find(({ type }) => type === 'volume3d');
    if (space === undefined) throw new Error('there is no viewport of space');
    // blue, which nothing of the volume itself is
    const colour = await user.colourOf(liver);
    const shown = await user.waitFor(
      'the colour of a segment in space',
      () => user.pixelsOf(space.id, colour),
      (count) => count > 100,
    );
    await viewer.picture('14-space');
    // so that it is the segment, not the colours of the volume
    const eye = viewer.part(`medsam2-segment-${liver}`).locator('[data-cy="medsam2-segment-visible"]');
    await eye.click();
    await user.waitFor(
      'the hidden segment to go from space',
      () => user.pixelsOf(space.id, colour),
      (count) => count < shown / 4,
    );
    await eye.click();
    await user.waitForMasks('the masks to be as they were', ct, masks);
    if (size !== null) await viewer.page.setViewportSize(size);
  });
}

/** Smallest and largest index of a label by axis, columns, rows, slices: of the volume, or of one row's coronal plane. */
function extent({ truth, grid }: PhantomStudy, label: number, onRow?: number): [number, number][] {
  const { rows, columns } = grid;
  const ends = [0, 1, 2].map((): [number, number] => [Infinity, -Infinity]);
  truth.forEach((value, at) => {
    if (value !== label) return;
    const place = [at % columns, Math.floor(at / columns) % rows, Math.floor(at / columns / rows)];
    if (onRow !== undefined && place[1] !== onRow) return;
    place.forEach((index, axis) => {
      ends[axis] = [Math.min(ends[axis][0], index), Math.max(ends[axis][1], index)];
    });
  });
  return ends;
}
