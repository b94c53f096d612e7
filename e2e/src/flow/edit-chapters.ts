/** What a person mends: a point, a stretch, the brush, undo and redo, and a second segment over the first. */
import { boxOf, structureOf, type PhantomStudy, type Point } from '../support/index.js';
import { agreement, deepest, differing, onSlice, probes, slicesWith } from './masks.js';
import type { Chapter } from './story.js';
import { hueBetween, hueOf, type User } from './user.js';
import { leftKidney, lesion, liver, type Visit } from './visit.js';

/** Slices on either side of the corrected one that are propagated anew. */
const reach = 4;

export function editChapters(chapter: Chapter, visit: Visit): void {
  let corrected = 0;
  /** masks of the kidney after each change, oldest first */
  const steps: Uint8Array[] = [];

  chapter('a point corrects a doubtful slice', async () => {
    const { user, ct } = visit;
    const { label } = structureOf(ct, 'left kidney');
    const before = visit.masks.get(leftKidney) ?? new Uint8Array();
    corrected = await doubtfulSlice(user, ct, before, label);
    await user.goTo(ct, corrected);
    const { tool, point } = correction(ct, before, label, corrected);
    await user.take(tool);
    await user.viewer.clickImage(point);
    const mask = await user.waitFor(
      `the ${tool} on slice ${corrected} to change the mask there`,
      () => user.mask(ct, leftKidney),
      (seen) => differing(ct, seen, before).length > 0,
    );
    await user.rest();
    expect(differing(ct, mask, before)).toEqual([corrected]);
    await user.unfold('medsam2-prompts');
    expect(await user.viewer.part('medsam2-prompt').count()).toBe(2);
    steps.push(before, await user.mask(ct, leftKidney));
    await user.viewer.picture('3-corrected');
  });

  chapter('a stretch is propagated again, and nothing outside of it changes', async () => {
    const { user, ct } = visit;
    const [first, last] = [corrected - reach, corrected + reach];
    await user.setRange(ct, first, last);
    await user.viewer.picture('4-stretch');
    const before = await user.mask(ct, leftKidney);
    await user.propagate();
    const mask = await user.mask(ct, leftKidney);
    const changed = differing(ct, mask, before);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.filter((slice) => slice < first || slice > last)).toEqual([]);
    await user.press('medsam2-clear-range');
    steps.push(mask);
  });

  chapter('the host’s brush paints into the mask', async () => {
    const { user, ct } = visit;
    const { slice, box } = structureOf(ct, 'left kidney');
    const before = await user.mask(ct, leftKidney);
    await user.goTo(ct, slice);
    await user.take('brush');
    const [x, y] = [box[2] + 6, Math.round((box[1] + box[3]) / 2)];
    await user.viewer.drag([[x, y], [x, y + 6]]); // prettier-ignore
    await user.rest();
    const mask = await user.waitFor(
      'painted pixels',
      () => user.mask(ct, leftKidney),
      (seen) => differing(ct, seen, before).length > 0,
    );
    expect(differing(ct, mask, before)).toEqual([slice]);
    expect(onSlice(ct, mask, slice)[y * ct.grid.columns + x]).toBe(1);
    await user.waitForPaint(ct, leftKidney, 'axial', await user.viewer.activeViewport(), { slice });
    await user.viewer.picture('5-brush');
    steps.push(mask);
  });

  chapter('undo and redo go back and forth through all of it', async () => {
    const { user, ct } = visit;
    const last = steps.length - 1;
    for (let step = last - 1; step >= 0; step--) {
      await user.press('medsam2-undo');
      await user.waitForMasks(`step ${step} after undo`, ct, new Map([[leftKidney, steps[step]]]));
    }
    for (let step = 1; step <= last; step++) {
      await user.press('medsam2-redo');
      await user.waitForMasks(`step ${step} after redo`, ct, new Map([[leftKidney, steps[step]]]));
    }
    // the brush painted where no kidney is
    await user.press('medsam2-undo');
    await user.waitForMasks('the masks before the brush', ct, new Map([[leftKidney, steps[last - 1]]]));
    visit.masks.set(leftKidney, steps[last - 1]);
  });

  chapter('further segments, one over another', async () => {
    const { user, ct } = visit;
    for (const [segment, name, query, term] of [
      [liver, 'liver', 'liver', 'Liver'],
      [lesion, 'lesion', 'liver cyst', 'Liver cyst'],
    ] as const) {
      const { slice } = structureOf(ct, name);
      await user.press('medsam2-add-segment');
      await user.viewer.part(`medsam2-segment-${segment}`).waitFor({ timeout: 30_000 });
      await user.nameAs(query, term);
      await user.goTo(ct, slice);
      await user.take('box');
      await user.viewer.drag(boxOf(ct, name));
      await user.waitForSlice(ct, segment, slice);
      await user.propagate();
      const mask = await user.mask(ct, segment);
      visit.masks.set(segment, mask);
    }
    await user.waitForMasks('the kidney to be as it was', ct, visit.masks);
    const [, whole, part] = [...visit.masks.values()];
    const overlap = whole.reduce((sum, value, at) => sum + (value & part[at]), 0);
    expect(overlap).toBeGreaterThan(50);
    const viewport = await user.viewer.activeViewport();
    const { slice } = structureOf(ct, 'lesion');
    await user.waitForPaint(ct, liver, 'axial', viewport, { slice, avoid: part });
    const both = probes(ct, part, 'axial', [0, 0, slice]);
    const [below, above] = [hueOf(await user.colourOf(liver)), hueOf(await user.colourOf(lesion))];
    await user.waitFor(
      'both colours where segments overlap: a hue between them',
      () => user.colours(viewport, ct, { ...both, outside: [] }),
      ({ inside }) =>
        inside.length > 0 &&
        inside.every((colour) => hueBetween(hueOf(colour), above) < 0.7 * hueBetween(below, above)),
    );
    await user.viewer.picture('6-overlapping');
  });
}

