import type { Logger } from 'pino';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment, LoadedConfig } from '../config/index.js';
import { createLogger, listen } from '../http/index.js';
import { compose } from './compose.js';

export interface ServeOptions {
  readonly loaded: LoadedConfig;
  readonly env: Environment;
  readonly version: string;
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** fires when the server is to stop */
  readonly signal: AbortSignal;
  /** told where it listens */
  readonly onListening?: (address: { readonly host: string; readonly port: number }) => void;
}

/**
 * Runs the server until the signal fires, then stops it in order: /readyz says no, after `drainSeconds` no more
 * connections are taken, streams end with `closed`, short requests end by themselves, runs are parked in their journals,
 * sends to a PACS are finished, jobs get what is left of `stopSeconds`.
 *
 * @throws UserError when a part cannot be opened
 */
export async function serve({ loaded, env, version, stdout, signal, onListening }: ServeOptions): Promise<void> {
  const { config } = loaded;
  const log = createLogger(config.logs, stdout);
  for (const note of loaded.notes) log.warn(note);
  const stopping = new AbortController();
  const parts = await compose(loaded, env, log, version, stopping.signal);
  try {
    const listening = await listen(parts.app.express, config.http);
    const { address: host, port } = listening.address;
    const facts = { host, port, version, auth: config.auth.mode, pacs: config.pacs.map(({ name }) => name) };
    log.info(facts, 'the server listens');
    if (config.auth.mode === 'none') log.warn('there is no authentication: everybody on this machine is admin');
    if (config.models.preload) preload(parts, log);
    onListening?.({ host, port });
    await aborted(signal);
    const until = performance.now() + config.http.stopSeconds * 1000;
    const left = (): number => Math.max(0, until - performance.now());
    log.info('the server stops');
    stopping.abort();
    if (config.http.drainSeconds > 0) await sleep(config.http.drainSeconds * 1000);
    await listening.close(Math.min(left(), config.http.stopSeconds * 500));
    await parts.close(left());
    log.info('the server has stopped');
  } catch (error) {
    stopping.abort();
    await parts.close(0);
    throw error;
  }
}

/** The first user should not wait for the model; where it cannot be loaded, /readyz and the log say so. */
function preload({ catalogue, models }: Awaited<ReturnType<typeof compose>>, log: Logger): void {
  const load = async (): Promise<void> => {
    const { name } = await catalogue.resolve();
    (await models.acquire(name)).release();
  };
  load().catch((error: unknown) => log.error({ err: error }, 'the default model cannot be loaded'));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
