import type { GraphName } from '@medsam2/models';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { DecodeOutput, TensorHandle } from '../engine/graph-runner.js';
import { resizeBilinear } from '../engine/resize.js';
import type { AttendRequest, DecodeRequest, EncodeMemoryRequest, EncodeRequest, LoadRequest } from './protocol.js';

/** The part of onnxruntime-node that is used, handed in so that nothing is loaded at import. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(path: string, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  listSupportedBackends(): readonly { readonly name: string }[];
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => Tensor;
}

interface Features {
  readonly s0: Tensor;
  readonly s1: Tensor;
  readonly feat: Tensor;
}

/** Owns the sessions of one model on one device, and the tensors that stay there between calls. */
export class GraphHost {
  private readonly kept = new Map<number, Features | Tensor>();
  private nextId = 1;

  private constructor(
    private readonly runtime: OnnxRuntime,
    private readonly model: LoadRequest,
    private readonly sessions: Readonly<Record<GraphName, InferenceSession>>,
    /** [3][256]: normalised value of every intensity, per channel */
    private readonly normalised: readonly Float32Array[],
  ) {}

  static async load(runtime: OnnxRuntime, model: LoadRequest): Promise<GraphHost> {
    const backends = runtime.listSupportedBackends().map(({ name }) => name);
    // The runtime leaves a provider that it was built without out of the session, and would run on the CPU unsaid.
    if (!backends.includes(model.device)) {
      throw new Error(`this build of onnxruntime knows ${backends.join(', ')} only`);
    }
    const options = sessionOptions(model);
    const create = (name: GraphName) => runtime.InferenceSession.create(model.graphPaths[name], options);
    const sessions = {
      image_encoder: await create('image_encoder'),
      memory_attention: await create('memory_attention'),
      mask_decoder: await create('mask_decoder'),
      memory_encoder: await create('memory_encoder'),
    };
    const { pixelMean, pixelStd } = model.sizes;
    const normalised = pixelMean.map((mean, channel) =>
      // Float64 arithmetic on float32 constants, then rounded: the reference's own order (specification section 3.3).
      Float32Array.from({ length: 256 }, (_, v) => (v / 255 - Math.fround(mean)) / Math.fround(pixelStd[channel])),
    );
    return new GraphHost(runtime, model, sessions, normalised);
  }

  async encode({ images, channels }: EncodeRequest): Promise<TensorHandle[]> {
    const { imageSize: size, maskSize, highResChannels, hiddenDim } = this.model.sizes;
    const area = size * size;
    const input = new Float32Array(images.length * 3 * area);
    images.forEach((image, index) => {
      for (let c = 0; c < 3; c++) {
        const table = this.normalised[c];
        const to = (index * 3 + c) * area;
        if (channels === 1) for (let i = 0; i < area; i++) input[to + i] = table[image[i]];
        else for (let i = 0; i < area; i++) input[to + i] = table[image[i * 3 + c]];
      }
    });
    const out = await this.sessions.image_encoder.run({ image: this.tensor(input, [images.length, 3, size, size]) });
    const side = this.side;
    return images.map((_, index) => {
      const take = (tensor: Tensor, channelCount: number, extent: number) => {
        const length = channelCount * extent * extent;
        const data = tensor.data as Float32Array;
        // One slice keeps the runtime's own tensor; of a batch, each slice gets its part, so that it can be released alone.
        if (images.length === 1) return tensor;
        return this.tensor(data.slice(index * length, (index + 1) * length), [1, channelCount, extent, extent]);
      };
      return this.keep({
        s0: take(out.s0, highResChannels[0], maskSize),
        s1: take(out.s1, highResChannels[1], maskSize / 2),
        feat: take(out.feat, hiddenDim, side),
      });
    });
  }

  async attend(request: AttendRequest): Promise<TensorHandle> {
    const { hiddenDim, memoryDim } = this.model.sizes;
    const side = this.side;
    const memories = request.ageRows.length;
    const pointers = request.pointers.length / hiddenDim;
    const ages = new Float32Array(memories * memoryDim);
    request.ageRows.forEach((row, index) => {
      ages.set(this.model.ageRows.subarray(row * memoryDim, (row + 1) * memoryDim), index * memoryDim);
    });
    const out = await this.sessions.memory_attention.run({
      curr: this.features(request.features).feat,
      mem: this.tensor(request.memories, [1, memories, memoryDim, side, side]),
      mem_tpos: this.tensor(ages, [memories, memoryDim]),
      ptr: this.tensor(request.pointers, [1, pointers, hiddenDim]),
      ptr_pos: this.tensor(request.pointerPositions, [pointers, memoryDim]),
    });
    return this.keep(out.cond);
  }

