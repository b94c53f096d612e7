import { UserError } from '@medsam2/models';
import type { SegmentationTarget } from '../engine/segmenter.js';
import { createImageSource, type ResolvedWindow } from '../imaging/window.js';
import type { Volume } from '../imaging/volume.js';
import { orthogonalSource } from './orthogonal.js';
import type { ModelHost, ModelLease } from './models.js';
import type { OrthogonalPlane } from './state.js';

/** How a volume is loaded by whoever is first to need it. */
export interface VolumeRequest {
  /** the same for sessions that may share: PACS, series, volume, its images and accepted findings */
  readonly key: string;
  /** bytes that the voxels will take, at most */
  readonly bytes: number;
  readonly load: (signal: AbortSignal, onProgress: (done: number, total: number) => void) => Promise<Volume>;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

export interface VolumeLease {
  readonly volume: Volume;
  /** The model on this volume through this window; shared, features included. */
  target(model: string, window: ResolvedWindow, plane?: OrthogonalPlane): Promise<TargetLease>;
  release(): void;
}

export interface TargetLease {
  readonly target: SegmentationTarget;
  readonly model: ModelLease['model'];
  readonly device: string;
  readonly featureSlice: number;
  release(): void;
}

interface SharedTarget {
  readonly ready: Promise<{ readonly target: SegmentationTarget; readonly lease: ModelLease }>;
  users: number;
}

interface SharedVolume {
  readonly key: string;
  reserved: number;
  readonly abort: AbortController;
  readonly ready: Promise<Volume>;
  readonly listeners: Set<(done: number, total: number) => void>;
  readonly targets: Map<string, SharedTarget>;
  progress?: readonly [done: number, total: number];
  users: number;
}

/**
 * Volumes and the models' views of them, each held once for all sessions that use it.
 *
 * Room is reserved before anything is loaded: a volume that does not fit is refused, after `makeRoom` put away what
 * nobody uses.
 */
export class VolumePool {
  private readonly volumes = new Map<string, SharedVolume>();
  private reserved = 0;

  /**
   * @param budget bytes of voxels and `otherBytes`
   * @param otherBytes what else counts against the budget, masks for example
   * @param makeRoom puts a session that is not in use to disk; false when there is none
   */
  constructor(
    private readonly models: ModelHost,
    private readonly budget: number,
    private readonly makeRoom: () => Promise<boolean>,
    private readonly otherBytes: () => number = () => 0,
  ) {}

  /** Bytes of voxels held or reserved. */
  get bytes(): number {
    return this.reserved;
  }

  /** @throws UserError `memory-exhausted`, and what loading throws; the signal's reason */
  async acquire(request: VolumeRequest): Promise<VolumeLease> {
    for (;;) {
      request.signal.throwIfAborted();
      const existing = this.volumes.get(request.key);
      const shared = existing ?? (await this.start(request));
      // While room was made, somebody else may have begun to load the same.
      if (shared === undefined) continue;
      shared.users++;
      shared.listeners.add(request.onProgress);
      if (shared.progress !== undefined) request.onProgress(...shared.progress);
      try {
        const volume = await unlessAborted(shared.ready, request.signal);
        return this.lease(shared, volume);
      } catch (error) {
        this.letGo(shared);
        // Loaded with somebody else's rights, or ended because they left: that says nothing about this caller's.
        if (existing !== undefined && !request.signal.aborted) continue;
        throw error;
      } finally {
        shared.listeners.delete(request.onProgress);
      }
    }
  }

  /**
   * Makes sure that a volume would fit, before anything is begun for it.
   * @throws UserError `memory-exhausted`
   */
  async admit({ key, bytes }: Pick<VolumeRequest, 'key' | 'bytes'>): Promise<void> {
    if (bytes > this.budget) throw exhausted(bytes, this.budget);
    while (!this.volumes.has(key) && this.reserved + this.otherBytes() + bytes > this.budget) {
      const made = await this.makeRoom();
      if (!made && !this.volumes.has(key)) throw exhausted(bytes, this.budget - this.reserved - this.otherBytes());
    }
  }