/** The next doubtful slice of the active segment as the panel finds it; where there is none, the one that fits worst. */
async function doubtfulSlice(user: User, ct: PhantomStudy, mask: Uint8Array, label: number): Promise<number> {
  const button = user.viewer.part('medsam2-next-doubtful');
  if ((await button.getAttribute('aria-disabled')) !== 'true') {
    const before = await user.textOf('medsam2-position');
    await button.click();
    const text = await user.waitFor(
      'another slice',
      () => user.textOf('medsam2-position'),
      (seen) => seen !== before,
    );
    const slice = Number.parseInt(text, 10) - 1;
    if (slicesWith(ct, mask).includes(slice)) return slice;
  }
  const worst = slicesWith(ct, mask).map((slice) => ({ slice, dice: agreement(ct, mask, label, slice) }));
  return worst.reduce((a, b) => (b.dice < a.dice ? b : a)).slice;
}

/** Where a person would click: the middle of the largest piece that is missing or too much. */
function correction(
  ct: PhantomStudy,
  mask: Uint8Array,
  label: number,
  slice: number,
): { readonly tool: 'point' | 'pointNegative'; readonly point: Point } {
  const { rows, columns } = ct.grid;
  const found = onSlice(ct, mask, slice);
  const truth = onSlice(ct, ct.truth, slice);
  const at = (column: number, row: number): number | undefined =>
    column >= 0 && row >= 0 && column < columns && row < rows ? row * columns + column : undefined;
  const within = (wanted: (index: number) => boolean) => (column: number, row: number) => {
    const index = at(column, row);
    return index !== undefined && wanted(index);
  };
  const missing = within((index) => truth[index] === label && found[index] === 0);
  const extra = within((index) => truth[index] !== label && found[index] === 1);
  const count = (is: typeof missing): number => found.reduce((sum, _, i) => sum + Number(is(i % columns, (i / columns) | 0)), 0); // prettier-ignore
  const [tool, piece] = count(missing) >= count(extra) ? (['point', missing] as const) : (['pointNegative', extra] as const); // prettier-ignore
  const point = deepest(ct, piece);
  if (point === undefined) throw new Error(`the mask of slice ${slice} has nothing to correct`);
  return { tool, point };
}
