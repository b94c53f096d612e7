/** Files of the plug-in that are missing or broken: the viewer starts without us, shows images, and says why. */
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeWithViewer, openViewer, type OpenedViewer } from '../support/index.js';
import { makeSite, type Site } from './site.js';

const expected = [/^The MedSAM2 plug-in was not loaded/, /plugins\/medsam2\//];
/** The viewer's own tour of a mode looks for viewports that are not there yet. */
const tour = /Shepherd|advanceOn/;

describeWithViewer('a viewer whose plug-in', () => {
  let opened: OpenedViewer;
  let site: Site;
  beforeAll(async () => {
    site = await makeSite();
    opened = await openViewer({ name: 'plugin', server: { config: { viewer: { directory: site.directory } } } });
  });
  afterAll(async () => {
    await opened?.close();
    await site?.remove();
  });
  beforeEach(() => cpSync(site.built, site.plugin, { recursive: true }));

  const extension = (): string => join(site.plugin, 'extension.js');
  const mode = (): string => join(site.plugin, 'mode.js');
  const breakages: readonly (readonly [string, () => void, readonly string[]])[] = [
    ['is missing altogether', () => rmSync(site.plugin, { recursive: true }), ['extension.js', 'mode.js']],
    ['has no mode', () => rmSync(mode()), ['mode.js']],
  ];

  it.each(breakages)('%s shows images in the modes of the viewer', async (name, breakIt, files) => {
    breakIt();
    const { viewer, context, problems } = await opened.another();
    try {
      await viewer.open(opened.study('ct'), { mode: 'viewer' });
      await viewer.picture(name.replace(/ /g, '-'));
      expect(await viewer.part('medsam2-panel').count()).toBe(0);
      const said = problems.all().filter(({ text }) => text.startsWith('The MedSAM2 plug-in was not loaded'));
      expect(said).toHaveLength(files.length);
      expect(problems.all([...expected, tour])).toEqual([]);
    } finally {
      await context.close();
    }
  });

  it('has an extension with a mistake in it shows images in its own mode, without us', async () => {
    writeFileSync(extension(), 'export default {');
    const { viewer, context, problems } = await opened.another();
    try {
      await viewer.open(opened.study('ct'));
      await viewer.picture('mode-without-extension');
      expect(problems.all().map(({ text }) => text)).toContainEqual(
        expect.stringContaining('The MedSAM2 mode works without MedSAM2'),
      );
      expect(await viewer.part('medsam2-panel').count()).toBe(0);
      expect(problems.all([...expected, /^The MedSAM2 mode works without/])).toEqual([]);
    } finally {
      await context.close();
    }
  });
});
