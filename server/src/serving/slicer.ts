import type { RegistrySettings } from '@medsam2/models';
import type { BridgeLog, Credentials, RunningBridge } from '@medsam2/slicer-bridge';
import type { Logger } from 'pino';
import type { Config } from '../config/index.js';
import type { Authenticator } from '../http/index.js';
import type { ModelHost } from '../sessions/models.js';
import { HostedModels } from '../slicer/hosted-models.js';
import { startMonaiLabel, startNnInteractive, startSlicerBridge, type SlicerBridgeDeps } from '../slicer/start.js';

export interface SlicerParts {
  readonly config: Config;
  readonly models: ModelHost;
  readonly registry: RegistrySettings;
  readonly authenticator: Authenticator;
  readonly log: Logger;
}

/**
 * What serves modules of 3D Slicer on the server's models, as far as it is switched on.
 *
 * Its users are the server's: the password in a module is an API key or a token of somebody who may annotate.
 *
 * @throws UserError `port-taken`
 */
export async function openSlicerBridge(parts: SlicerParts): Promise<{ close(): Promise<void> }> {
  const { config, models: host, registry, log } = parts;
  const authenticate = annotators(parts);
  const common = { volumeBytes: config.sessions.volumeBytes, trustProxy: config.http.trustProxy };
  const running: RunningBridge[] = [];
  const close = async (): Promise<void> => {
    for (const bridge of running.splice(0)) await bridge.close();
  };
  const deps = (part: string, uploads = false): SlicerBridgeDeps => ({
    segmenters: new HostedModels({ host, registry, uploads }),
    log: bridgeLog(log.child({ part })),
    authenticate,
  });
  const opened = (part: string, listen: string, what: string, bridge: RunningBridge): void => {
    running.push(bridge);
    log.info({ part, port: bridge.port, listen }, `the ${what} listens`);
  };
  const { slicer, nninteractive, monailabel } = config;
  try {
    if (slicer.listen !== 'off') {
      const { listen, port, semantics, memoryBytes, modelUploads } = slicer;
      const settings = { ...common, listen, port, semantics, memoryBytes };
      const bridge = await startSlicerBridge(deps('slicer', modelUploads), settings);
      opened('slicer', listen, 'bridge for 3D Slicer', bridge);
    }
    if (nninteractive.listen !== 'off') {
      const { listen, port, memoryBytes, reach } = nninteractive;
      const settings = { ...common, listen, port, memoryBytes, reach };
      opened(
        'nninteractive',
        listen,
        'server for nnInteractive',
        await startNnInteractive(deps('nninteractive'), settings),
      );
    }
    if (monailabel.listen !== 'off') {
      const { listen, port, memoryBytes, reach } = monailabel;
      const settings = { ...common, listen, port, memoryBytes, reach };
      opened('monailabel', listen, 'server for MONAI Label', await startMonaiLabel(deps('monailabel'), settings));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

/** Who may ask; undefined where the server asks nobody who they are. */
function annotators({ config, authenticator }: SlicerParts): SlicerBridgeDeps['authenticate'] {
  if (config.auth.mode === 'none') return undefined;
  return async (given: Credentials | undefined) => {
    const headers = given === undefined ? {} : { authorization: `Bearer ${given.password}` };
    const principal = await authenticator.authenticate(headers).catch(() => undefined);
    return principal !== undefined && principal.roles.has('annotator');
  };
}

const bridgeLog = (log: Logger): BridgeLog => ({
  info: (message, fields) => log.info(fields, message),
  warn: (message, fields) => log.warn(fields, message),
  error: (message, fields, error) => log.error({ ...fields, err: error }, message),
});
