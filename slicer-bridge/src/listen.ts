import express, { type Express } from 'express';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BridgeDeps } from './deps.js';
import { createMonaiLabel } from './monailabel/router.js';
import { createNnInteractive } from './nninteractive/router.js';
import type { MonaiLabelDeps, NnInteractiveDeps } from './prompted/deps.js';
import type { PromptedSettingsInput } from './prompted/settings.js';
import { createSlicerBridge, type SlicerBridge } from './router.js';
import type { BridgeSettingsInput } from './settings.js';

export interface ListenAddress {
  /** port; 0: any free one */
  readonly port: number;
  /** `loopback`: this machine only; `all`: every interface */
  readonly listen: 'loopback' | 'all';
  /** reverse proxies whose X-Forwarded-For is believed, as Express takes them */
  readonly trustProxy?: readonly string[];
}

export type ListenSettings = ListenAddress & BridgeSettingsInput;

export interface RunningBridge {
  readonly port: number;
  close(): Promise<void>;
}

/** Connections that are open at once; more are refused by the system. */
const maxConnections = 1024;
/** Silent connections are kept alive, so that no firewall forgets one during a long run. */
const keepAliveMs = 15_000;

/** The bridge as a server of its own. @throws the system's error when the port cannot be had */
export async function listenSlicerBridge(deps: BridgeDeps, settings: ListenSettings): Promise<RunningBridge> {
  const { port, listen, trustProxy, ...bridgeSettings } = settings;
  return listenRouter(createSlicerBridge(deps, bridgeSettings), { port, listen, trustProxy });
}

export type ListenPromptedSettings = ListenAddress & PromptedSettingsInput;

/** The server of nnInteractive's module. @throws the system's error when the port cannot be had */
export async function listenNnInteractive(
  deps: NnInteractiveDeps,
  settings: ListenPromptedSettings,
): Promise<RunningBridge> {
  const { port, listen, trustProxy, ...rest } = settings;
  return listenRouter(createNnInteractive(deps, rest), { port, listen, trustProxy });
}

/** The server of MONAI Label's module. @throws the system's error when the port cannot be had */
export async function listenMonaiLabel(deps: MonaiLabelDeps, settings: ListenPromptedSettings): Promise<RunningBridge> {
  const { port, listen, trustProxy, ...rest } = settings;
  return listenRouter(createMonaiLabel(deps, rest), { port, listen, trustProxy });
}

async function listenRouter(
  bridge: SlicerBridge,
  { port, listen, trustProxy = [] }: ListenAddress,
): Promise<RunningBridge> {
  const server = createServer(application(bridge.router, trustProxy));
  // A client waits as long as it takes, so the server does too; stalled bodies are ended by the bridge itself.
  server.requestTimeout = 0;
  server.timeout = 0;
  server.maxConnections = maxConnections;
  server.on('connection', (socket) => socket.setKeepAlive(true, keepAliveMs));
  try {
    await bind(server, port, listen === 'all' ? undefined : '127.0.0.1');
  } catch (error) {
    await bridge.close();
    throw error;
  }
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await bridge.close();
    },
  };
}

function application(router: express.Router, trustProxy: readonly string[]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('trust proxy', trustProxy.length === 0 ? false : [...trustProxy]);
  app.use(router);
  app.use((_request, response) => void response.status(404).type('text/plain').send('Not found\n'));
  return app;
}

function bind(server: Server, port: number, host: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}
