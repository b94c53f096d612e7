import { isMoreUrgent, type Call, type GraphRunner, type Priority, type SliceFeatures } from './graph-runner.js';
import type { ImageSource } from './types.js';
import { fullView, sameView, viewImage, type View } from './view.js';

/** Features of a slice, held in memory until released. */
export interface FeatureLease {
  readonly features: SliceFeatures;
  release(): void;
}

/** One call of the image encoder, for one slice or a batch. */
interface Encode {
  readonly entries: Entry[];
  /** read by the queue when a device becomes free, so that an encode ahead of need can become urgent */
  readonly call: { priority: Priority; readonly signal: AbortSignal };
  readonly abort: AbortController;
}

/** What is encoded: a slice, seen through a view. */
interface SeenSlice {
  readonly slice: number;
  readonly view: View;
}

interface Entry {
  readonly seen: SeenSlice;
  readonly owner: SliceFeatureSource;
  readonly encode: Encode;
  readonly pending: Promise<SliceFeatures>;
  features?: SliceFeatures;
  users: number;
  /** moved forward on every use; the smallest unused one is evicted first */
  lastUse: number;
}

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

  /** what the features of one slice will take, before the first one has arrived */
  private readonly sliceBytes: number;

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
    const { imageSize, stride, hiddenDim, maskSize, highResChannels } = graphs.architecture;
    const values =
      hiddenDim * (imageSize / stride) ** 2 +
      highResChannels[0] * maskSize ** 2 +
      highResChannels[1] * (maskSize / 2) ** 2;
    this.sliceBytes = 4 * values;
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

  /** @internal start encoding slices that nobody holds yet, in one call */
  start(owner: SliceFeatureSource, slices: readonly SeenSlice[], priority: Priority): Entry[] {
    const { imageSize } = this.graphs.architecture;
    const images = slices.map(({ slice, view }) => viewImage(owner.source, slice, view, imageSize));
    const abort = new AbortController();
    const encode: Encode = { entries: [], call: { priority, signal: abort.signal }, abort };
    const encoded = this.graphs.encode(images, owner.source.channels, encode.call);
    slices.forEach((seen, index) => {
      const pending = encoded.then((all) => all[index]);
      const entry: Entry = { seen, owner, encode, pending, users: 0, lastUse: ++this.clock };
      pending.then(
        (features) => this.arrived(entry, features),
        () => this.entries.delete(entry),
      );
      this.entries.add(entry);
      encode.entries.push(entry);
    });
    return encode.entries;
  }

  /** @internal start the next batch ahead of need, as far as the budget reaches beside what is in use or on its way */
  startAhead(owner: SliceFeatureSource, slices: readonly SeenSlice[]): (() => void) | undefined {
    // A batch is started when its first slice is due: one by one, it would never fill.
    if (slices.length === 0 || this.find(owner, slices[0]) !== undefined) return undefined;
    let room = this.budget;
    for (const entry of this.entries) if (entry.users > 0 || entry.features === undefined) room -= this.sliceBytes;
    const count = Math.min(this.batch, Math.floor(room / this.sliceBytes));
    const missing = slices.filter((seen) => this.find(owner, seen) === undefined).slice(0, Math.max(count, 0));
    if (missing.length === 0) return undefined;
    const [{ encode }] = this.start(owner, missing, 'prefetch');
    return () => this.abandon(encode);
  }

  /** @internal */
  find(owner: SliceFeatureSource, { slice, view }: SeenSlice): Entry | undefined {
    for (const entry of this.entries) {
      if (entry.owner === owner && entry.seen.slice === slice && sameView(entry.seen.view, view)) return entry;
    }
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

  private evict(): void {
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

  /** @internal the last user of a slice may be gone */
  settle(entry: Entry): void {
    this.abandon(entry.encode);
    if (entry.owner.closed) this.dropOwner(entry.owner);
    this.evict();
  }

  /** Cancel an encode that nobody waits for; one that runs already is kept when it arrives. */
  private abandon({ entries, abort }: Encode): void {
    if (entries.every((entry) => entry.users === 0 && entry.features === undefined)) abort.abort();
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
      this.abandon(entry.encode);
      return;
    }
    this.used -= entry.features.bytes;
    this.graphs.release(entry.features);
  }

  /** What was held is gone. An encode that still waits for the device is not: it will run in the new worker. */
  private forget(): void {
    for (const entry of this.entries) if (entry.features !== undefined) this.entries.delete(entry);
    this.used = 0;
  }
}

/** The features of one image source's slices. */
export class SliceFeatureSource {
  private isClosed = false;
  private readonly full: View;

  constructor(
    readonly source: ImageSource,
    private readonly cache: FeatureCache,
  ) {
    this.full = fullView(source);
  }

  /** @internal */
  get closed(): boolean {
    return this.isClosed;
  }

  /** Features of a slice (the whole of it, or a view), encoded now if need be, and kept until the lease is released. */
  async acquire(slice: number, call: Call, view = this.full): Promise<FeatureLease> {
    const seen = { slice, view };
    for (;;) {
      call.signal?.throwIfAborted();
      if (this.isClosed) throw new Error('the image source is closed');
      const held = this.cache.find(this, seen) ?? this.cache.start(this, [seen], call.priority)[0];
      const encodeCall = held.encode.call;
      if (isMoreUrgent(call.priority, encodeCall.priority)) encodeCall.priority = call.priority;
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
   *
   * @returns cancels what was started and is not wanted by anybody yet; undefined when nothing was started
   */
  prefetch(slices: readonly number[], view = this.full): (() => void) | undefined {
    try {
      return this.cache.startAhead(
        this,
        slices.map((slice) => ({ slice, view })),
      );
    } catch {
      // The image could not be made; whoever needs the slice will make it again and be told.
      return undefined;
    }
  }

  /** Drop the features; those in use when their users are done. */
  close(): void {
    this.isClosed = true;
    this.cache.dropOwner(this);
  }

  private letGo(entry: Entry): void {
    entry.users--;
    this.cache.settle(entry);
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
  // By name: the runtime's AbortError is a DOMException, which is an Error of its own realm only.
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError';
}
