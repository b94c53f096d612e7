import type { Architecture } from '@medsam2/models';
import { fillHoles2d } from './components.js';
import type { FeatureLease } from './feature-cache.js';
import type {
  Call,
  DecoderBase,
  DecodeOutput,
  GraphRunner,
  PointerMemory,
  SliceFeatures,
  SpatialMemory,
} from './graph-runner.js';
import { argmax, linear, packBfloat16, roundToBfloat16, stability, temporalCode, unpackBfloat16 } from './numeric.js';
import type { GreySlice } from './appearance.js';
import { PromptedFollower } from './prompted.js';
import { resizeAntialiased } from './resize.js';
import type { Box, EngineOptions } from './types.js';
import { boundsOf, maskAtSource, viewMask, type View, type ViewRule } from './view.js';

/** Corners of a box in the labels of the prompt encoder (specification section 3.4). */
export const boxCornerLabels = [2, 3] as const;

/** The state of one slice. */
export interface TrackOutput {
  /** time: slices counted in tracking direction, from 0 */
  readonly time: number;
  /** [maskSize][maskSize], after hole filling */
  readonly logits: Float32Array;
  /** the rectangle of the slice that the logits cover */
  readonly view: View;
  readonly iou: number;
  readonly presence: number;
}

interface SliceRecord extends TrackOutput {
  readonly pointer: Float32Array;
  /** bfloat16; absent until the record is committed */
  memory?: Uint16Array;
  /** the mask that was given, [rows][columns] */
  readonly given?: Uint8Array;
  /** what is given out instead of the logits that the track goes on with */
  readonly shown?: Float32Array;
  /** the object has ended, and no later slice is looked at */
  readonly ended?: boolean;
}

/** What the decoder is asked about one slice. */
interface Question {
  readonly time: number;
  readonly view: View;
  /** `initial`: without memory; `memory`: conditioned on what the track remembers */
  readonly base: 'initial' | 'memory';
  /** pixels of the original slice */
  readonly points: readonly (readonly [number, number])[];
  readonly labels: readonly number[];
  /** logits that go back in as a dense prompt */
  readonly previous?: Float32Array;
}

/** Where a track gets its slices from, already in tracking direction. */
export interface TrackSlices {
  /** number of slices */
  readonly count: number;
  /** size of the original slices, to scale prompts */
  readonly rows: number;
  readonly columns: number;
  readonly views: ViewRule;
  features(time: number, call: Call, view: View): Promise<FeatureLease>;
  /** what of a slice is seen without a model */
  grey(time: number): GreySlice;
  /** hint that these times come next, probably in this view; the answer takes the hint back */
  prefetch(times: readonly number[], view: View): (() => void) | undefined;
}

export type TrackOptions = Pick<EngineOptions, 'stabilityFallback' | 'fillHoleArea' | 'following'>;

/** SAM 2.1's `dynamic_multimask_stability_delta` and `..._thresh`. */
const stabilityDelta = 0.05;
const stabilityThreshold = 0.98;
/** Bound on previous logits that go back in as a dense prompt. */
const densePromptBound = 32;
/** How far ahead slices are announced: at least what a device encodes in one call. */
const lookAhead = 16;
/** Presence of a mask given by the user, or of an empty one. */
const givenPresence = 10;
/** Points alone do not tell how large the object is: their view reaches this many pixels beyond them. */
const pointMargin = 16;

/**
 * One object followed through a stack of slices in one direction: the reference predictor's state machine
 * (specification section 5.7). Backward tracking is a forward track on flipped slices.
 *
 * Prompt first, then `run`. Not for concurrent use: await each call before the next.
 */
export class Track {
  private readonly architecture: Architecture;
  private readonly conditioning = new Map<number, SliceRecord>();
  private readonly tracked = new Map<number, SliceRecord>();
  private readonly prompted = new Map<number, SliceRecord>();
  private readonly follower: PromptedFollower | undefined;
  private takeHintBack: (() => void) | undefined;

  constructor(
    private readonly graphs: GraphRunner,
    private readonly slices: TrackSlices,
    private readonly options: TrackOptions,
  ) {
    this.architecture = graphs.architecture;
    const { maskSize, absentLogit } = this.architecture;
    this.follower = options.following === 'prompted' ? new PromptedFollower(maskSize, absentLogit) : undefined;
  }

