/** What the panel says, waited for; a wait in vain tells what was there instead. */
import type { ViewerPage } from '@medsam2/demo';
import type { Locator } from 'playwright-core';

const waitMs = 60_000;

/** Text of the panel as it is read out, in one line. */
export async function panelText(viewer: ViewerPage): Promise<string> {
  const panel = viewer.part('medsam2-panel');
  if ((await panel.count()) === 0) return '(no panel)';
  return (await panel.first().innerText()).replace(/\s+/g, ' ');
}

/**
 * @param attributes of the part, e.g. `{ 'data-state': 'sending' }`
 * @returns the part, when it is in the page
 * @throws Error with the text of the panel
 */
export async function partWith(
  viewer: ViewerPage,
  cy: string,
  attributes: Readonly<Record<string, string>> = {},
  ms = waitMs,
): Promise<Locator> {
  const also = Object.entries(attributes).map(([name, value]) => `[${name}="${value}"]`);
  const part = viewer.page.locator(`medsam2-panel [data-cy="${cy}"]${also.join('')}`).first();
  await until(viewer, `${cy}${also.join('')}`, async () => (await part.count()) > 0, ms);
  return part;
}

/** How the panel says that the server is reached. */
export const serverIs = (
  viewer: ViewerPage,
  phase: 'online' | 'offline' | 'login-needed',
  ms?: number,
): Promise<Locator> => partWith(viewer, 'medsam2-server', { 'data-phase': phase }, ms);

/** A message of the panel. @throws Error with the text of the panel */
export const noticeOf = (viewer: ViewerPage, id: string): Promise<Locator> =>
  partWith(viewer, 'medsam2-notice', { 'data-notice': id });

/** @throws Error with the text of the panel */
export async function until(
  viewer: ViewerPage,
  what: string,
  isSo: () => Promise<boolean>,
  ms = waitMs,
): Promise<void> {
  try {
    await viewer.until(what, ms, isSo);
  } catch (error) {
    throw new Error(`${what} did not come in ${ms / 1000} s; the panel says: ${await panelText(viewer)}`, {
      cause: error,
    });
  }
}
