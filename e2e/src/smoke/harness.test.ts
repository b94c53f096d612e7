/** What the other tests rely on: problems are noticed, and a viewer whose plug-in is broken still works. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithViewer, openViewer, type OpenedViewer } from '../support/index.js';

describeWithViewer('a viewer whose plug-in is broken', () => {
  let opened: OpenedViewer;
  let plugin: string;
  beforeAll(async () => {
    plugin = mkdtempSync(join(tmpdir(), 'broken-plugin-'));
    writeFileSync(join(plugin, 'extension.js'), 'export default {');
    // mode.js is missing
    opened = await openViewer({ name: 'broken', plugin });
  });
  afterAll(async () => {
    await opened?.close();
    rmSync(plugin, { recursive: true, force: true });
  });

  it('opens studies in its own modes, and says why in the console', async () => {
    const { viewer, problems } = opened;
    await viewer.open(opened.study('ct'), { mode: 'viewer' });
    await viewer.picture('viewer');
    expect(await viewer.part('medsam2-panel').count()).toBe(0);
    expect(problems.all().map(({ kind, text }) => [kind, text.replace(/http:\S+/g, 'URL').slice(0, 35)])).toEqual(
      expect.arrayContaining([
        ['failed-request', '404 GET URL'],
        ['console-error', 'The MedSAM2 plug-in was not loaded '],
      ]),
    );
    // the viewer's own tour sometimes begins before what it points at is there
    expect(problems.all([/plug-in was not loaded/, /plugins\/medsam2/, /Shepherd|advanceOn/])).toEqual([]);
  });

  it('has every kind of problem noticed', async () => {
    // the server's policy would stop the page from asking elsewhere before anybody could notice
    const { viewer, context, problems } = await opened.another({ bypassCSP: true });
    await viewer.page.goto(`${viewer.url}/app-config.js`);
    await viewer.page.evaluate(async () => {
      setTimeout(() => {
        throw new Error('thrown for the test');
      });
      await fetch('/missing.js');
      await fetch('http://elsewhere.example/').catch(() => undefined);
    });
    await viewer.until('the problems', 5000, () => Promise.resolve(problems.all().length >= 5));
    await context.close();
    const kinds = new Set(problems.all().map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(['blocked', 'console-error', 'failed-request', 'page-error']);
    expect(problems.all([/./])).toEqual([]);
  });
});