  /**
   * Prompt a slice with points; a box is its two corners with labels 2 and 3, put first.
   * A second call on the same slice sees the first one's result as a dense prompt, as in the reference.
   *
   * @param points x and y in pixels of the original slice
   * @param labels 1 positive, 0 negative, 2 and 3 box corners
   */
  async promptPoints(
    time: number,
    points: readonly (readonly [number, number])[],
    labels: readonly number[],
    call: Call,
  ): Promise<TrackOutput> {
    const previous = this.prompted.get(time) ?? this.conditioning.get(time);
    const view = previous?.view ?? this.slices.views.forPrompt(boundsOfPrompt(points, labels));
    const question = { time, view, base: 'initial' as const, points, labels, previous: previous?.logits };
    const record = await this.decode(question, call);
    const filled = { ...record, logits: this.fillHoles(record.logits) };
    this.prompted.set(time, filled);
    return filled;
  }

  /**
   * Prompt a slice with a mask, which becomes its result (specification section 4.4).
   * @param mask [rows][columns] of the original slice, 0 or 1
   * @param given what of the slice the model sees; default: by the rule, around the mask
   */
  async promptMask(time: number, mask: Uint8Array, call: Call, given?: View): Promise<TrackOutput> {
    const { imageSize: size, maskSize } = this.architecture;
    const { rows, columns, views } = this.slices;
    // An empty mask has no bounds; it says "not here" of the whole slice.
    const view = given ?? views.forPrompt(boundsOf(mask, columns) ?? [0, 0, columns - 1, rows - 1]);
    const seen = viewMask(mask, rows, columns, view);
    const input = new Float32Array(size * size);
    if (view.height === size && view.width === size) input.set(seen);
    else resizeAntialiased(seen, view.height, view.width, size, size).forEach((v, i) => (input[i] = v >= 0.5 ? 1 : 0));
    const any = input.includes(1);
    const high = input.map((value) => 20 * value - 10);
    const lease = await this.slices.features(time, call, view);
    let pointer: Float32Array;
    try {
      const decoded = await this.graphs.decode(
        {
          features: lease.features,
          base: 'raw',
          coords: new Float32Array(2),
          labels: new Float32Array([-1]),
          maskInput: this.downsampleMask(input),
        },
        call,
      );
      pointer = any ? this.pointerOf(decoded, 0) : this.graphs.host.noObjectPointer.slice();
    } finally {
      lease.release();
    }
    const record: SliceRecord = {
      time,
      logits: this.fillHoles(resizeAntialiased(high, size, size, maskSize, maskSize)),
      view,
      iou: 1,
      presence: any ? givenPresence : -givenPresence,
      pointer,
      given: mask,
    };
    this.prompted.set(time, record);
    return record;
  }

  /**
   * What the model would answer to points on a slice that was already tracked, seen with its memories; nothing is
   * stored. Needs a track made with `retain`.
   */
  async preview(
    time: number,
    points: readonly (readonly [number, number])[],
    labels: readonly number[],
    call: Call,
  ): Promise<TrackOutput> {
    const previous = this.conditioning.get(time) ?? this.tracked.get(time);
    const base = this.tracked.has(time) ? ('memory' as const) : ('initial' as const);
    const view = previous?.view ?? this.slices.views.forPrompt(boundsOfPrompt(points, labels));
    const record = await this.decode({ time, view, base, points, labels, previous: previous?.logits }, call);
    return { ...record, logits: this.fillHoles(record.logits) };
  }

  /**
   * Track from the first prompted slice (or `start`) to the last slice, yielding each slice as it is known.
   *
   * @param retain keep every slice's memory, for `preview`; otherwise only what later slices read
   */
  async *run(call: Call, start?: number, retain = false): AsyncGenerator<TrackOutput> {
    await this.commit(call);
    const first = start ?? Math.min(...this.conditioning.keys());
    const last = this.slices.count - 1;
    try {
      for (let time = first; time <= last; time++) {
        call.signal?.throwIfAborted();
        const record = this.conditioning.get(time) ?? (await this.step(time, call));
        yield record.shown === undefined ? record : { ...record, logits: record.shown };
        if (!retain) this.forget(time);
      }
    } finally {
      // Whoever stops early, or fails, leaves no work for slices that nobody will ask for.
      this.takeHintBack?.();
    }
  }

