import type { ResolvedModel } from '@medsam2/models';
import type { Segmenter } from '../engine/segmenter.js';

/** A model in use; give it back with `release`. */
export interface ModelLease {
  readonly model: ResolvedModel;
  readonly device: string;
  readonly segmenter: Segmenter;
  release(): void;
}

export interface ModelHostOptions {
  /** an installed model by name; without a name, the server's default */
  readonly resolve: (name?: string) => Promise<ResolvedModel>;
  readonly open: (model: ResolvedModel) => Promise<{ readonly segmenter: Segmenter; readonly device: string }>;
  /** models kept open; those in use are never closed */
  readonly maxOpen: number;
}

interface Open {
  readonly model: ResolvedModel;
  readonly ready: Promise<{ readonly segmenter: Segmenter; readonly device: string }>;
  device?: string;
  segmenter?: Segmenter;
  users: number;
  lastUse: number;
}

/**
 * Models opened when they are first needed, one worker each; the one that was not used for longest is closed when there
 * are too many. A worker that dies is replaced by its runner.
 */
export class ModelHost {
  /** by name and weights: a model that was installed anew is another one */
  private readonly open = new Map<string, Open>();
  private clock = 0;

  constructor(private readonly options: ModelHostOptions) {}

  /** Models that are kept open at once; more only while they are in use. */
  get maxOpen(): number {
    return this.options.maxOpen;
  }

  /** @throws UserError those of `resolveModel` */
  describe(name?: string): Promise<ResolvedModel> {
    return this.options.resolve(name);
  }

  /** @throws UserError those of `resolveModel` and `openModel` */
  async acquire(name: string): Promise<ModelLease> {
    const model = await this.options.resolve(name);
    const key = `${model.name} ${model.weightsSha256}`;
    const entry = this.open.get(key) ?? this.start(key, model);
    entry.users++;
    entry.lastUse = ++this.clock;
    try {
      const { segmenter, device } = await entry.ready;
      let released = false;
      return {
        model: entry.model,
        device,
        segmenter,
        release: () => {
          if (released) return;
          released = true;
          entry.users--;
          this.closeUnused();
        },
      };
    } catch (error) {
      entry.users--;
      throw error;
    }
  }

  /** Models that are open now. */
  loaded(): { readonly name: string; readonly sha256: string; readonly device: string }[] {
    return [...this.open.values()].flatMap(({ model, device }) =>
      device === undefined ? [] : [{ name: model.name, sha256: model.weightsSha256, device }],
    );
  }

  /** Bytes of slice features held by all models. */
  get featureBytes(): number {
    return [...this.open.values()].reduce((sum, { segmenter }) => sum + (segmenter?.featureBytes ?? 0), 0);
  }

  async close(): Promise<void> {
    const entries = [...this.open.values()];
    this.open.clear();
    await Promise.all(
      entries.map(({ ready }) => ready.then(({ segmenter }) => segmenter.close()).catch(() => undefined)),
    );
  }

  private start(key: string, model: ResolvedModel): Open {
    const entry: Open = { model, ready: this.options.open(model), users: 0, lastUse: 0 };
    this.open.set(key, entry);
    entry.ready.then(
      ({ segmenter, device }) => {
        Object.assign(entry, { segmenter, device });
        this.closeUnused();
      },
      // Tried again by whoever asks next.
      () => this.open.delete(key),
    );
    return entry;
  }

  private closeUnused(): void {
    const unused = [...this.open].filter(([, { users }]) => users === 0).sort((a, b) => a[1].lastUse - b[1].lastUse);
    for (const [key, entry] of unused) {
      if (this.open.size <= this.options.maxOpen) return;
      this.open.delete(key);
      // Its answer is awaited by nobody: the next one of this model is another worker.
      void entry.ready.then(({ segmenter }) => segmenter.close()).catch(() => undefined);
    }
  }
}
