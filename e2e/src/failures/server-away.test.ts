/** The server cannot be reached, or dies in the middle: the panel says so, nothing is lost, and work goes on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServerProcess, type ServerProcess } from '@medsam2/demo';
import { startTcpProxy, type TcpProxy } from '@medsam2/tests/dist/support/tcp-proxy.js';
import {
  boxOf,
  describeWithViewer,
  diceWith,
  openViewer,
  requireNoProblems,
  save,
  segment,
  structureOf,
  waitForMask,
  type OpenedViewer,
  type PhantomStudy,
} from '../support/index.js';
import { noticeOf, partWith, panelText, serverIs, until } from './panel.js';
import { makeSite, type Site } from './site.js';

const [first, second] = ['left kidney', 'right kidney'];

describeWithViewer('a server that', () => {
  let opened: OpenedViewer;
  let study: PhantomStudy;
  let site: Site;
  let data: string;
  /** between browser and server */
  let line: TcpProxy;
  let restarted: ServerProcess | undefined;

  beforeAll(async () => {
    site = await makeSite();
    data = mkdtempSync(join(tmpdir(), 'medsam2-away-'));
    opened = await openViewer({
      name: 'away',
      server: {
        config: { viewer: { directory: site.directory } },
        env: { MEDSAM2_DATA_DIR: data, MEDSAM2_THREADS: '1' },
      },
      beforeServer: async (url) => {
        line = await startTcpProxy(Number(new URL(url).port));
        return { url: `http://127.0.0.1:${line.port}`, close: () => line.close() };
      },
    });
    study = opened.study('ct');
    await opened.viewer.open(study);
    await serverIs(opened.viewer, 'online');
    await segment(opened.viewer, study, first);
    await waitForMask(opened.viewer, study, 1, structureOf(study, first).slice);
  });
  afterAll(async () => {
    await restarted?.close();
    await opened?.close();
    await site?.remove();
    rmSync(data, { recursive: true, force: true });
  });

  it('cannot be reached gets the box that was drawn meanwhile', async () => {
    const { viewer, problems } = opened;
    const { slice } = structureOf(study, second);
    requireNoProblems(problems);
    await viewer.press('medsam2-add-segment');
    await partWith(viewer, 'medsam2-segment-2', { 'data-active': 'true' });
    await viewer.jumpTo(study, slice);
    await viewer.press('medsam2-prompts-toggle');

    line.behaviour = { refuse: true };
    await viewer.drag(boxOf(study, second));
    await serverIs(viewer, 'offline');
    await partWith(viewer, 'medsam2-prompt', { 'data-state': 'sending' });
    expect(await panelText(viewer)).toContain('The segmentation server cannot be reached.');
    expect(await viewer.part('medsam2-propagate').getAttribute('aria-disabled')).toBe('true');
    await viewer.picture('offline');

    line.behaviour = {};
    await serverIs(viewer, 'online');
    await waitForMask(viewer, study, 2, slice);
    await until(viewer, 'two accepted prompts', async () => {
      const states = await viewer.part('medsam2-prompt').evaluateAll((rows) => rows.map((row) => row.dataset.state));
      return states.join() === 'accepted,accepted';
    });
    await viewer.picture('back');
  });

  it('dies in the middle of a propagation goes on with what it knew', async () => {
    const { viewer, problems } = opened;
    const port = new URL(opened.server.url).port;
    await viewer.part('medsam2-which-all').check();
    await viewer.press('medsam2-propagate');
    await viewer.page.waitForFunction(someSlicesDone, undefined, { polling: 'raf', timeout: 60_000 });
    await opened.server.end('SIGKILL');
    await serverIs(viewer, 'offline');
    expect(await viewer.part('medsam2-run-state').getAttribute('data-state')).not.toBe('done');
    await viewer.picture('died');
    const keptIn = async () =>
      slicesIn(await viewer.mask(study, 1), study) + slicesIn(await viewer.mask(study, 2), study);
    const kept = await keptIn();
    expect(kept).toBeGreaterThan(2);

    restarted = await startServerProcess({
      config: { viewer: { directory: site.directory } },
      env: { DICOMWEB_URL: opened.orthanc.url, MEDSAM2_MODEL: 'nano', MEDSAM2_DATA_DIR: data, PORT: port },
    });
    await serverIs(viewer, 'online');
    const notice = await noticeOf(viewer, 'run');
    expect(await notice.innerText()).toContain('The propagation broke off. What had arrived is kept');
    expect(await keptIn()).toBeGreaterThanOrEqual(kept);
    await viewer.picture('restarted');

    await notice.locator('[data-cy=medsam2-notice-retry]').click();
    await partWith(viewer, 'medsam2-run-state', { 'data-state': 'done' });
    await save(viewer);
    await viewer.picture('saved');
    const [saved] = await opened.saved(study);
    expect(saved.segments).toHaveLength(2);
    [first, second].forEach((name, at) => {
      expect(diceWith(saved.segments[at].mask, study.truth, structureOf(study, name).label)).toBeGreaterThan(0.85);
    });
    requireNoProblems(problems, [
      /ERR_(CONNECTION|EMPTY_RESPONSE|INCOMPLETE|SOCKET|NETWORK)/,
      /Failed to load resource/,
    ]);
  });
});

/** In the page: the run has results and goes on. */
function someSlicesDone(): boolean {
  const run = document.querySelector('medsam2-panel')?.shadowRoot?.querySelector('[data-cy=medsam2-run-state]');
  const done = Number(/(\d+) of/.exec(run?.textContent ?? '')?.[1] ?? 0);
  return run?.getAttribute('data-state') === 'running' && done > 3;
}

/** How many slices have a mask. */
function slicesIn(mask: Uint8Array, { grid }: PhantomStudy): number {
  const area = grid.rows * grid.columns;
  return Array.from({ length: grid.slices }, (_, at) => mask.subarray(at * area, (at + 1) * area)).filter((slice) =>
    slice.includes(1),
  ).length;
}
