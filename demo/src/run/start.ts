/** Starts everything that the demonstration consists of, in the order in which one needs the other. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@medsam2/models';
import { createPacs, pacsConfigSchema, type Pacs } from '@medsam2/server/dicomweb';
import { isFree } from '../free-port.js';
import { startOrthanc } from '../orthanc/orthanc.js';
import { makePhantomStudies, type PhantomStudy } from '../phantoms/index.js';
import { startServerProcess } from '../server/server-process.js';
import { assembleViewer, builtPlugin } from '../viewer/assemble.js';
import { fetchViewer } from '../viewer/fetch.js';
import { loadStudies } from './load-studies.js';

export interface StartOptions {
  readonly repository: string;
  readonly data: string;
  readonly fresh: boolean;
  readonly port: number;
  readonly ohif: string;
  /** model that the server takes; others stay to be chosen */
  readonly model: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** told before each step that takes time */
  readonly say: (step: string) => void;
}

export interface Demo {
  /** of viewer, API and PACS */
  readonly url: string;
  readonly studies: readonly PhantomStudy[];
  readonly pacs: Pacs;
  /** whether the viewer has the plug-in */
  readonly plugin: boolean;
  /** resolves when the server ends by itself */
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

/** @throws UserError for what a person can mend; what was started by then is stopped */
export async function startDemo(options: StartOptions): Promise<Demo> {
  const { repository, data, environment, say } = options;
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  try {
    if (options.port !== 0 && !(await isFree(options.port))) throw portTaken(options.port);
    if (options.fresh) await rm(data, { recursive: true, force: true });
    await mkdir(data, { recursive: true });

    const site = await fetchViewer({
      cache: join(repository, '.cache', 'viewer'),
      version: options.ohif,
      onDownload: () => say(`Downloading the viewer (OHIF ${options.ohif}, 50 MB, once)`),
    });
    const plugin = builtPlugin(repository);
    const viewer = join(data, 'viewer');
    await assembleViewer({ site, directory: viewer, pacs: 'default', ...(plugin && { plugin }) });

    let url = environment.DICOMWEB_URL;
    if (url === undefined) {
      say('Starting a private Orthanc');
      const orthanc = await startOrthanc({ folder: join(data, 'orthanc'), apart: true });
      stops.push(async () => {
        await orthanc.stop();
        await orthanc.close();
      });
      url = orthanc.url;
    }
    const pacs = createPacs(
      pacsConfigSchema.parse({ name: 'default', url, writable: true, ...credentials(environment) }),
    );
    stops.push(() => pacs.close());
    const studies = makePhantomStudies();
    say('Loading the generated studies');
    await loadStudies(pacs, studies);

    say('Starting the server');
    const server = await startServerProcess({
      apart: true,
      config: { viewer: { directory: viewer } },
      dataDirectory: join(data, 'server'),
      logFile: join(data, 'server.log'),
      env: { DICOMWEB_URL: url, PORT: String(options.port), MEDSAM2_MODEL: options.model },
    });
    stops.push(async () => {
      await server.end('SIGTERM');
      await server.close();
    });
    return { url: server.url, studies, pacs, plugin: plugin !== undefined, ended: server.ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function credentials(environment: StartOptions['environment']): object {
  const { DICOMWEB_USERNAME: user, DICOMWEB_PASSWORD: password, DICOMWEB_TOKEN: token } = environment;
  if (user !== undefined) return { credentials: { kind: 'basic', user, password: password ?? '' } };
  return token === undefined ? {} : { credentials: { kind: 'bearer', token } };
}

const portTaken = (port: number): UserError =>
  new UserError(
    'port-taken',
    `Port ${port} is in use, perhaps by another run of this.`,
    'End that one, or choose another with --port, e.g. npm run demo -- --port 0.',
  );
