import { UserError, type Architecture } from '@medsam2/models';
import { Worker } from 'node:worker_threads';
import type {
  Call,
  DecodeInput,
  DecodeOutput,
  GraphRunner,
  HostTensors,
  PointerMemory,
  SliceFeatures,
  SpatialMemory,
  TensorHandle,
} from '../engine/graph-runner.js';
import type { LoadRequest, OperationName, Operations, WorkerResponse } from './protocol.js';
import { DeviceQueue } from './queue.js';

interface Pending {
  resolve(value: Operations[OperationName]['response']): void;
  reject(error: Error): void;
}

/** A running worker thread and the requests it has not answered. */
interface Live {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
  readonly ready: Promise<unknown>;
  /** raised with every replacement; handles of an older worker are void */
  readonly generation: number;
}

/** A handle together with the worker it lives in. */
interface OwnedHandle extends TensorHandle {
  readonly generation: number;
}

/**
 * Runs the graphs in a worker thread. If the thread dies, the requests it held fail with `worker-crashed`, every handle
 * is void, and the next request starts a new thread.
 */
export class WorkerRunner implements GraphRunner {
  private readonly queue = new DeviceQueue();
  private readonly lostListeners = new Set<() => void>();
  private live: Live | undefined;
  private generation = 0;
  private nextId = 1;
  private closed = false;

  private constructor(
    readonly architecture: Architecture,
    readonly host: HostTensors,
    private readonly model: LoadRequest,
    private readonly script: URL,
  ) {}

  /**
   * Start a worker and load the model in it.
   * @throws UserError `device-unusable` when the model cannot be loaded on the device, with the runtime's reason
   */
  static async start(
    architecture: Architecture,
    host: HostTensors,
    model: LoadRequest,
    script = new URL('./worker.js', import.meta.url),
  ): Promise<WorkerRunner> {
    const runner = new WorkerRunner(architecture, host, model, script);
    try {
      await runner.ensureLive().ready;
    } catch (error) {
      await runner.close();
      throw error;
    }
    return runner;
  }

  /** Requests that wait for the device. */
  get queued(): number {
    return this.queue.length;
  }

  async encode(images: readonly Uint8Array[], channels: 1 | 3, call: Call): Promise<SliceFeatures[]> {
    return this.keepAll(await this.request('encode', { images, channels }, call), call);
  }

  async attend(
    features: SliceFeatures,
    memories: readonly SpatialMemory[],
    pointers: readonly PointerMemory[],
    call: Call,
  ): Promise<TensorHandle> {
    const handle = await this.request(
      'attend',
      {
        features: this.own(features),
        memories: concat(memories.map((m) => m.memory)),
        ageRows: memories.map((m) => m.ageRow),
        pointers: concat(pointers.map((p) => p.pointer)),
        pointerPositions: concat(pointers.map((p) => p.position)),
      },
      call,
    );
    return this.keepAll([handle], call)[0];
  }

  decode(input: DecodeInput, call: Call): Promise<DecodeOutput> {
    const { base, coords, labels, maskInput } = input;
    return this.request(
      'decode',
      {
        features: this.own(input.features),
        base: typeof base === 'string' ? base : this.own(base),
        coords,
        labels,
        maskInput,
      },
      call,
    );
  }

  encodeMemory(
    features: SliceFeatures,
    logits: Float32Array,
    mode: 'binary' | 'soft',
    presence: number,
    call: Call,
  ): Promise<Float32Array> {
    return this.request('encodeMemory', { features: this.own(features), logits, mode, presence }, call);
  }

  release(handle: TensorHandle): void {
    const { generation } = handle as OwnedHandle;
    if (this.live === undefined || this.live.generation !== generation) return;
    // No answer is awaited: a failed release means the worker is gone, and its memory with it.
    this.send(this.live, 'release', handle.id).catch(() => undefined);
  }

  onLost(listener: () => void): () => void {
    this.lostListeners.add(listener);
    return () => this.lostListeners.delete(listener);
  }

  async close(): Promise<void> {
    this.closed = true;
    const live = this.live;
    this.live = undefined;
    if (live === undefined) return;
    await this.send(live, 'close', null).catch(() => undefined);
    live.worker.removeAllListeners();
    await live.worker.terminate();
    failAll(live, crash('it was closed'));
  }

  private request<Name extends OperationName>(
    operation: Name,
    request: Operations[Name]['request'],
    call: Call,
  ): Promise<Operations[Name]['response']> {
    return this.queue.run(call, async () => {
      const live = this.ensureLive();
      await live.ready;
      return this.send(live, operation, request);
    });
  }

  private ensureLive(): Live {
    if (this.closed) throw crash('it was closed');
    if (this.live !== undefined) return this.live;
    const worker = new Worker(this.script);
    const pending = new Map<number, Pending>();
    const generation = ++this.generation;
    worker.on('message', (message: WorkerResponse) => {
      const waiting = pending.get(message.id);
      pending.delete(message.id);
      if (message.ok) waiting?.resolve(message.response);
      else waiting?.reject(new Error(message.message));
    });
    worker.on('error', (error) => this.lost(generation, error.message));
    worker.on('exit', (code) => this.lost(generation, `exit code ${code}`));
    const partial = { worker, pending, generation };
    const ready = this.send(partial, 'load', this.model).catch((error: unknown) => {
      throw unusable(this.model.device, error);
    });
    // A failed load is reported to whoever waits for it; without a waiter it must not end the process.
    ready.catch(() => undefined);
    this.live = { ...partial, ready };
    return this.live;
  }

  private send<Name extends OperationName>(
    live: Pick<Live, 'worker' | 'pending'>,
    operation: Name,
    request: Operations[Name]['request'],
  ): Promise<Operations[Name]['response']> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      live.pending.set(id, { resolve: resolve as Pending['resolve'], reject });
      live.worker.postMessage({ id, operation, request });
    });
  }

  private lost(generation: number, reason: string): void {
    if (this.live?.generation !== generation) return;
    const live = this.live;
    this.live = undefined;
    failAll(live, crash(reason));
    for (const listener of this.lostListeners) listener();
  }

  /** Marks handles with their worker; those of a call nobody waits for any more are released. */
  private keepAll(handles: readonly TensorHandle[], call: Call): OwnedHandle[] {
    const owned = handles.map((handle) => ({ ...handle, generation: this.generation }));
    if (call.signal?.aborted === true) {
      owned.forEach((handle) => this.release(handle));
      throw call.signal.reason as Error;
    }
    return owned;
  }

  private own(handle: TensorHandle): number {
    if ((handle as OwnedHandle).generation !== this.generation || this.live === undefined) {
      throw crash('the features it held are gone');
    }
    return handle.id;
  }
}

function failAll(live: Live, error: Error): void {
  for (const waiting of live.pending.values()) waiting.reject(error);
  live.pending.clear();
}

function crash(reason: string): UserError {
  return new UserError(
    'worker-crashed',
    `The inference worker stopped (${reason}).`,
    'Repeat the request: a new worker starts by itself; if it happens again, see whether memory runs out.',
  );
}

function unusable(device: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return new UserError(
    'device-unusable',
    `The model cannot be loaded on ${device}: ${reason}`,
    'Choose another device, or --device auto to take the first that works.',
    { cause: error },
  );
}

function concat(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
