import type { Call, GraphRunner, Priority, SliceFeatures } from './graph-runner.js';
import { resizeBicubic } from './resize.js';
import type { ImageSource } from './types.js';

/** Features of a slice, held in memory until released. */
export interface FeatureLease {
  readonly features: SliceFeatures;
  release(): void;
}

interface Entry {
  readonly slice: number;
  readonly owner: SliceFeatureSource;
  pending: Promise<SliceFeatures>;
  features?: SliceFeatures;
  users: number;
  /** moved forward on every use; the smallest unused one is evicted first */
  lastUse: number;
  /** read by the queue when a device becomes free, so that an encode ahead of need can become urgent */
  readonly call: { priority: Priority; readonly signal: AbortSignal };
  /** aborts the encode when nobody waits for it any more */
  readonly abort: AbortController;
}

const urgency: Record<Priority, number> = { interactive: 0, propagation: 1, prefetch: 2 };

/**
 * Encodes every slice once and keeps the features within a byte budget, least recently used out first.
 *
 * One cache serves all image sources of a model, so that the budget holds for the process. Features in use are never
 * evicted; the budget can be exceeded by those alone.
 */
export class FeatureCache {
  private readonly entries = new Set<Entry>();
  private clock = 0;
  private used = 0;
  private readonly unsubscribe: () => void;

  /**
   * @param budget bytes of features kept in total
   * @param batch slices encoded in one call when encoding ahead (1 on CPU; a GPU gains from 8 to 16)
   */
  constructor(
    private readonly graphs: GraphRunner,
    private readonly budget: number,
    private readonly batch = 1,
  ) {
    this.unsubscribe = graphs.onLost(() => this.forget());
  }

  get bytes(): number {
    return this.used;
  }

  open(source: ImageSource): SliceFeatureSource {
    return new SliceFeatureSource(source, this);
  }

  close(): void {
    this.unsubscribe();
    for (const entry of [...this.entries]) this.drop(entry);
  }

  /** @internal start encoding slices that nobody holds yet, in batches */
  start(owner: SliceFeatureSource, slices: readonly number[], priority: Priority): Entry[] {
    const started: Entry[] = [];
    for (let at = 0; at < slices.length; at += this.batch) {
      const group = slices.slice(at, at + this.batch);
      const abort = new AbortController();
      const call = { priority, signal: abort.signal };
      const encoded = this.graphs.encode(
        group.map((slice) => owner.modelInput(slice, this.graphs.architecture.imageSize)),
        owner.source.channels,
        call,
      );
      group.forEach((slice, index) => {
        const entry: Entry = {
          slice,
          owner,
          users: 0,
          lastUse: ++this.clock,
          abort,
          call,
          pending: encoded.then((all) => all[index]),
        };
        entry.pending.then(
          (features) => this.arrived(entry, features),
          () => this.entries.delete(entry),
        );
        this.entries.add(entry);
        started.push(entry);
      });
    }
    return started;
  }

  /** @internal */
  find(owner: SliceFeatureSource, slice: number): Entry | undefined {
    for (const entry of this.entries) if (entry.owner === owner && entry.slice === slice) return entry;
    return undefined;
  }

  /** @internal */
  touch(entry: Entry): void {
    entry.lastUse = ++this.clock;
  }

  /** @internal */
  dropOwner(owner: SliceFeatureSource): void {
    for (const entry of [...this.entries]) if (entry.owner === owner && entry.users === 0) this.drop(entry);
  }

  /** @internal */
  evict(): void {
    while (this.used > this.budget) {
      let oldest: Entry | undefined;
      for (const entry of this.entries) {
        if (entry.users > 0 || entry.features === undefined) continue;
        if (oldest === undefined || entry.lastUse < oldest.lastUse) oldest = entry;
      }
      if (oldest === undefined) return;
      this.drop(oldest);
    }
  }

  private arrived(entry: Entry, features: SliceFeatures): void {
    if (!this.entries.has(entry)) {
      this.graphs.release(features);
      return;
    }
    entry.features = features;
    this.used += features.bytes;
    this.evict();
  }

  private drop(entry: Entry): void {
    this.entries.delete(entry);
    if (entry.features === undefined) {
      entry.abort.abort();
      return;
    }
    this.used -= entry.features.bytes;
    this.graphs.release(entry.features);
  }

  private forget(): void {
    this.entries.clear();
    this.used = 0;
  }
}

/** The features of one image source's slices. */
export class SliceFeatureSource {
  constructor(
    readonly source: ImageSource,
    private readonly cache: FeatureCache,
  ) {}

  /** Features of a slice, encoded now if need be, and kept until the lease is released. */
  async acquire(slice: number, call: Call): Promise<FeatureLease> {
    for (;;) {
      call.signal?.throwIfAborted();
      const held = this.cache.find(this, slice) ?? this.cache.start(this, [slice], call.priority)[0];
      if (urgency[call.priority] < urgency[held.call.priority]) held.call.priority = call.priority;
      held.users++;
      try {
        const features = await unlessAborted(held.pending, call.signal);
        this.cache.touch(held);
        return { features, release: once(() => this.letGo(held)) };
      } catch (error) {
        this.letGo(held);
        // Somebody else's cancelled encode is no reason for this caller to fail.
        if (isAbort(error) && call.signal?.aborted !== true) continue;
        throw error;
      }
    }
  }

  /**
   * Start encoding slices that will be needed soon, in the given order, as far as the budget reaches.
   * Failures surface when the slice is acquired.
   */
  prefetch(slices: readonly number[]): void {
    const wanted = slices.filter((slice) => this.cache.find(this, slice) === undefined);
    if (wanted.length > 0) this.cache.start(this, wanted, 'prefetch');
  }

  close(): void {
    this.cache.dropOwner(this);
  }

  /** @internal the model's input image of a slice: [S][S][channels], Pillow's bicubic */
  modelInput(slice: number, size: number): Uint8Array {
    const { rows, columns, channels } = this.source;
    return resizeBicubic(this.source.image(slice), rows, columns, channels, size, size);
  }

  private letGo(entry: Entry): void {
    entry.users--;
    if (entry.users === 0 && entry.features === undefined) entry.abort.abort();
    this.cache.evict();
  }
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

/** Waits for a promise, or rejects with the signal's reason as soon as it fires; the promise itself goes on. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Whether a thrown value is the cancellation of a signal. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
