/** The whole way of a user through the viewer, driven in a real browser: box, volume, save, and what the PACS then has. */
import { join } from 'node:path';
import { UserError } from '@medsam2/models';
import type { Pacs } from '@medsam2/server/dicomweb';
import { launchChromium } from '../browser/launch.js';
import { watchContext, type Problems } from '../browser/problems.js';
import { ViewerPage } from '../browser/viewer-page.js';
import { diceWith } from '../phantoms/dice.js';
import { structureOf, type PhantomStudy } from '../phantoms/index.js';
import { savedSegmentations } from './saved.js';

export interface CheckOptions {
  readonly url: string;
  readonly study: PhantomStudy;
  /** organ to be segmented */
  readonly structure: string;
  readonly pacs: Pacs;
  readonly headed: boolean;
  /** folder for pictures of a failure */
  readonly pictures: string;
}

export interface CheckResult {
  /** Dice of what the PACS has with the truth */
  readonly dice: number;
  readonly slices: number;
  /** from the release of the mouse to the first mask, milliseconds */
  readonly firstMaskMs: number;
  /** from pressing Propagate to the end, milliseconds */
  readonly propagationMs: number;
  readonly description: string;
}

const leastDice = 0.85;
const answerMs = 60_000;

/** @throws UserError `check-failed`: what did not happen, and where the picture is */
export async function check(options: CheckOptions): Promise<CheckResult> {
  const browser = await launchChromium({ headed: options.headed });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const problems = await watchContext(context, new URL(options.url).origin);
    const viewer = new ViewerPage(await context.newPage(), options.url, options.pictures);
    try {
      const result = await drive(viewer, options);
      requireNone(problems);
      return result;
    } catch (error) {
      await viewer.picture('failure');
      const text = error instanceof Error ? error.message : String(error);
      const seen = problems.all().map((problem) => `\n  ${problem.kind}: ${problem.text.slice(0, 500)}`);
      throw new UserError(
        'check-failed',
        `The viewer did not do what it should: ${text}${seen.slice(0, 5).join('')}`,
        `See ${join(options.pictures, 'failure.png')} and the server’s log; --headed shows the browser.`,
        { cause: error },
      );
    }
  } finally {
    await browser.close();
  }
}

async function drive(viewer: ViewerPage, { study, structure, pacs }: CheckOptions): Promise<CheckResult> {
  const { label, slice, box } = structureOf(study, structure);
  const [x0, y0, x1, y1] = box;
  const before = new Set((await savedSegmentations(pacs, study)).map(({ sopInstanceUid }) => sopInstanceUid));
  const area = study.grid.rows * study.grid.columns;
  const slicesOf = (mask: Uint8Array): number => {
    let count = 0;
    for (let at = 0; at < mask.length; at += area) if (mask.subarray(at, at + area).includes(1)) count++;
    return count;
  };

  await viewer.open(study);
  await viewer.part('medsam2-panel').waitFor();
  await viewer.jumpTo(study, slice);
  await viewer.press('medsam2-tool-box');
  await viewer.drag([
    [x0, y0],
    [x1, y1],
  ]);
  const released = performance.now();
  await viewer.until('a mask on the slice of the box', answerMs, async () => slicesOf(await viewer.mask(study, 1)) > 0);
  const firstMaskMs = performance.now() - released;

  const begin = performance.now();
  await viewer.press('medsam2-propagate');
  await viewer.part('medsam2-run-state').and(viewer.page.locator('[data-state="done"]')).waitFor({ timeout: answerMs });
  const propagationMs = performance.now() - begin;
  await viewer.until('a mask on many slices', answerMs, async () => slicesOf(await viewer.mask(study, 1)) > 5);

  await viewer.press('medsam2-save');
  await viewer
    .part('medsam2-save-state')
    .and(viewer.page.locator('[data-state="verified"]'))
    .waitFor({ timeout: answerMs });
  const saved = (await savedSegmentations(pacs, study)).find(({ sopInstanceUid }) => !before.has(sopInstanceUid));
  if (saved === undefined) throw new Error('the PACS has no new segmentation');
  const [segment] = saved.segments;
  const dice = diceWith(segment.mask, study.truth, label);
  if (dice < leastDice)
    throw new Error(`the saved mask has a Dice of ${dice.toFixed(3)} with the truth, less than ${leastDice}`);
  return { dice, slices: slicesOf(segment.mask), firstMaskMs, propagationMs, description: saved.description };
}

function requireNone(problems: Problems): void {
  const [first] = problems.all();
  if (first !== undefined) throw new Error(`there was a ${first.kind}`);
}
