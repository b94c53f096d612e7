/** A viewer ready to be served: the prebuilt files as they are, our configuration, and the plug-in. */
import { existsSync } from 'node:fs';
import { copyFile, cp, link, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { appConfig, pluginFolder, type AppConfigOptions } from './app-config.js';

export interface AssembleOptions extends Omit<AppConfigOptions, 'plugin'> {
  /** the prebuilt files, of `fetchViewer` */
  readonly site: string;
  /** made anew; served as `viewer.directory` */
  readonly directory: string;
  /** built plug-in with `extension.js` and `mode.js`; none: the viewer alone */
  readonly plugin?: string;
}

/** Puts the viewer together. Files of the site are linked, not copied, where the file system can; they are never written to. */
export async function assembleViewer(options: AssembleOptions): Promise<void> {
  const { site, directory, plugin } = options;
  await mkdir(dirname(directory), { recursive: true });
  const work = await mkdtemp(join(dirname(directory), `${basename(directory)}-new-`));
  try {
    await linkFolder(site, work);
    // a link to the site's own file would be written through
    await rm(join(work, 'app-config.js'), { force: true });
    await writeFile(join(work, 'app-config.js'), appConfig({ ...options, plugin: plugin !== undefined }));
    if (plugin !== undefined) await cp(plugin, join(work, pluginFolder), { recursive: true });
    await rm(directory, { recursive: true, force: true });
    await rename(work, directory);
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

/** The folder of the built plug-in, where `npm run build:plugin` has made it. */
export function builtPlugin(repository: string): string | undefined {
  const folder = join(repository, 'extension', 'plugin');
  return existsSync(join(folder, 'extension.js')) && existsSync(join(folder, 'mode.js')) ? folder : undefined;
}

async function linkFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkFolder(source, target);
    else await link(source, target).catch(() => copyFile(source, target));
  }
}
