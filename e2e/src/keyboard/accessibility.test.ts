/** The panel inside the viewer, state by state: no accessibility issue that matters; and its hotkeys are listed by the viewer. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults, RunOptions } from 'axe-core';
import type { Locator } from 'playwright-core';
import { startTcpProxy, type TcpProxy } from '@medsam2/tests/dist/support/tcp-proxy.js';
import {
  boxOf,
  describeWithViewer,
  openViewer,
  save,
  segment,
  structureOf,
  waitForMask,
  type OpenedViewer,
  type PhantomStudy,
  type ViewerPage,
} from '../support/index.js';
import { noticeOf, partWith, serverIs } from '../failures/panel.js';
import { spokenPlace } from './keys.js';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const organ = 'left kidney';
const panel = 'medsam2-panel';

describeWithViewer('the panel in the viewer', () => {
  let opened: OpenedViewer;
  let viewer: ViewerPage;
  let study: PhantomStudy;
  let line: TcpProxy;

  beforeAll(async () => {
    opened = await openViewer({
      name: 'accessibility',
      beforeServer: async (url) => {
        line = await startTcpProxy(Number(new URL(url).port));
        return { url: `http://127.0.0.1:${line.port}`, close: () => line.close() };
      },
    });
    ({ viewer } = opened);
    study = opened.study('ct');
    await viewer.open(study);
    await serverIs(viewer, 'online');
    await viewer.page.evaluate(readFileSync(axe, 'utf8'));
  });
  afterAll(() => opened?.close());

  it('has no serious issue before anything is drawn, and an issue that is there is found', async () => {
    expect(await issues(viewer, panel)).toEqual([]);
    const undo = await partWith(viewer, 'medsam2-undo');
    const name = (await undo.getAttribute('aria-label')) ?? '';
    await undo.evaluate((button) => button.removeAttribute('aria-label'));
    expect(await issues(viewer, panel)).toEqual([expect.stringContaining('button-name')]);
    await undo.evaluate((button, label) => button.setAttribute('aria-label', label), name);
  });

  it('has none while keys draw, with a mask, during a run and after it', async () => {
    await segment(viewer, study, organ);
    await waitForMask(viewer, study, 1, structureOf(study, organ).slice);
    await viewer.press('medsam2-prompts-toggle');
    expect(await issues(viewer, panel)).toEqual([]);

    await viewer.page.keyboard.press('k');
    await spokenPlace(viewer);
    expect(await issues(viewer, '[data-cy=medsam2-keyboard]')).toEqual([]);
    await viewer.page.keyboard.press('Escape');

    await viewer.press('medsam2-propagate');
    await partWith(viewer, 'medsam2-run-state', { 'data-state': 'running' });
    await viewer.picture('running');
    expect(await issues(viewer, panel)).toEqual([]);
    await partWith(viewer, 'medsam2-run-state', { 'data-state': 'done' });
    await noticeOf(viewer, 'run');
    await save(viewer);
    await viewer.picture('saved');
    expect(await issues(viewer, panel)).toEqual([]);
  });

  it('has none while the server is away', async () => {
    line.behaviour = { refuse: true };
    await viewer.drag(boxOf(study, organ));
    await serverIs(viewer, 'offline');
    await viewer.picture('offline');
    expect(await issues(viewer, panel)).toEqual([]);
    line.behaviour = {};
    await serverIs(viewer, 'online');
  });

  it('has its hotkeys in the dialog of the viewer', async () => {
    const { page } = viewer;
    await (await settingsButton(viewer)).click();
    await page.getByRole('menuitem', { name: 'Preferences' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Hotkeys').first().waitFor();
    await viewer.picture('hotkeys');
    const text = await dialog.innerText();
    for (const label of ['box', 'propagate', 'next doubtful slice', 'draw with the keyboard', 'go to the panel']) {
      expect(text).toContain(`MedSAM2 – ${label}`);
    }
  });
});

/** The viewer's gear has no name: it is the menu that lies farthest to the right in the bar at the top. */
async function settingsButton({ page }: ViewerPage): Promise<Locator> {
  let [found, right]: [Locator | undefined, number] = [undefined, 0];
  for (const button of await page.locator('button[aria-haspopup=menu]:visible').all()) {
    const box = await button.boundingBox();
    if (box === null || box.y > 60 || box.x < right) continue;
    [found, right] = [button, box.x];
  }
  if (found === undefined) throw new Error('there is no menu in the bar at the top');
  return found;
}

async function issues(viewer: ViewerPage, selector: string): Promise<string[]> {
  const options: RunOptions = { resultTypes: ['violations'] };
  const { violations, passes } = await viewer.page.evaluate(
    ([where, given]) =>
      (window as unknown as { axe: { run(where: object, options: RunOptions): Promise<AxeResults> } }).axe.run(
        document.querySelector(where) ?? document,
        given,
      ),
    [selector, options] as const,
  );
  if (passes.length === 0) throw new Error(`nothing was looked at in ${selector}`);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id} ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}
