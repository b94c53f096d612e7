/**
 * What a test of the viewer stands on: an Orthanc with generated studies, the server, an unmodified OHIF with the plug-in,
 * and a Chromium. Open it once per test file (`beforeAll`), close it in `afterAll`; each takes about five seconds.
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import {
  assembleViewer,
  builtPlugin,
  defaultViewerVersion,
  fetchViewer,
  launchChromium,
  loadStudies,
  makePhantomStudy,
  repositoryRoot,
  savedSegmentations,
  startOrthanc,
  startServerProcess,
  ViewerPage,
  watchContext,
  type Orthanc,
  type PhantomName,
  type PhantomStudy,
  type Problems,
  type SavedSegmentation,
  type ServerProcess,
} from '@medsam2/demo';
import { createPacs, pacsConfigSchema, type OpenPacs } from '@medsam2/server/dicomweb';

/** Something between two programs, e.g. an unruly proxy. */
export interface Between {
  /** root, without a slash at the end */
  readonly url: string;
  close(): Promise<void>;
}

export interface OpenViewerOptions {
  /** default: `OHIF_VERSION`, or the one that this project recommends */
  readonly ohif?: string;
  /** loaded into the PACS; default: the CT alone */
  readonly studies?: readonly PhantomName[];
  /** CSS pixels; default 1280 x 800 */
  readonly viewport?: { readonly width: number; readonly height: number };
  /** over the server's settings made here */
  readonly server?: {
    readonly env?: Readonly<Record<string, string>>;
    readonly config?: Readonly<Record<string, unknown>>;
  };
  /** over the viewer's settings in app-config.js, e.g. `medsam2` or `oidc` */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** folder of a plug-in; default: the built one */
  readonly plugin?: string;
  /** put between server and PACS; given Orthanc's DICOMweb root */
  readonly beforePacs?: (url: string) => Promise<Between>;
  /** put between browser and server; given the server's root */
  readonly beforeServer?: (url: string) => Promise<Between>;
  readonly context?: BrowserContextOptions;
  /** see `LaunchOptions` */
  readonly compositing?: 'software' | 'gl';
  /** more flags of Chromium */
  readonly flags?: readonly string[];
  /** begins the names of pictures */
  readonly name: string;
}

export interface OpenedViewer {
  readonly viewer: ViewerPage;
  readonly page: Page;
  readonly context: BrowserContext;
  readonly browser: Browser;
  /** of all pages of the context */
  readonly problems: Problems;
  readonly orthanc: Orthanc;
  readonly server: ServerProcess;
  /** straight to Orthanc, whatever is between */
  readonly pacs: OpenPacs;
  readonly ohif: string;
  /** @throws Error when it was not asked for */
  study(name: PhantomName): PhantomStudy;
  /** segmentations of a study in Orthanc */
  saved(study: PhantomStudy): Promise<SavedSegmentation[]>;
  /** a further page in the same browser, with its own storage and problems */
  another(
    options?: BrowserContextOptions,
  ): Promise<{ viewer: ViewerPage; context: BrowserContext; problems: Problems }>;
  close(): Promise<void>;
}

/** @throws what cannot be started, after what was started has been stopped */
export async function openViewer(options: OpenViewerOptions): Promise<OpenedViewer> {
  const closing: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let next = closing.pop(); next !== undefined; next = closing.pop()) await next();
  };
  try {
    return await open(options, closing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  options: OpenViewerOptions,
  closing: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<OpenedViewer> {
  const ohif = options.ohif ?? process.env.OHIF_VERSION ?? defaultViewerVersion;
  const studies = (options.studies ?? ['ct']).map((name) => makePhantomStudy(name));

  const orthanc = await startOrthanc();
  closing.push(() => orthanc.close());
  const pacs = createPacs(pacsConfigSchema.parse({ name: 'default', url: orthanc.url, writable: true }));
  closing.push(() => pacs.close());
  await loadStudies(pacs, studies);
  const beforePacs = await options.beforePacs?.(orthanc.url);
  if (beforePacs !== undefined) closing.push(() => beforePacs.close());

  const directory = await assemble(ohif, options, closing);
  const server = await startServerProcess({
    config: { ...options.server?.config, viewer: { directory, ...viewerOf(options) } },
    env: { DICOMWEB_URL: beforePacs?.url ?? orthanc.url, MEDSAM2_MODEL: 'nano', ...options.server?.env },
  });
  closing.push(async () => {
    await server.end('SIGTERM');
    await server.close();
  });
  const beforeServer = await options.beforeServer?.(server.url);
  if (beforeServer !== undefined) closing.push(() => beforeServer.close());
  const url = beforeServer?.url ?? server.url;

  const browser = await launchChromium({ flags: options.flags, compositing: options.compositing });
  closing.push(() => browser.close());
  const another = async (more: BrowserContextOptions = {}) => {
    const viewport = options.viewport ?? { width: 1280, height: 800 };
    const context = await browser.newContext({ viewport, ...options.context, ...more });
    const problems = await watchContext(context, new URL(url).origin);
    const viewer = new ViewerPage(await context.newPage(), url, picturesOf(options.name, ohif));
    return { viewer, context, problems };
  };
  const first = await another();

  return {
    ...first,
    page: first.viewer.page,
    browser,
    orthanc,
    server,
    pacs,
    ohif,
    study: (name) => {
      const study = studies.find((candidate) => candidate.name === name);
      if (study === undefined) throw new Error(`ask for the study ${name} in the options`);
      return study;
    },
    saved: (study) => savedSegmentations(pacs, study),
    another,
    close,
  };
}

const viewerOf = ({ server }: OpenViewerOptions): object => server?.config?.viewer ?? {};

async function assemble(
  ohif: string,
  options: OpenViewerOptions,
  closing: (() => Promise<unknown>)[],
): Promise<string> {
  const repository = repositoryRoot();
  const plugin = options.plugin ?? builtPlugin(repository);
  if (plugin === undefined) throw new Error('the plug-in is not built: npm run build:plugin');
  // beside the viewer's files, which can then be linked instead of copied
  const cache = join(repository, '.cache');
  const site = await fetchViewer({ cache: join(cache, 'viewer'), version: ohif });
  mkdirSync(join(cache, 'e2e'), { recursive: true });
  const folder = mkdtempSync(join(cache, 'e2e', 'viewer-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const directory = join(folder, 'site');
  await assembleViewer({ site, directory, pacs: 'default', plugin, settings: options.settings });
  return directory;
}

/** `E2E_PICTURES` is the folder; without it no pictures are made. */
function picturesOf(name: string, ohif: string): string | undefined {
  const folder = process.env.E2E_PICTURES;
  return folder === undefined ? undefined : join(folder, `${name}-${ohif}`);
}