  private async step(time: number, call: Call): Promise<SliceRecord> {
    const { views } = this.slices;
    const before = this.conditioning.get(time - 1) ?? this.tracked.get(time - 1);
    if (before === undefined) throw new Error(`slice ${time} is tracked before slice ${time - 1}`);
    if (before.ended === true) {
      const record = { ...before, time };
      this.tracked.set(time, record);
      return record;
    }
    let view = views.next(before.view, before.logits);
    for (let attempt = 0; ; attempt++) {
      const lease = await this.slices.features(time, call, view);
      try {
        // The device encodes the next slice while this one's results are worked on here.
        const ahead = Math.max(0, Math.min(lookAhead, this.slices.count - time - 1));
        const next = Array.from({ length: ahead }, (_, index) => time + 1 + index);
        const needed = next.filter((candidate) => !this.conditioning.has(candidate));
        this.takeHintBack = this.slices.prefetch(needed, view) ?? this.takeHintBack;
        const record = await this.follow(lease.features, time, view, call);
        const larger = views.enlarge(view, record.logits, attempt);
        if (larger !== undefined) {
          view = larger;
          continue;
        }
        // The reference encodes the memory of a tracked slice from the logits before holes are filled.
        if (record.ended !== true) record.memory = await this.encode(lease.features, record, 'soft', call);
        const shown = record.shown === undefined ? {} : { shown: this.fillHoles(record.shown) };
        const stored = { ...record, logits: this.fillHoles(record.logits), ...shown };
        this.tracked.set(time, stored);
        return stored;
      } finally {
        lease.release();
      }
    }
  }

  /** The answer on a tracked slice, before holes are filled. */
  private async follow(features: SliceFeatures, time: number, view: View, call: Call): Promise<SliceRecord> {
    const asked = { time, view, points: [], labels: [] };
    if (this.follower === undefined) return this.decodeWith(features, { ...asked, base: 'memory' }, call);
    const ask = {
      remembered: () => this.ask(features, { ...asked, base: 'memory' }, call),
      boxed: ([x0, y0, x1, y1]: Box) => {
        const points = [[x0, y0] as const, [x1, y1] as const];
        return this.ask(features, { time, view, base: 'initial', points, labels: boxCornerLabels }, call);
      },
    };
    const mayEnd = time > Math.max(...this.conditioning.keys());
    const answer = await this.follower.answer(this.slices.grey(time), view, ask, mayEnd);
    const { remembered, candidate, ...said } = answer;
    const pointer = said.ended ? this.graphs.host.noObjectPointer.slice() : this.pointerOf(remembered, candidate);
    return { time, view, pointer, ...said };
  }

  /** Encode the memories of prompted slices (the reference's preflight, specification section 5.4). */
  private async commit(call: Call): Promise<void> {
    for (const [time, record] of this.prompted) {
      const lease = await this.slices.features(time, call, record.view);
      try {
        record.memory = await this.encode(lease.features, record, 'binary', call);
      } finally {
        lease.release();
      }
      this.follower?.learn(
        this.slices.grey(time),
        record.given ?? maskAtSource(record.logits, record.view, this.slices.rows, this.slices.columns),
      );
      this.conditioning.set(time, record);
      this.tracked.delete(time);
    }
    this.prompted.clear();
  }

  private async encode(
    features: SliceFeatures,
    record: SliceRecord,
    mode: 'binary' | 'soft',
    call: Call,
  ): Promise<Uint16Array> {
    const memory = await this.graphs.encodeMemory(features, record.logits, mode, record.presence, call);
    return packBfloat16(roundToBfloat16(memory));
  }

  private async decode(question: Question, call: Call): Promise<SliceRecord> {
    const lease = await this.slices.features(question.time, call, question.view);
    try {
      return await this.decodeWith(lease.features, question, call);
    } finally {
      lease.release();
    }
  }

  private async decodeWith(features: SliceFeatures, question: Question, call: Call): Promise<SliceRecord> {
    const decoded = await this.ask(features, question, call);
    return this.choose(question.time, question.view, decoded, question.points.length);
  }

  private async ask(features: SliceFeatures, question: Question, call: Call): Promise<DecodeOutput> {
    const { time, view, base, points, labels, previous } = question;
    const size = this.architecture.imageSize;
    const none = points.length === 0;
    const coords = none
      ? new Float32Array(2)
      : Float32Array.from(
          points.flatMap(([x, y]) => [
            Math.fround(Math.fround(x - view.left) / view.width) * size,
            Math.fround(Math.fround(y - view.top) / view.height) * size,
          ]),
        );
    const maskInput = previous?.map((v) => Math.min(Math.max(v, -densePromptBound), densePromptBound));
    const conditioned = base === 'memory' ? await this.attend(features, time, call) : undefined;
    const decoderBase: DecoderBase = conditioned ?? 'initial';
    try {
      return await this.graphs.decode(
        { features, base: decoderBase, coords, labels: Float32Array.from(none ? [-1] : labels), maskInput },
        call,
      );
    } finally {
      if (conditioned !== undefined) this.graphs.release(conditioned);
    }
  }

