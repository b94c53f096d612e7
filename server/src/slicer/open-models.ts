import {
  importModel,
  listModels,
  resolveModel,
  sha256OfFile,
  type RegistrySettings,
  type ResolvedModel,
} from '@medsam2/models';
import type { OpenStack, SegmenterLibrary, VolumeSegmenter } from '@medsam2/slicer-bridge';
import type { Segmenter } from '../engine/index.js';
import { volumeSegmenter } from './volume-segmenter.js';

export interface OpenModelsOptions {
  readonly registry: RegistrySettings;
  /** loads a model; whoever owns this library closes it */
  readonly open: (model: ResolvedModel) => Promise<Segmenter>;
  /** served where a client names none that is installed; default: medsam2-latest, or the only one */
  readonly defaultModel?: string;
  /** clients may upload weights */
  readonly uploads: boolean;
  /** models in memory at once */
  readonly maxOpen?: number;
}

interface Loaded {
  readonly name: string;
  readonly segmenter: Promise<{ readonly segmenter: Segmenter; readonly view: ResolvedModel['view'] }>;
  /** stacks that are open on it */
  users: number;
  lastUse: number;
}

/** The plug-in's own default (specification section 5). */
const usualModel = 'medsam2-latest';

/** Installed models, loaded when they are first asked for; the one that nobody uses for longest makes room. */
export class OpenModels implements SegmenterLibrary {
  private readonly loaded = new Map<string, Loaded>();
  private clock = 0;
  readonly add?: (file: string) => Promise<string>;

  constructor(private readonly options: OpenModelsOptions) {
    if (options.uploads) this.add = (file) => this.install(file);
  }

  async names(): Promise<string[]> {
    const listed = await listModels(this.options.registry);
    return listed.filter(({ state }) => state === 'installed' || state === 'built-in').map(({ name }) => name);
  }

  /** @throws UserError as `resolveModel` and `openModel` */
  async get(wanted?: string): Promise<VolumeSegmenter> {
    const name = wanted ?? (await this.defaultName());
    const held = this.loaded.get(name) ?? this.load(name);
    held.lastUse = ++this.clock;
    try {
      const { segmenter, view } = await held.segmenter;
      return counted(volumeSegmenter(segmenter, { name, view }), held);
    } catch (error) {
      this.loaded.delete(name);
      throw error;
    }
  }

  async close(): Promise<void> {
    const all = [...this.loaded.values()];
    this.loaded.clear();
    await Promise.all(all.map(close));
  }

  private async defaultName(): Promise<string> {
    const { defaultModel, registry } = this.options;
    if (defaultModel !== undefined) return defaultModel;
    if ((await this.names()).includes(usualModel)) return usualModel;
    return (await resolveModel(registry)).name;
  }

  private load(name: string): Loaded {
    const { registry, open, maxOpen = 2 } = this.options;
    const resolved = resolveModel(registry, name);
    const segmenter = resolved.then(async (model) => ({ segmenter: await open(model), view: model.view }));
    const held: Loaded = { name, segmenter, users: 0, lastUse: 0 };
    this.loaded.set(name, held);
    if (this.loaded.size > maxOpen) this.closeOldest(held);
    return held;
  }

  private closeOldest(except: Loaded): void {
    const idle = [...this.loaded.values()].filter((held) => held !== except && held.users === 0);
    const [oldest] = idle.sort((a, b) => a.lastUse - b.lastUse);
    if (oldest === undefined) return;
    this.loaded.delete(oldest.name);
    void close(oldest);
  }

  /** The name says what it is: equal weights are installed once. */
  private async install(file: string): Promise<string> {
    const { registry } = this.options;
    const name = `upload-${(await sha256OfFile(file)).slice(0, 16)}`;
    if (!(await this.names()).includes(name)) {
      await importModel(registry, file, { name, placement: 'copy' });
    }
    return name;
  }
}

/** Counts the stacks that are open, so that no model is closed under them. */
function counted(inner: VolumeSegmenter, held: Loaded): VolumeSegmenter {
  return {
    model: inner.model,
    open: (stack): OpenStack => {
      held.users++;
      const opened = inner.open(stack);
      let isOpen = true;
      return {
        ...opened,
        close: () => {
          if (isOpen) held.users--;
          isOpen = false;
          opened.close();
        },
      };
    },
  };
}

async function close({ segmenter }: Loaded): Promise<void> {
  // one that never loaded has nothing to close, and was told to whoever asked for it
  await segmenter.then(
    ({ segmenter: opened }) => opened.close(),
    () => undefined,
  );
}
