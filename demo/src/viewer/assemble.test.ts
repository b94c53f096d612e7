import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { appConfig } from './app-config.js';
import { assembleViewer, builtPlugin } from './assemble.js';

describe('assembling a viewer', () => {
  let folder: string;
  let site: string;
  let directory: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'assemble-'));
    [site, directory] = [join(folder, 'site'), join(folder, 'out', 'viewer')];
    mkdirSync(join(site, 'assets'), { recursive: true });
    writeFileSync(join(site, 'index.html'), 'page');
    writeFileSync(join(site, 'app-config.js'), 'theirs');
    writeFileSync(join(site, 'assets', 'logo.svg'), 'logo');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('keeps the files of the site, replaces the configuration in the copy alone, and adds the plug-in', async () => {
    const plugin = join(folder, 'plugin');
    mkdirSync(plugin);
    writeFileSync(join(plugin, 'extension.js'), 'extension');
    await assembleViewer({ site, directory, pacs: 'default', plugin });
    expect(readFileSync(join(directory, 'assets', 'logo.svg'), 'utf8')).toBe('logo');
    expect(readFileSync(join(directory, 'app-config.js'), 'utf8')).toContain('/dicomweb/default');
    expect(readFileSync(join(site, 'app-config.js'), 'utf8')).toBe('theirs');
    expect(readFileSync(join(directory, 'plugins', 'medsam2', 'extension.js'), 'utf8')).toBe('extension');
  });

  it('is made anew: what an earlier one had is gone', async () => {
    await assembleViewer({ site, directory, pacs: 'default', plugin: site });
    await assembleViewer({ site, directory, pacs: 'default' });
    expect(existsSync(join(directory, 'plugins'))).toBe(false);
  });

  it('leaves the earlier one in place when it fails', async () => {
    await assembleViewer({ site, directory, pacs: 'default' });
    const missing = join(folder, 'missing');
    await expect(assembleViewer({ site, directory, pacs: 'default', plugin: missing })).rejects.toThrow('missing');
    expect(readFileSync(join(directory, 'index.html'), 'utf8')).toBe('page');
  });

  it('knows whether the plug-in is built', () => {
    expect(builtPlugin(folder)).toBeUndefined();
    mkdirSync(join(folder, 'extension', 'plugin'), { recursive: true });
    writeFileSync(join(folder, 'extension', 'plugin', 'extension.js'), '');
    expect(builtPlugin(folder)).toBeUndefined();
    writeFileSync(join(folder, 'extension', 'plugin', 'mode.js'), '');
    expect(builtPlugin(folder)).toBe(join(folder, 'extension', 'plugin'));
  });
});

describe('app-config.js', () => {
  interface Config {
    readonly extensions: unknown[];
    readonly modes: unknown[];
    readonly dataSources: { configuration: { wadoRoot: string } }[];
    readonly medsam2?: object;
  }
  const configOf = (text: string): Config => {
    const window: { config?: Config } = {};
    runInNewContext(text, {
      window,
      document: { currentScript: { src: 'http://127.0.0.1/app-config.js' } },
      URL,
      console,
    });
    if (window.config === undefined) throw new Error('it sets no configuration');
    return window.config;
  };

  it('names the PACS behind the server, and takes more settings', () => {
    const config = configOf(appConfig({ pacs: 'archive', plugin: false, settings: { medsam2: { pacs: 'archive' } } }));
    expect(config.dataSources[0].configuration.wadoRoot).toBe('/dicomweb/archive');
    expect(config.medsam2).toEqual({ pacs: 'archive' });
    expect([config.extensions, config.modes]).toEqual([[], []]);
  });

  it('leaves out a plug-in that cannot be loaded instead of failing', () => {
    const text = appConfig({ pacs: 'default', plugin: true });
    // the browser’s own import is tried in e2e; here, one that always fails
    const failing = text.replace('import(', 'failing(');
    const window: { config?: Config } = {};
    const said: unknown[] = [];
    runInNewContext(failing, {
      window,
      URL,
      document: { currentScript: { src: 'http://127.0.0.1:1/app-config.js' } },
      failing: (address: string) => Promise.reject(new Error(address)),
      console: { error: (...texts: unknown[]) => said.push(texts) },
    });
    return Promise.all([...(window.config?.extensions ?? []), ...(window.config?.modes ?? [])]).then((loaded) => {
      expect(loaded).toEqual([{ id: '@medsam2/unavailable' }, null]);
      expect(String(said[0])).toContain('http://127.0.0.1:1/plugins/medsam2/extension.js');
    });
  });
});
