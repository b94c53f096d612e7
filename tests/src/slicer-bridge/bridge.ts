/** A bridge on a free port, with the model that comes with the program, and what it logs. */
import { registrySettings, resolveModel, type RegistrySettings } from '@medsam2/models';
import { HostedModels, ModelHost, openModel, startSlicerBridge, type Segmenter } from '@medsam2/server';
import type { BridgeSettingsInput, LogFields, RunningBridge, SegmenterLibrary } from '@medsam2/slicer-bridge';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface LogLine extends LogFields {
  readonly message: string;
}

export interface TestBridge extends RunningBridge {
  readonly log: readonly LogLine[];
  /** where uploads are kept while they are read */
  readonly folder: string;
  /** files that are left of uploads */
  leftovers(): Promise<string[]>;
}

export async function startTestBridge(
  segmenters: SegmenterLibrary,
  settings: BridgeSettingsInput = {},
  more: Partial<Parameters<typeof startSlicerBridge>[0]> = {},
): Promise<TestBridge> {
  const folder = await mkdtemp(join(tmpdir(), 'medsam2-bridge-test-'));
  const log: LogLine[] = [];
  const note = (message: string, fields: LogFields): void => void log.push({ message, ...fields });
  const running = await startSlicerBridge(
    {
      segmenters,
      temporaryFolder: folder,
      log: {
        info: note,
        warn: note,
        error: (message, fields, error) => note(message, { ...fields, trace: String(error) }),
      },
      ...more,
    },
    { port: 0, listen: 'loopback', ...settings },
  );
  return {
    port: running.port,
    log,
    folder,
    leftovers: async () => (await readdir(folder, { recursive: true })).filter((name) => name.includes('/')),
    close: async () => {
      await running.close();
      const left = await readdir(folder);
      await rm(folder, { recursive: true, force: true });
      if (left.length > 0) throw new Error(`the bridge left ${left.join(', ')} behind`);
    },
  };
}

export interface TestModels {
  readonly library: HostedModels;
  readonly registry: RegistrySettings;
  /** the engine behind the built-in model */
  readonly segmenter: Segmenter;
  close(): Promise<void>;
}

/** The built-in model, on one thread. */
export async function openTestModels(
  options: { readonly uploads?: boolean; readonly observe?: (segmenter: Segmenter) => Segmenter } = {},
): Promise<TestModels> {
  const directory = await mkdtemp(join(tmpdir(), 'medsam2-models-'));
  const registry = registrySettings({ ...process.env, MEDSAM2_MODELS_DIR: directory });
  const nano = await resolveModel(registry, 'nano');
  const { segmenter } = await openModel(nano, { device: { kind: 'cpu', index: 0 }, threads: 1 });
  const used = options.observe?.(segmenter) ?? segmenter;
  const host = new ModelHost({
    maxOpen: 2,
    resolve: (name) => resolveModel(registry, name ?? 'nano'),
    open: () => Promise.resolve({ segmenter: used, device: 'cpu' }),
  });
  const library = new HostedModels({ host, registry, uploads: options.uploads ?? false });
  return {
    library,
    registry,
    segmenter,
    close: async () => {
      await host.close();
      await segmenter.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
