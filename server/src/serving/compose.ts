import { registrySettings, UserError, type RegistrySettings } from '@medsam2/models';
import type { Logger } from 'pino';
import { join } from 'node:path';
import { resolvePacs, type Environment, type LoadedConfig } from '../config/index.js';
import { createPacs, type OpenPacs } from '../dicomweb/index.js';
import type { Log } from '../durable/log.js';
import {
  apiKeys,
  createApp,
  createProxyTarget,
  localUser,
  Metrics,
  openAuditTrail,
  openIdConnect,
  readAudit,
  ReadinessProbes,
  SourceLookup,
  type App,
  type Authenticator,
  type ProxyTarget,
} from '../http/index.js';
import { parseDevice } from '../inference/devices.js';
import { openModel } from '../inference/open-model.js';
import { createJobService } from '../jobs/index.js';
import type { JobService } from '../jobs/types.js';
import { createSaveService } from '../saving/index.js';
import type { SaveService } from '../saving/types.js';
import { searchTerms, validateSeg } from '../segmentation/index.js';
import { ModelHost } from '../sessions/models.js';
import { pacsSeriesSource } from '../sessions/pacs-source.js';
import { createSessionService } from '../sessions/service.js';
import type { SessionService } from '../sessions/types.js';
import { countSlices } from './count-slices.js';
import { installationSerial } from './installation.js';
import { ModelCatalogue } from './model-catalogue.js';
import { readinessProbes } from './probes.js';
import { openSlicerBridge } from './slicer.js';
import { runtimeVersion } from '../cli/versions.js';

export interface Composition {
  readonly app: App;
  readonly models: ModelHost;
  readonly catalogue: ModelCatalogue;
  readonly sessions: SessionService;
  readonly saves: SaveService;
  readonly jobs: JobService;
  readonly auditDirectory: string;
  /** in reverse order of making; what fails is logged, and the rest is closed all the same */
  readonly close: (graceMs: number) => Promise<void>;
}

