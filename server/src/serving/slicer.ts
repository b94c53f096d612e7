import type { RegistrySettings } from '@medsam2/models';
import type { BridgeLog, Credentials, RunningBridge } from '@medsam2/slicer-bridge';
import type { Logger } from 'pino';
import type { Config } from '../config/index.js';
import type { Authenticator } from '../http/index.js';
import type { ModelHost } from '../sessions/models.js';
import { HostedModels } from '../slicer/hosted-models.js';
import { startSlicerBridge } from '../slicer/start.js';

export interface SlicerParts {
  readonly config: Config;
  readonly models: ModelHost;
  readonly registry: RegistrySettings;
  readonly authenticator: Authenticator;
  readonly log: Logger;
}

/**
 * The bridge for 3D Slicer on the server's models, where it is switched on.
 *
 * Its users are the server's: the password in the plug-in's IP field is an API key or a token of somebody who may annotate.
 *
 * @throws UserError `port-taken`
 */
export async function openSlicerBridge(parts: SlicerParts): Promise<RunningBridge | undefined> {
  const { config, models: host, registry, authenticator, log } = parts;
  const { listen, port, semantics, modelUploads, memoryBytes } = config.slicer;
  if (listen === 'off') return undefined;
  const authenticate = async (given: Credentials | undefined): Promise<boolean> => {
    const headers = given === undefined ? {} : { authorization: `Bearer ${given.password}` };
    const principal = await authenticator.authenticate(headers).catch(() => undefined);
    return principal !== undefined && principal.roles.has('annotator');
  };
  const bridge = await startSlicerBridge(
    {
      segmenters: new HostedModels({ host, registry, uploads: modelUploads }),
      log: bridgeLog(log.child({ part: 'slicer' })),
      authenticate,
    },
    {
      listen,
      port,
      semantics,
      memoryBytes,
      volumeBytes: config.sessions.volumeBytes,
      trustProxy: config.http.trustProxy,
    },
  );
  log.info({ part: 'slicer', port: bridge.port, listen }, 'the bridge for 3D Slicer listens');
  return bridge;
}

const bridgeLog = (log: Logger): BridgeLog => ({
  info: (message, fields) => log.info(fields, message),
  warn: (message, fields) => log.warn(fields, message),
  error: (message, fields, error) => log.error({ ...fields, err: error }, message),
});
