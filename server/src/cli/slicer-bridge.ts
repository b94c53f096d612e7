import { registrySettings, resolveModel, UserError } from '@medsam2/models';
import type { BridgeLog, Credentials, LogFields, RunningBridge } from '@medsam2/slicer-bridge';
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { openModel } from '../inference/open-model.js';
import type { DeviceChoice } from '../inference/devices.js';
import { ModelHost } from '../sessions/models.js';
import { HostedModels } from '../slicer/hosted-models.js';
import { startMonaiLabel, startNnInteractive, startSlicerBridge, type SlicerBridgeDeps } from '../slicer/start.js';
import { UsageError } from './exit.js';
import type { CliIo } from './io.js';
import { findModel } from './session.js';

export interface BridgeFlags {
  readonly port: number | string;
  readonly nninteractive?: number;
  readonly monailabel?: number;
  readonly reach?: number;
  readonly listen: 'loopback' | 'all';
  readonly model?: string;
  readonly semantics: 'compat' | 'better';
  readonly users?: string;
  readonly allowModelUploads?: boolean;
  readonly trustProxy?: readonly string[];
  readonly device: DeviceChoice;
  readonly threads?: number;
  readonly memory?: number;
}

/** Serves until the program is asked to stop. */
export async function runSlicerBridge(flags: BridgeFlags, io: CliIo): Promise<void> {
  const registry = registrySettings(io.env);
  const say = (line: string): void => void io.stderr.write(`${line}\n`);
  if (flags.allowModelUploads === true && flags.model === undefined) {
    throw new UsageError(
      '--allow-model-uploads needs --model: an upload could become the default.',
      'Name the model for everybody else with --model.',
    );
  }
  // a wrong name, or nothing installed, is told now and not to the first user
  if (flags.model !== undefined) await resolveModel(registry, flags.model);
  const host = new ModelHost({
    maxOpen: 2,
    resolve: (name) => resolveModel(registry, name ?? flags.model),
    open: (model) => {
      const { device, threads, memory: featureBudget } = flags;
      return openModel(model, { device, threads, featureBudget, log: say });
    },
  });
  const models = new HostedModels({ host, registry, uploads: flags.allowModelUploads === true });
  const users = flags.users === undefined ? undefined : await readUsers(resolve(io.cwd, flags.users));
  if (flags.listen === 'all' && users === undefined)
    say('note: Everybody who reaches this machine is served; --users FILE limits it.');
  if (flags.model === undefined && (await models.names()).length <= 1) await findModel(io, {});
  const { listen, semantics, trustProxy, reach } = flags;
  const deps: SlicerBridgeDeps = {
    segmenters: models,
    log: lineLog(say),
    authenticate: users && ((given) => isUser(users, given)),
  };
  const place = { listen, trustProxy };
  const running: RunningBridge[] = [];
  try {
    const at = listen === 'all' ? 'the address of this machine' : '127.0.0.1';
    const started = (bridge: RunningBridge, line: (port: number) => string): void => {
      running.push(bridge);
      io.stdout.write(`${line(bridge.port)}\n`);
    };
    if (flags.nninteractive !== undefined) {
      const bridge = await startNnInteractive(deps, { ...place, port: flags.nninteractive, reach });
      started(bridge, (port) => `For 3D Slicer's nnInteractive module (0.x): http://${at}:${port}`);
    }
    if (flags.monailabel !== undefined) {
      const bridge = await startMonaiLabel(deps, { ...place, port: flags.monailabel, reach });
      started(bridge, (port) => `For 3D Slicer's MONAI Label module: http://${at}:${port}`);
    }
    const bridge = await startSlicerBridge(deps, { ...place, port: Number(flags.port), semantics });
    started(bridge, (port) => `For 3D Slicer's MedSAM module: IP = ${at}, Port = ${port}`);
    await stopped(io.signal);
  } finally {
    for (const bridge of running) await bridge.close();
    await host.close();
  }
}

const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) return done();
    // a signal alone does not keep the process running; the server does
    signal.addEventListener('abort', () => done(), { once: true });
  });

function lineLog(say: (line: string) => void): BridgeLog {
  const line = (level: string, message: string, fields: LogFields): void => {
    const said = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '');
    say(`${new Date().toISOString()} ${level} ${message} ${said.map(([name, value]) => `${name}=${value}`).join(' ')}`);
  };
  return {
    info: (message, fields) => line('info', message, fields),
    warn: (message, fields) => line('warn', message, fields),
    error: (message, fields, error) => {
      line('error', message, fields);
      if (error instanceof Error && error.stack !== undefined) say(error.stack);
    },
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** user -> digest of the password. @throws UserError `users-file` */
async function readUsers(path: string): Promise<ReadonlyMap<string, Buffer>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new UserError('users-file', `The file of users ${path} cannot be read.`, 'Check the path.', { cause });
  });
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const users = new Map<string, Buffer>();
  lines.forEach((line, index) => {
    const [, user, password] = /^([^:]+):(.+)$/.exec(line) ?? [];
    if (user === undefined) {
      const where = `Line ${index + 1} of the file of users is not user:password.`;
      throw new UserError('users-file', where, 'Write one user:password per line.');
    }
    users.set(user, digest(password));
  });
  if (users.size > 0) return users;
  throw new UserError('users-file', 'The file of users names nobody.', 'Write one user:password per line.');
}

/** Takes equally long for a wrong user and a wrong password. */
function isUser(users: ReadonlyMap<string, Buffer>, given: Credentials | undefined): boolean {
  const wanted = users.get(given?.user ?? '');
  const equal = timingSafeEqual(wanted ?? digest(''), digest(given?.password ?? ''));
  return wanted !== undefined && equal;
}
