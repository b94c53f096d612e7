import { UserError, type Architecture } from '@medsam2/models';
import { DeviceQueue } from '../../inference/queue.js';
import type {
  Call,
  DecodeInput,
  DecodeOutput,
  GraphRunner,
  HostTensors,
  PointerMemory,
  SpatialMemory,
  TensorHandle,
} from '../graph-runner.js';
import { resizeAntialiased } from '../resize.js';
import type { ImageSource } from '../types.js';

const sizes = {
  imageSize: 32,
  stride: 16,
  hiddenDim: 8,
  memoryDim: 4,
  maskSize: 8,
  memorySlots: 7,
  maxObjectPointers: 16,
};

/** Sizes of no real model; every number differs from every other where that is possible. */
export const toyArchitecture: Architecture = {
  ...sizes,
  formatVersion: 1,
  name: 'toy',
  aliases: [],
  opset: 18,
  highResChannels: [1, 2],
  memoryMaskScale: 20,
  memoryMaskBias: -10,
  pixelMean: [0.485, 0.456, 0.406],
  pixelStd: [0.229, 0.224, 0.225],
  absentLogit: -1024,
  graphs: { image_encoder: '', memory_attention: '', mask_decoder: '', memory_encoder: '' },
  tensors: {},
  hostTensors: [],
};

/** Bytes of the features of one slice of the toy model. */
export const toySliceBytes = 4 * (8 * 2 ** 2 + 1 * 8 ** 2 + 2 * 4 ** 2);

const toyHost: HostTensors = {
  ageRows: new Float32Array(sizes.memorySlots * sizes.memoryDim),
  noObjectPointer: new Float32Array(sizes.hiddenDim).fill(-7),
  maskDownsampleWeight: new Float32Array(16).fill(1 / 16),
  maskDownsampleBias: new Float32Array(1),
  pointerPositionWeight: Float32Array.from({ length: sizes.memoryDim * sizes.hiddenDim }, (_, i) => Math.cos(i)),
  pointerPositionBias: new Float32Array(sizes.memoryDim),
};

/** What the toy decoder is asked, and what it would answer by itself. */
export interface DecodeQuestion {
  readonly input: DecodeInput;
  /** mean intensity of the slice, by which tests tell slices apart */
  readonly brightness: number;
  readonly usual: DecodeOutput;
}

export interface AttendRecord {
  readonly brightness: number;
  readonly ageRows: readonly number[];
  readonly memories: readonly Float32Array[];
  readonly pointers: readonly Float32Array[];
}

/**
 * The graphs as a few lines of arithmetic in this process: bright pixels are the object. Keeps books of what it is asked
 * and of every handle it gave out, and can be stopped and lost like a worker. Calls queue as they do for a device.
 */
export class MemoryRunner implements GraphRunner {
  readonly architecture = toyArchitecture;
  readonly host = toyHost;
  /** brightness of the slices of each encode, in the order in which they ran */
  readonly encoded: number[][] = [];
  readonly attended: AttendRecord[] = [];
  /** mode and presence of each encoded memory */
  readonly remembered: { readonly mode: 'binary' | 'soft'; readonly presence: number }[] = [];
  /** replaces the decoder's answer */
  answer: (question: DecodeQuestion) => DecodeOutput = ({ usual }) => usual;

  private readonly queue = new DeviceQueue();
  private readonly kept = new Map<number, { readonly image: Uint8Array; readonly channels: number }>();
  private readonly lostListeners = new Set<() => void>();
  private readonly running = new Set<(error: Error) => void>();
  private nextId = 1;
  private gate: Promise<void> | undefined;

  /** Handles given out and not released. */
  get held(): number {
    return this.kept.size;
  }

  get queued(): number {
    return this.queue.length;
  }

  holds(handle: TensorHandle): boolean {
    return this.kept.has(handle.id);
  }

  /** The device takes calls but finishes none until the returned function is called. */
  stop(): () => void {
    let go = (): void => undefined;
    this.gate = new Promise((resolve) => (go = resolve));
    return () => {
      this.gate = undefined;
      go();
    };
  }

