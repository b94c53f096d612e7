/** A viewer's files of a test's own, to take away or break some while the server runs. */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  assembleViewer,
  builtPlugin,
  defaultViewerVersion,
  fetchViewer,
  pluginFolder,
  repositoryRoot,
} from '@medsam2/demo';

export interface Site {
  /** for `viewer.directory` of the server's settings */
  readonly directory: string;
  /** the plug-in's files in it */
  readonly plugin: string;
  /** as `npm run build:plugin` made it */
  readonly built: string;
  remove(): Promise<void>;
}

/** @param settings over those of app-config.js */
export async function makeSite(settings?: Readonly<Record<string, unknown>>): Promise<Site> {
  const cache = join(repositoryRoot(), '.cache');
  const built = builtPlugin(repositoryRoot());
  if (built === undefined) throw new Error('the plug-in is not built: npm run build:plugin');
  const version = process.env.OHIF_VERSION ?? defaultViewerVersion;
  const site = await fetchViewer({ cache: join(cache, 'viewer'), version });
  mkdirSync(join(cache, 'e2e'), { recursive: true });
  const folder = mkdtempSync(join(cache, 'e2e', 'site-'));
  const directory = join(folder, 'site');
  await assembleViewer({ site, directory, pacs: 'default', plugin: built, settings });
  const remove = () => rm(folder, { recursive: true, force: true });
  return { directory, plugin: join(directory, pluginFolder), built, remove };
}