  /** Which of the four candidates is the answer (specification section 4.3, "Selection"). */
  private choose(time: number, view: View, decoded: DecodeOutput, promptPoints: number): SliceRecord {
    const area = this.architecture.maskSize ** 2;
    const candidate = (index: number) => decoded.masks.subarray(index * area, (index + 1) * area);
    const best = argmax(decoded.iou, 1, 4);
    let mask = 0;
    let pointer = 0;
    if (promptPoints <= 1) {
      mask = best;
      pointer = best;
    } else if (this.options.stabilityFallback && stability(candidate(0), stabilityDelta) < stabilityThreshold) {
      mask = best;
    }
    return {
      time,
      logits: candidate(mask).slice(),
      view,
      iou: decoded.iou[mask],
      presence: decoded.presence,
      pointer: this.pointerOf(decoded, pointer),
    };
  }

  private pointerOf(decoded: DecodeOutput, index: number): Float32Array {
    const dim = this.architecture.hiddenDim;
    return decoded.pointers.slice(index * dim, (index + 1) * dim);
  }

  /** Memories and pointers that slice `time` attends to, in the reference's order (specification section 4.6). */
  private attend(features: SliceFeatures, time: number, call: Call) {
    const { memorySlots, maxObjectPointers } = this.architecture;
    const memories: SpatialMemory[] = [];
    const add = (record: SliceRecord | undefined, ageRow: number) => {
      if (record?.memory !== undefined) memories.push({ memory: unpackBfloat16(record.memory), ageRow });
    };
    for (const record of this.conditioning.values()) add(record, memorySlots - 1);
    for (let distance = memorySlots - 1; distance >= 1; distance--)
      add(this.tracked.get(time - distance), distance - 1);

    const reach = Math.min(this.slices.count, maxObjectPointers);
    const pointers: PointerMemory[] = [];
    const point = (record: SliceRecord, distance: number) =>
      pointers.push({ pointer: record.pointer, position: this.pointerPosition(distance / (reach - 1)) });
    for (const record of this.conditioning.values()) if (record.time <= time) point(record, time - record.time);
    for (let distance = 1; distance < reach && time - distance >= 0; distance++) {
      const record = this.tracked.get(time - distance);
      if (record !== undefined) point(record, distance);
    }
    return this.graphs.attend(features, memories, pointers, call);
  }

  private pointerPosition(distance: number): Float32Array {
    const { pointerPositionWeight, pointerPositionBias } = this.graphs.host;
    return linear(pointerPositionWeight, pointerPositionBias, temporalCode(distance, this.architecture.hiddenDim));
  }

  /** Drop what no later slice can reach. */
  private forget(time: number): void {
    const { memorySlots, maxObjectPointers } = this.architecture;
    const spatial = this.tracked.get(time - memorySlots + 1);
    if (spatial !== undefined) spatial.memory = undefined;
    this.tracked.delete(time - maxObjectPointers + 1);
  }

  /** The checkpoint's 4x4 stride-4 convolution that turns a mask prompt into a dense prompt. */
  private downsampleMask(mask: Float32Array): Float32Array {
    const { imageSize: size, maskSize } = this.architecture;
    const { maskDownsampleWeight: weight, maskDownsampleBias: bias } = this.graphs.host;
    const out = new Float32Array(maskSize * maskSize);
    for (let y = 0; y < maskSize; y++) {
      for (let x = 0; x < maskSize; x++) {
        let sum = bias[0];
        for (let j = 0; j < 4; j++) {
          for (let i = 0; i < 4; i++) sum += weight[j * 4 + i] * mask[(y * 4 + j) * size + x * 4 + i];
        }
        out[y * maskSize + x] = sum;
      }
    }
    return out;
  }

  private fillHoles(logits: Float32Array): Float32Array {
    if (this.options.fillHoleArea === 0) return logits;
    return fillHoles2d(logits, this.architecture.maskSize, this.options.fillHoleArea);
  }
}

/** Bounds of a point prompt in pixels: its box where it has one, else its points and some room around them. */
function boundsOfPrompt(points: readonly (readonly [number, number])[], labels: readonly number[]): Box {
  const isBox = labels.includes(boxCornerLabels[0]);
  const kept = points.filter((_, index) => (isBox ? labels[index] >= boxCornerLabels[0] : true));
  const margin = isBox ? 0 : pointMargin;
  const xs = kept.map(([x]) => x);
  const ys = kept.map(([, y]) => y);
  return [Math.min(...xs) - margin, Math.min(...ys) - margin, Math.max(...xs) + margin, Math.max(...ys) + margin];
}
