/** The parts of a server that jobs need, put together on a real PACS and the built-in model. */
import { registrySettings, resolveModel } from '@medsam2/models';
import { openModel } from '@medsam2/server';
import { createPacs, pacsConfigSchema, type OpenPacs } from '@medsam2/server/dicomweb';
import { createJobService, type JobService, type JobServiceOptions } from '@medsam2/server/jobs';
import { ModelHost, pacsSeriesSource } from '@medsam2/server/jobs/testing';
import { createSaveService, type SaveService, type SaveServiceOptions } from '@medsam2/server/saving';
import { validateSeg } from '@medsam2/server/segmentation';
import { join } from 'node:path';

export interface JobServerOptions {
  readonly folder: string;
  /** DICOMweb */
  readonly url: string;
  readonly redis?: JobServiceOptions['redis'];
  readonly webhooks?: JobServiceOptions['webhooks'];
  readonly perUser?: number;
  readonly trace?: SaveServiceOptions['trace'];
  readonly credentials?: 'pass-through';
  readonly confirmMs?: number;
}

export interface JobServer {
  readonly jobs: JobService;
  readonly saves: SaveService;
  readonly pacs: OpenPacs;
  close(graceMs?: number): Promise<void>;
}

export async function startJobServer(options: JobServerOptions): Promise<JobServer> {
  const { folder, url, redis, webhooks, perUser, trace, credentials = 'none', confirmMs } = options;
  const pacs = createPacs(
    pacsConfigSchema.parse({
      name: 'main',
      url,
      writable: true,
      credentials: { kind: credentials },
      retries: { attempts: 1 },
    }),
  );
  const saves = await createSaveService({
    folder: join(folder, 'saves'),
    pacs: () => pacs,
    validate: (object) => validateSeg(object),
    backOff: { firstMs: 100, mostMs: 300 },
    trace,
  });
  // Nothing is installed in an empty folder: the model is the built-in one.
  const registry = registrySettings({ ...process.env, MEDSAM2_MODELS_DIR: join(folder, 'models') });
  const models = new ModelHost({
    resolve: (name = 'nano') => resolveModel(registry, name),
    open: (model) => openModel(model, { device: { kind: 'cpu', index: 0 }, threads: 1 }),
    maxOpen: 1,
  });
  const jobs = await createJobService({
    parts: {
      source: pacsSeriesSource(new Map([['main', pacs]])),
      models,
      saves,
      software: { name: 'medsam2', version: '0.1.0', deviceSerialNumber: 'test' },
      volumeBytes: 2 ** 28,
      requireWritable: () => undefined,
      confirmMs,
    },
    folder: join(folder, 'jobs'),
    redis,
    webhooks,
    perUser,
  });
  return {
    jobs,
    saves,
    pacs,
    async close(graceMs = 10_000) {
      await jobs.close(graceMs);
      await saves.close();
      await models.close();
      await pacs.close();
    },
  };
}
