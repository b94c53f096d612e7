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
  readonly resolve: (response: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A running worker thread and the requests it has not answered. */
interface Live {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
  /** raised with every replacement; handles of an older worker are void */
  readonly generation: number;
  /** settles when the model is loaded */
  ready: Promise<unknown>;
  /** why the thread is gone; a message to it would never be answered */
  lost?: Error;
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
  private closing: Promise<void> | undefined;

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
      throw unusable(model.device, error);
    }
    return runner;
  }

  /** Requests that wait for the device. */
  get queued(): number {
    return this.queue.length;
  }

  /** Not thrown away when the signal fires during the run: the slice is encoded, and may be wanted again at once. */
  async encode(images: readonly Uint8Array[], channels: 1 | 3, call: Call): Promise<SliceFeatures[]> {
    const { response, generation } = await this.request('encode', () => ({ images, channels }), call);
    return response.map((handle): OwnedHandle => ({ ...handle, generation }));
  }

  async attend(
    features: SliceFeatures,
    memories: readonly SpatialMemory[],
    pointers: readonly PointerMemory[],
    call: Call,
  ): Promise<TensorHandle> {
    const { response, generation } = await this.request(
      'attend',
      (live) => ({
        features: idIn(live, features),
        memories: concat(memories.map((m) => m.memory)),
        ageRows: memories.map((m) => m.ageRow),
        pointers: concat(pointers.map((p) => p.pointer)),
        pointerPositions: concat(pointers.map((p) => p.position)),
      }),
      call,
    );
    const handle: OwnedHandle = { ...response, generation };
    if (call.signal?.aborted !== true) return handle;
    this.release(handle);
    throw call.signal.reason as Error;
  }

  async decode(input: DecodeInput, call: Call): Promise<DecodeOutput> {
    const { features, base, coords, labels, maskInput } = input;
    const { response } = await this.request(
      'decode',
      (live) => ({
        features: idIn(live, features),
        base: typeof base === 'string' ? base : idIn(live, base),
        coords,
        labels,
        maskInput,
      }),
      call,
    );
    return response;
  }

  async encodeMemory(
    features: SliceFeatures,
    logits: Float32Array,
    mode: 'binary' | 'soft',
    presence: number,
    call: Call,
  ): Promise<Float32Array> {
    const { response } = await this.request(
      'encodeMemory',
      (live) => ({ features: idIn(live, features), logits, mode, presence }),
      call,
    );
    return response;
  }

  /** Handles that the worker holds now; 0 when nothing leaks. */
  async keptHandles(): Promise<number> {
    const { response } = await this.request('kept', () => null, { priority: 'interactive' });
    return response;
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

  /** The run that is under way is finished and answered; requests that still wait fail. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    const { live } = this;
    this.live = undefined;
    if (live === undefined) return;
    await this.send(live, 'close', null).catch(() => undefined);
    await this.discard(live, closed());
  }

  /** @param build called when the device is free, because a worker may be replaced while a request waits */
  private request<Name extends OperationName>(
    operation: Name,
    build: (live: Live) => Operations[Name]['request'],
    call: Call,
  ): Promise<{ response: Operations[Name]['response']; generation: number }> {
    return this.queue.run(call, async () => {
      const live = this.ensureLive();
      const request = build(live);
      await live.ready;
      return { response: await this.send(live, operation, request), generation: live.generation };
    });
  }

  private ensureLive(): Live {
    if (this.closing !== undefined) throw closed();
    if (this.live !== undefined) return this.live;
    // Else the runtime keeps a device id in the user's cache folder and sends usage data to its maker. It reads the
    // environment of the process, which this thread's `process.env` is; a worker's is only a copy.
    process.env.ORT_DISABLE_TELEMETRY = '1';
    const worker = new Worker(this.script);
    const live: Live = { worker, pending: new Map(), generation: ++this.generation, ready: Promise.resolve() };
    worker.on('message', (message: WorkerResponse) => {
      const waiting = live.pending.get(message.id);
      live.pending.delete(message.id);
      if (message.ok) waiting?.resolve(message.response);
      else waiting?.reject(new Error(message.message));
    });
    worker.on('error', (error: unknown) => this.lose(live, crash(firstLine(error))));
    worker.on('exit', (code) => this.lose(live, crash(`exit code ${code}`)));
    live.ready = this.send(live, 'load', this.model).catch(async (error: unknown) => {
      // Without this, a worker that could not load once would answer every later request with the same failure.
      await this.discard(live, crash('it could not load the model'));
      throw isCrash(error) ? error : unusable(this.model.device, error);
    });
    // A failed load is reported to whoever waits for it; without a waiter it must not end the process.
    live.ready.catch(() => undefined);
    this.live = live;
    return live;
  }

  private send<Name extends OperationName>(
    live: Live,
    operation: Name,
    request: Operations[Name]['request'],
  ): Promise<Operations[Name]['response']> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      if (live.lost !== undefined) throw live.lost;
      live.worker.postMessage({ id, operation, request });
      live.pending.set(id, { resolve: (response) => resolve(response as Operations[Name]['response']), reject });
    });
  }

  /** The thread is gone: its requests fail, its handles are void, the next request starts another one. */
  private lose(live: Live, reason: Error): void {
    if (live.lost !== undefined) return;
    live.lost = reason;
    const wasCurrent = this.live === live;
    if (wasCurrent) this.live = undefined;
    for (const waiting of live.pending.values()) waiting.reject(reason);
    live.pending.clear();
    if (wasCurrent) for (const listener of this.lostListeners) listener();
  }

  /** End a thread that is not wanted any more. */
  private async discard(live: Live, reason: Error): Promise<void> {
    this.lose(live, reason);
    live.worker.removeAllListeners();
    await live.worker.terminate();
  }
}

/**
 * The id of a handle in the worker that holds it.
 * @throws UserError `worker-crashed` when that worker was replaced: in the new one the number may mean another slice
 */
function idIn(live: Live, handle: TensorHandle): number {
  if ((handle as OwnedHandle).generation !== live.generation) throw crash('the features it held are gone');
  return handle.id;
}

function crash(reason: string): UserError {
  return new UserError(
    'worker-crashed',
    `The inference worker stopped (${reason}).`,
    'Repeat the request: a new worker starts by itself; if it happens again, see whether memory runs out.',
  );
}

function isCrash(error: unknown): boolean {
  return error instanceof UserError && error.code === 'worker-crashed';
}

function closed(): UserError {
  return new UserError('model-closed', 'The model was closed before the request ran.', 'Open the model again.');
}

function unusable(device: string, error: unknown): UserError {
  if (error instanceof UserError && !isCrash(error)) return error;
  return new UserError(
    'device-unusable',
    `The model cannot be loaded on ${device}: ${firstLine(error).replace(/[.\s]+$/, '')}.`,
    `${device === 'cuda' ? 'Add the CUDA libraries (npm run install:cuda), or choose' : 'Choose'} another device; --device auto takes the first that works.`,
    { cause: error },
  );
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n')[0];
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