  /** As when a worker dies: what runs fails, what was held is gone, what waits will run in the next worker. */
  lose(): void {
    this.kept.clear();
    for (const fail of this.running)
      fail(new UserError('worker-crashed', 'The worker stopped.', 'Repeat the request.'));
    for (const listener of this.lostListeners) listener();
  }

  encode(images: readonly Uint8Array[], channels: 1 | 3, call: Call): Promise<TensorHandle[]> {
    return this.run(call, () => {
      this.encoded.push(images.map(meanOf));
      return images.map((image) => this.keep(image, channels));
    });
  }

  attend(
    features: TensorHandle,
    memories: readonly SpatialMemory[],
    pointers: readonly PointerMemory[],
    call: Call,
  ): Promise<TensorHandle> {
    return this.run(call, () => {
      const { image, channels } = this.find(features);
      this.attended.push({
        brightness: meanOf(image),
        ageRows: memories.map(({ ageRow }) => ageRow),
        memories: memories.map(({ memory }) => memory),
        pointers: pointers.map(({ pointer }) => pointer),
      });
      return this.keep(image, channels);
    });
  }

  decode(input: DecodeInput, call: Call): Promise<DecodeOutput> {
    return this.run(call, () => {
      const { image, channels } = this.find(input.features);
      if (typeof input.base !== 'string') this.find(input.base);
      const grey = channels === 1 ? image : image.filter((_, index) => index % 3 === 0);
      const { imageSize, maskSize, hiddenDim } = sizes;
      const small = resizeAntialiased(grey, imageSize, imageSize, maskSize, maskSize);
      const usual: DecodeOutput = {
        // Bright pixels are the object; each candidate is a little more generous than the one before.
        masks: Float32Array.from([0, 1, 2, 3].flatMap((extra) => [...small].map((v) => (v - 100 + extra) / 10))),
        iou: Float32Array.from([0.5, 0.6, 0.9, 0.7]),
        pointers: Float32Array.from(
          { length: 4 * hiddenDim },
          (_, i) => Math.floor(i / hiddenDim) + meanOf(image) / 1000,
        ),
        presence: 4,
      };
      return this.answer({ input, brightness: meanOf(image), usual });
    });
  }

  encodeMemory(
    features: TensorHandle,
    logits: Float32Array,
    mode: 'binary' | 'soft',
    presence: number,
    call: Call,
  ): Promise<Float32Array> {
    return this.run(call, () => {
      this.find(features);
      this.remembered.push({ mode, presence });
      const area = (sizes.imageSize / sizes.stride) ** 2 * sizes.memoryDim;
      return new Float32Array(area).fill(logits.reduce((sum, value) => sum + Math.min(Math.max(value, -10), 10), 0));
    });
  }

  release(handle: TensorHandle): void {
    this.kept.delete(handle.id);
  }

  onLost(listener: () => void): () => void {
    this.lostListeners.add(listener);
    return () => this.lostListeners.delete(listener);
  }

  close(): Promise<void> {
    this.kept.clear();
    return Promise.resolve();
  }

  private run<T>(call: Call, work: () => T): Promise<T> {
    return this.queue.run(
      call,
      () =>
        new Promise<T>((resolve, reject) => {
          this.running.add(reject);
          const finish = async () => {
            await this.gate;
            // A lost call has been answered already, and leaves nothing behind.
            if (!this.running.delete(reject)) return;
            resolve(work());
          };
          finish().catch(reject);
        }),
    );
  }

  private keep(image: Uint8Array, channels: number): TensorHandle {
    const id = this.nextId++;
    this.kept.set(id, { image, channels });
    return { id, bytes: toySliceBytes };
  }

  private find(handle: TensorHandle) {
    const found = this.kept.get(handle.id);
    if (found === undefined) throw new Error(`handle ${handle.id} was released or lost`);
    return found;
  }
}

function meanOf(image: Uint8Array): number {
  return Math.round(image.reduce((sum, value) => sum + value, 0) / image.length);
}

/** Slices of one brightness each, so that a slice is known by its mean: slice `k` has `first + step * k`. */
export function plainSource(slices: number, first = 0, step = 1, rows = 16, columns = 24): ImageSource {
  const image = (slice: number) => new Uint8Array(rows * columns).fill(first + step * slice);
  return { slices, rows, columns, channels: 1, image };
}
