/** Steps that many tests take, as a user takes them. */
import { structureOf, type PhantomStudy, type Point, type Problems, type ViewerPage } from '@medsam2/demo';

const answerMs = 60_000;

/** Opposite corners of the box around a structure on its slice, [column, row]. */
export function boxOf(study: PhantomStudy, name: string): [Point, Point] {
  const [x0, y0, x1, y1] = structureOf(study, name).box;
  return [
    [x0, y0],
    [x1, y1],
  ];
}

/** Goes to the slice of a structure and draws the box around it by mouse. */
export async function segment(viewer: ViewerPage, study: PhantomStudy, name: string): Promise<void> {
  await viewer.jumpTo(study, structureOf(study, name).slice);
  // pressed once more, it would be put away
  if ((await viewer.part('medsam2-tool-box').getAttribute('aria-pressed')) !== 'true')
    await viewer.press('medsam2-tool-box');
  await viewer.drag(boxOf(study, name));
}

/** Until the viewer holds a mask of the segment on the slice. @returns the mask of the whole series, 0 or 1 */
export async function waitForMask(
  viewer: ViewerPage,
  study: PhantomStudy,
  segmentNumber: number,
  slice: number,
): Promise<Uint8Array> {
  const area = study.grid.rows * study.grid.columns;
  let mask = new Uint8Array();
  await viewer.until(`a mask of segment ${segmentNumber} on slice ${slice}`, answerMs, async () => {
    mask = new Uint8Array(await viewer.mask(study, segmentNumber));
    return mask.subarray(slice * area, (slice + 1) * area).includes(1);
  });
  return mask;
}

/** Presses Propagate and waits for its end. */
export async function propagate(viewer: ViewerPage): Promise<void> {
  await viewer.press('medsam2-propagate');
  await waitForState(viewer, 'medsam2-run-state', 'done');
}

/** Saves and waits until the PACS gave it back equal. */
export async function save(viewer: ViewerPage): Promise<void> {
  await viewer.press('medsam2-save');
  await waitForState(viewer, 'medsam2-save-state', 'verified');
}

async function waitForState(viewer: ViewerPage, cy: string, state: string): Promise<void> {
  await viewer
    .part(cy)
    .and(viewer.page.locator(`[data-state="${state}"]`))
    .first()
    .waitFor({ timeout: answerMs });
}

/** Nothing went wrong in the page so far. */
export function requireNoProblems(problems: Problems, expected: readonly RegExp[] = []): void {
  expect(problems.all(expected)).toEqual([]);
}
