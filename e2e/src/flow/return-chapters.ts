/** Saving, and coming back: after a reload, from the saved segmentation, from the study list. */
import { modesIn, ownMode, rowOf, structureOf } from '../support/index.js';
import { agreement } from './masks.js';
import type { Chapter } from './story.js';
import { storedSince } from './stored.js';
import { leftKidney, lesion, liver, type Visit } from './visit.js';

const organs = [
  { segment: leftKidney, structure: 'left kidney', label: 'Left kidney', type: 'Kidney' },
  { segment: liver, structure: 'liver', label: 'Liver', type: 'Liver' },
  { segment: lesion, structure: 'lesion', label: 'Liver cyst', type: 'Cyst' },
] as const;

export function returnChapters(chapter: Chapter, visit: Visit): void {
  chapter('the saved segmentation is in the PACS, as it was shown', async () => {
    const { user, ct, masks } = visit;
    const { viewer } = user;
    await viewer.part('medsam2-save-description').fill('End to end');
    await user.press('medsam2-save');
    await user.waitForSave();
    await viewer.part('medsam2-save').scrollIntoViewIfNeeded();
    await viewer.picture('7-saved');
    const { segments, description } = await storedSince(user.opened, ct, new Set());
    expect(description).toBe('End to end (demonstration)');
    expect(segments.map(({ label, terms }) => [label, terms?.type.scheme, terms?.type.meaning])).toEqual(
      organs.map(({ label, type }) => [label, 'SCT', type]),
    );
    for (const [at, { segment, structure }] of organs.entries()) {
      const { mask, colour = [0, 0, 0], algorithmType } = segments[at];
      const shown = await user.colourOf(segment);
      const dice = agreement(ct, mask, structureOf(ct, structure).label);
      expect({ structure, dice, good: dice >= 0.85 }).toEqual({ structure, dice, good: true });
      expect({ structure, same: Buffer.compare(mask, masks.get(segment) ?? mask.slice(1)) }).toEqual({ structure, same: 0 }); // prettier-ignore
      // stored as CIELab in 16 bits
      expect(Math.max(...shown.map((value, channel) => Math.abs(value - colour[channel])))).toBeLessThan(4);
      expect(algorithmType).toBe('SEMIAUTOMATIC');
    }
  });

  chapter('after a reload of the page the session is there again', async () => {
    const { user, ct, masks } = visit;
    await user.viewer.page.reload({ waitUntil: 'domcontentloaded' });
    await user.viewer.waitForImages();
    await user.waitForMasks('the masks after a reload', ct, masks);
    const { slice } = structureOf(ct, 'left kidney');
    await user.goTo(ct, slice);
    await user.waitForPaint(ct, leftKidney, 'axial', await user.viewer.activeViewport(), { slice });
    await user.viewer.picture('8-reloaded');
  });

  chapter('work goes on from the saved segmentation', async () => {
    const { user, ct, masks } = visit;
    await user.press('medsam2-discard');
    await user.press('medsam2-discard-confirm');
    await user.waitForMasks(
      'no masks',
      ct,
      new Map([...masks.keys()].map((id) => [id, new Uint8Array(ct.truth.length)])),
    );
    await user.unfold('medsam2-stored');
    await user.press('medsam2-continue-from');
    await user.waitForMasks('the masks that were saved', ct, masks);
    expect(await user.segmentNames()).toEqual(organs.map(({ label }) => label));
    await user.viewer.picture('9-continued');
  });

  chapter('to the study list and back again', async () => {
    const { user, ct, masks } = visit;
    const { page } = user.viewer;
    await page.locator('[data-cy="return-to-work-list"]').click({ timeout: 30_000 });
    await rowOf(page, ct).waitFor({ timeout: 30_000 });
    await user.viewer.picture('10-list');
    await rowOf(page, ct).click();
    await ownMode(page).waitFor({ timeout: 30_000 });
    const [offeredFirst] = await modesIn(page).evaluateAll((modes) => modes.map((mode) => mode.outerHTML));
    expect(offeredFirst).toMatch(/\/medsam2\?|>MedSAM2</);
    await ownMode(page).click();
    await user.viewer.waitForImages();
    await user.viewer.part('medsam2-panel').waitFor({ timeout: 30_000 });
    await user.waitForMasks('the masks after the study list', ct, masks);
  });
}