  private async start(request: VolumeRequest): Promise<SharedVolume | undefined> {
    const { key, bytes } = request;
    await this.admit(request);
    if (this.volumes.has(key)) return undefined;
    const abort = new AbortController();
    const listeners: SharedVolume['listeners'] = new Set();
    const tell = (done: number, total: number) => {
      shared.progress = [done, total];
      for (const listener of listeners) listener(done, total);
    };
    const ready = request.load(abort.signal, tell);
    const shared: SharedVolume = { key, reserved: bytes, abort, ready, listeners, targets: new Map(), users: 0 };
    this.reserved += bytes;
    this.volumes.set(key, shared);
    ready.then(
      ({ voxels }) => {
        if (this.volumes.get(key) !== shared) return;
        // What it takes is known now.
        this.reserved += voxels.byteLength - shared.reserved;
        shared.reserved = voxels.byteLength;
      },
      () => this.drop(shared),
    );
    return shared;
  }

  private lease(shared: SharedVolume, volume: Volume): VolumeLease {
    let released = false;
    return {
      volume,
      target: (model, window, plane) => this.target(shared, volume, model, window, plane),
      release: () => {
        if (released) return;
        released = true;
        this.letGo(shared);
      },
    };
  }

  private async target(
    shared: SharedVolume,
    volume: Volume,
    modelName: string,
    window: ResolvedWindow,
    plane: OrthogonalPlane | undefined,
  ): Promise<TargetLease> {
    const key = JSON.stringify([modelName, window, plane ?? 'slice']);
    let entry = shared.targets.get(key);
    if (entry === undefined) {
      const ready = this.models.acquire(modelName).then((lease) => {
        const source =
          plane === undefined ? createImageSource(volume, window) : orthogonalSource(volume, window, plane);
        return { target: lease.segmenter.open(source), lease };
      });
      entry = { ready, users: 0 };
      shared.targets.set(key, entry);
    }
    const held = entry;
    held.users++;
    const letGo = () => {
      held.users--;
      if (held.users > 0) return;
      if (shared.targets.get(key) === held) shared.targets.delete(key);
      void held.ready
        .then(({ target, lease }) => {
          target.close();
          lease.release();
        })
        .catch(() => undefined);
    };
    try {
      const { target, lease } = await held.ready;
      return {
        target,
        model: lease.model,
        device: lease.device,
        featureSlice: featureBytes(lease),
        release: once(letGo),
      };
    } catch (error) {
      letGo();
      throw error;
    }
  }

  private letGo(shared: SharedVolume): void {
    shared.users--;
    if (shared.users > 0) return;
    shared.abort.abort();
    this.drop(shared);
  }

  private drop(shared: SharedVolume): void {
    if (this.volumes.get(shared.key) !== shared) return;
    this.volumes.delete(shared.key);
    this.reserved -= shared.reserved;
  }
}

/** Bytes of the features of one slice, to know how many fit. */
function featureBytes({ model }: ModelLease): number {
  const { hiddenDim, imageSize, stride, maskSize, highResChannels } = model.architecture;
  return (
    4 *
    (hiddenDim * (imageSize / stride) ** 2 +
      highResChannels[0] * maskSize ** 2 +
      highResChannels[1] * (maskSize / 2) ** 2)
  );
}

function exhausted(bytes: number, room: number): UserError {
  const mib = (value: number) => `${Math.max(0, Math.ceil(value / 2 ** 20))} MiB`;
  return new UserError(
    'memory-exhausted',
    `The volume needs ${mib(bytes)} of memory, and ${mib(room)} are free.`,
    'Close sessions that are not needed, wait until others are done, or raise the memory budget of the server.',
  );
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