/** The server's parts, put together. Everything opened is closed again when a later part cannot be opened. */
export async function compose(
  loaded: LoadedConfig,
  env: Environment,
  log: Logger,
  version: string,
  stopping: AbortSignal,
): Promise<Composition> {
  const { config, dataDirectory } = loaded;
  const closers: ((graceMs: number) => Promise<void> | void)[] = [];
  const opened = <Part>(part: Part, close: (part: Part, graceMs: number) => Promise<void> | void): Part => {
    closers.unshift((graceMs) => close(part, graceMs));
    return part;
  };
  const close = async (graceMs: number): Promise<void> => {
    for (const closer of closers.splice(0)) {
      try {
        await closer(graceMs);
      } catch (error) {
        log.error({ err: error }, 'a part could not be closed');
      }
    }
  };
  try {
    const serial = await installationSerial(dataDirectory);
    const software = {
      name: 'medsam2',
      version,
      deviceSerialNumber: serial,
      runtime: { name: 'onnxruntime-node', version: runtimeVersion() },
    };
    const auditDirectory = config.audit.directory ?? join(dataDirectory, 'audit');
    const audit = opened(
      await openAuditTrail({ directory: auditDirectory, fileBytes: config.audit.fileBytes }),
      (trail) => trail.close(),
    );
    const metrics = new Metrics({ process: true });
    const settings = config.pacs.map((pacs) => resolvePacs(pacs, loaded.secret));
    const pacs = new Map<string, OpenPacs>(
      settings.map((one) => [one.name, opened(createPacs(one), (open) => open.close())]),
    );
    const proxies = new Map<string, ProxyTarget>(
      config.proxy ? settings.map((one) => [one.name, opened(createProxyTarget(one), (open) => open.close())]) : [],
    );
    const source = pacsSeriesSource(pacs);
    const registry = registryOf(loaded, env);
    const catalogue = new ModelCatalogue(registry, config.models.default);
    const models = opened(modelHost(loaded, catalogue, metrics, log), (host) => host.close());
    const find = (name: string): OpenPacs => {
      const found = pacs.get(source.pacsName(name));
      if (found === undefined) throw new Error('a PACS without connection');
      return found;
    };
    const saves = opened(
      await createSaveService({
        folder: join(dataDirectory, 'saves'),
        pacs: find,
        validate: (object) => validateSeg(object),
        log: serviceLog(log, 'saves'),
        limits: {
          objects: config.saving.spoolObjects,
          bytes: config.saving.spoolBytes,
          recordDays: config.saving.recordDays,
        },
      }),
      (service) => service.close(),
    );
    saves.subscribe(({ state }) => metrics.saved(state));
    const jobs = opened(
      await createJobService({
        parts: {
          source,
          models,
          saves,
          software,
          volumeBytes: config.sessions.volumeBytes,
          requireWritable: (name) => requireWritable(find(name)),
        },
        folder: join(dataDirectory, 'jobs'),
        ...(config.jobs.redisUrl === undefined
          ? {}
          : { redis: { url: config.jobs.redisUrl, prefix: config.jobs.redisPrefix } }),
        concurrency: config.jobs.concurrency,
        perUser: config.jobs.perUser,
        keepMs: config.jobs.keepDays * 86_400_000,
        webhooks: {
          hosts: config.jobs.webhookHosts,
          allowPrivate: config.jobs.webhookPrivate,
          secret: config.jobs.webhookSecret,
        },
        log: serviceLog(log, 'jobs'),
      }),
      (service, graceMs) => service.close(graceMs),
    );
    const sessions = opened(
      await createSessionService({
        folder: join(dataDirectory, 'sessions'),
        source,
        models,
        saving: saves,
        software,
        limits: {
          sessionsPerUser: config.sessions.perUser,
          memoryBytes: config.sessions.memoryBytes,
          featureBytes: config.models.featureBytes,
          volumeBytes: config.sessions.volumeBytes,
          idleMs: config.sessions.idleMinutes * 60_000,
          goneMs: config.sessions.goneMinutes * 60_000,
          pingMs: config.http.pingSeconds * 1000,
        },
        log: (message, error) =>
          log.warn({ part: 'sessions', ...(error === undefined ? {} : { err: error }) }, message),
      }),
      (service) => service.close(),
    );
    const authenticator = await authenticatorOf(loaded, log);
    const listModels = () => catalogue.list(models.loaded());
    const passThrough = new Set(
      settings.filter(({ credentials }) => credentials.kind === 'pass-through').map(({ name }) => name),
    );
    const probes = new ReadinessProbes(
      readinessProbes({
        pacs: [...pacs.values()],
        passThrough,
        models: listModels,
        saves,
        jobs,
        usesRedis: config.jobs.redisUrl !== undefined,
        dataDirectory,
        leastFreeBytes: config.leastFreeBytes,
        metrics,
      }),
    );
    const app = opened(
      createApp({
        config,
        version,
        services: {
          sessions,
          jobs,
          saves,
          models: { list: listModels },
          searchTerms: (query, limit) => [...searchTerms(query, limit)],
          service: {
            name: 'medsam2',
            version,
            auth: config.auth.mode,
            pacs: settings.map(({ name, writable }) => ({ name, writable })),
            limits: {
              sessionsPerUser: config.sessions.perUser,
              volumeBytes: config.sessions.volumeBytes,
              bodyBytes: config.http.maskBytes,
            },
          },
          readAudit: (query) => readAudit(auditDirectory, query),
          sources: new SourceLookup(sessions),
        },
        authenticator,
        audit,
        log,
        metrics,
        readiness: () => probes.look(),
        proxies,
        stopping,
      }),
      (made) => made.close(),
    );
    opened(await openSlicerBridge({ config, models, registry, authenticator, log }), (bridges) => bridges.close());
    metrics.watch({
      sessions: () => sessions.memory(),
      jobs: () => jobs.load(),
      saves: () => saves.backlog(),
      streams: () => app.streams.count,
    });
    return { app, models, catalogue, sessions, saves, jobs, auditDirectory, close };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/** Where models are installed, as the configuration or the environment says. */
export function registryOf({ config }: LoadedConfig, env: Environment): RegistrySettings {
  const { directory } = config.models;
  return registrySettings(directory === undefined ? env : { ...env, MEDSAM2_MODELS_DIR: directory });
}

function modelHost({ config }: LoadedConfig, catalogue: ModelCatalogue, metrics: Metrics, log: Logger): ModelHost {
  const device = parseDevice(config.models.device);
  const { threads, featureBytes } = config.models;
  return new ModelHost({
    maxOpen: config.models.open,
    resolve: (name) => catalogue.resolve(name),
    open: async (model) => {
      const started = performance.now();
      const opened = await openModel(model, {
        device,
        threads,
        featureBudget: featureBytes,
        log: (line) => log.info({ model: model.name }, line),
        through: (graphs) => countSlices(graphs, () => metrics.segmented(model.name, 1)),
      });
      const ms = Math.round(performance.now() - started);
      log.info({ model: model.name, device: opened.device, threads: opened.threads, ms }, 'a model is loaded');
      if (model.demonstration)
        log.warn({ model: model.name }, 'a demonstration model: its masks are not to be relied on');
      return opened;
    },
  });
}

/** @throws UserError `keys-invalid` */
export async function authenticatorOf({ config: { auth } }: LoadedConfig, log: Logger): Promise<Authenticator> {
  if (auth.mode === 'oidc' && auth.oidc !== undefined) return openIdConnect(auth.oidc);
  if (auth.mode === 'keys' && auth.keysFile !== undefined) {
    return apiKeys({
      file: auth.keysFile,
      onProblem: ({ code, message }) => log.error({ code }, message),
    });
  }
  return localUser();
}

function serviceLog(log: Logger, part: string): Log {
  return (level, message, facts) => log[level]({ part, ...facts }, message);
}

function requireWritable({ name, writable }: OpenPacs): void {
  if (writable) return;
  throw new UserError(
    'pacs-read-only',
    `The PACS ${name} is configured for reading only.`,
    'Choose another PACS, or ask the operator to allow writing to it.',
  );
}
