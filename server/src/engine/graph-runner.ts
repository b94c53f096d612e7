import type { Architecture } from '@medsam2/models';

/** Which calls a busy device serves first. */
export type Priority = 'interactive' | 'propagation' | 'prefetch' | 'batch';

// A batch nobody waits for comes after what somebody may need next.
const urgency: Record<Priority, number> = { interactive: 0, propagation: 1, prefetch: 2, batch: 3 };

/** Whether `a` is served before `b`. */
export function isMoreUrgent(a: Priority, b: Priority): boolean {
  return urgency[a] < urgency[b];
}

export interface Call {
  readonly priority: Priority;
  readonly signal?: AbortSignal;
}

/** Tensors that stay where the graphs run (a worker's memory, a GPU); released explicitly. */
export interface TensorHandle {
  readonly id: number;
  readonly bytes: number;
}

/** Features of one encoded slice: s0, s1 and feat. */
export type SliceFeatures = TensorHandle;

/** One spatial memory and the row of `maskmem_tpos_enc` that encodes its age. */
export interface SpatialMemory {
  /** [memoryDim][side][side], rounded to bfloat16 */
  readonly memory: Float32Array;
  readonly ageRow: number;
}

export interface PointerMemory {
  /** [hiddenDim] */
  readonly pointer: Float32Array;
  /** [memoryDim], projected temporal code */
  readonly position: Float32Array;
}

/**
 * What the decoder looks at: the slice's raw features (`raw`, for the pointer of a mask prompt), the features plus
 * `no_mem_embed` (`initial`, a slice without memory), or the output of the memory attention.
 */
export type DecoderBase = 'raw' | 'initial' | TensorHandle;

export interface DecodeInput {
  readonly features: SliceFeatures;
  readonly base: DecoderBase;
  /** model-input pixels, x and y interleaved; without the padding point, which the runner appends */
  readonly coords: Float32Array;
  /** 1 positive, 0 negative, 2 and 3 box corners, -1 padding */
  readonly labels: Float32Array;
  /** [maskSize][maskSize] logits given to the prompt encoder as a dense prompt */
  readonly maskInput?: Float32Array;
}

export interface DecodeOutput {
  /** [4][maskSize][maskSize] */
  readonly masks: Float32Array;
  /** [4] */
  readonly iou: Float32Array;
  /** [4][hiddenDim] */
  readonly pointers: Float32Array;
  /** presence logit */
  readonly presence: number;
}

/** Tensors of the checkpoint that the predictor uses between graphs. */
export interface HostTensors {
  /** [memorySlots][memoryDim] */
  readonly ageRows: Float32Array;
  /** [hiddenDim] */
  readonly noObjectPointer: Float32Array;
  /** [1][1][4][4] and [1] */
  readonly maskDownsampleWeight: Float32Array;
  readonly maskDownsampleBias: Float32Array;
  /** [memoryDim][hiddenDim] and [memoryDim] */
  readonly pointerPositionWeight: Float32Array;
  readonly pointerPositionBias: Float32Array;
}

/**
 * The four graphs, run somewhere else (never on the caller's thread). Implementations throw UserError
 * `worker-crashed` when the place where they run is lost, and an `AbortError` when `call.signal` fires.
 */
export interface GraphRunner {
  readonly architecture: Architecture;
  readonly host: HostTensors;

  /** @param images resized display images [S][S][channels], 0..255; one feature set each, in order */
  encode(images: readonly Uint8Array[], channels: 1 | 3, call: Call): Promise<SliceFeatures[]>;

  /** Condition a slice on memories; the result stays with the graphs and is released by the caller. */
  attend(
    features: SliceFeatures,
    memories: readonly SpatialMemory[],
    pointers: readonly PointerMemory[],
    call: Call,
  ): Promise<TensorHandle>;

  decode(input: DecodeInput, call: Call): Promise<DecodeOutput>;

  /**
   * Encode a mask as memory.
   * @param logits [maskSize][maskSize]; `binary`: thresholded (user-prompted slices), `soft`: sigmoid (tracked slices)
   * @returns [memoryDim][side][side] float32, not yet rounded
   */
  encodeMemory(
    features: SliceFeatures,
    logits: Float32Array,
    mode: 'binary' | 'soft',
    presence: number,
    call: Call,
  ): Promise<Float32Array>;

  release(handle: TensorHandle): void;

  /** Called when the place where the graphs run was lost: every handle given out before is void. */
  onLost(listener: () => void): () => void;
  close(): Promise<void>;
}