  async decode(request: DecodeRequest): Promise<DecodeOutput> {
    const { maskSize, hiddenDim } = this.model.sizes;
    const features = this.features(request.features);
    const points = request.labels.length + 1;
    // The prompt encoder always sees one padding point after the given ones (specification section 4.2).
    const coords = new Float32Array(points * 2);
    coords.set(request.coords);
    const labels = new Float32Array(points).fill(-1);
    labels.set(request.labels);
    const mask = request.maskInput ?? new Float32Array(maskSize * maskSize);
    const out = await this.sessions.mask_decoder.run({
      feat: this.base(request.base, features),
      s0: features.s0,
      s1: features.s1,
      coords: this.tensor(coords, [1, points, 2]),
      labels: this.tensor(labels, [1, points]),
      mask_in: this.tensor(mask, [1, 1, maskSize, maskSize]),
      has_mask: this.tensor(new Float32Array([request.maskInput === undefined ? 0 : 1]), [1]),
    });
    if (out.ptr.size !== 4 * hiddenDim) throw new Error(`the mask decoder returned ${out.ptr.size} pointer values`);
    return {
      masks: out.masks.data as Float32Array,
      iou: out.iou.data as Float32Array,
      pointers: out.ptr.data as Float32Array,
      presence: (out.obj.data as Float32Array)[0],
    };
  }

  async encodeMemory(request: EncodeMemoryRequest): Promise<Float32Array> {
    const { imageSize: size, maskSize, memoryMaskScale: scale, memoryMaskBias: bias } = this.model.sizes;
    const mask = resizeBilinear(request.logits, maskSize, maskSize, size, size);
    if (request.mode === 'binary') for (let i = 0; i < mask.length; i++) mask[i] = (mask[i] > 0 ? scale : 0) + bias;
    else for (let i = 0; i < mask.length; i++) mask[i] = scale / (1 + Math.exp(-mask[i])) + bias;
    const out = await this.sessions.memory_encoder.run({
      feat: this.features(request.features).feat,
      mask: this.tensor(mask, [1, 1, size, size]),
      obj: this.tensor(new Float32Array([request.presence]), [1, 1]),
    });
    return out.mem.data as Float32Array;
  }

  release(id: number): void {
    const kept = this.kept.get(id);
    if (kept === undefined) return;
    this.kept.delete(id);
    for (const tensor of 'feat' in kept ? [kept.s0, kept.s1, kept.feat] : [kept]) tensor.dispose();
  }

  /** Handles given out and not yet released. */
  get keptCount(): number {
    return this.kept.size;
  }

  async close(): Promise<void> {
    for (const id of [...this.kept.keys()]) this.release(id);
    for (const session of Object.values(this.sessions)) await session.release();
  }

  private get side(): number {
    return this.model.sizes.imageSize / this.model.sizes.stride;
  }

  private base(base: DecodeRequest['base'], features: Features): Tensor {
    if (base === 'raw') return features.feat;
    if (typeof base === 'number') {
      const kept = this.kept.get(base);
      if (kept === undefined || 'feat' in kept) throw new Error(`no conditioned features ${base}`);
      return kept;
    }
    const feat = (features.feat.data as Float32Array).slice();
    const area = this.side ** 2;
    this.model.noMemoryEmbedding.forEach((value, channel) => {
      for (let i = channel * area; i < (channel + 1) * area; i++) feat[i] += value;
    });
    return this.tensor(feat, features.feat.dims);
  }

  private features(id: number): Features {
    const kept = this.kept.get(id);
    if (kept === undefined || !('feat' in kept)) throw new Error(`no features ${id}`);
    return kept;
  }

  private keep(value: Features | Tensor): TensorHandle {
    const id = this.nextId++;
    this.kept.set(id, value);
    const tensors = 'feat' in value ? [value.s0, value.s1, value.feat] : [value];
    return { id, bytes: tensors.reduce((sum, tensor) => sum + 4 * tensor.size, 0) };
  }

  private tensor(data: Float32Array, dims: readonly number[]): Tensor {
    return new this.runtime.Tensor('float32', data, dims);
  }
}

function sessionOptions({ device, deviceIndex, threads }: LoadRequest): InferenceSession.SessionOptions {
  const options: InferenceSession.SessionOptions = {
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // Only errors: warnings of the runtime about its own node placement are no news for an operator.
    logSeverityLevel: 3,
    // The four sessions have a thread pool each. Spinning, the pools that have nothing to do take the cores from the one
    // that works: a whole propagation was a quarter slower so, and twice as slow on a busy machine (docs/performance.md).
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
  switch (device) {
    case 'cpu':
      return { ...options, executionProviders: ['cpu'] };
    case 'cuda':
      return { ...options, executionProviders: [{ name: 'cuda', deviceId: deviceIndex }, 'cpu'] };
    case 'dml':
      return { ...options, executionProviders: [{ name: 'dml', deviceId: deviceIndex }, 'cpu'] };
    case 'webgpu':
    case 'coreml':
      return { ...options, executionProviders: [device, 'cpu'] };
  }
}
