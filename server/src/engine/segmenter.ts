import { greyOf } from './appearance.js';
import { FeatureCache, type SliceFeatureSource } from './feature-cache.js';
import type { Call, GraphRunner } from './graph-runner.js';
import { checkLabels, joinPrompts, resolveRange, type SlicePrompt, type SliceRange } from './prompts.js';
import { coverage, firstSlice, joinPasses, runPass, type PassEvent } from './passes.js';
import { Track, type TrackOutput, type TrackSlices } from './track.js';
import { logitsInView, maskAtSource, unionOf, viewRule, type ViewMode } from './view.js';
import type { ImageSource, ObjectPrompts, SegmentEvent, SegmentRequest, SliceResult } from './types.js';

export interface SegmenterSettings {
  /** bytes of slice features kept */
  readonly featureBudget: number;
  /** slices encoded in one call when encoding ahead */
  readonly encodeBatch?: number;
}

/** Prompts in, masks out: the engine's front. One per model; sources are opened on it. */
export class Segmenter {
  private readonly cache: FeatureCache;

  constructor(
    readonly graphs: GraphRunner,
    settings: SegmenterSettings,
  ) {
    this.cache = new FeatureCache(graphs, settings.featureBudget, settings.encodeBatch);
  }

  /** A source's features stay cached until `close`. */
  open(source: ImageSource): SegmentationTarget {
    return new SegmentationTarget(this.graphs, this.cache.open(source));
  }

  /** Bytes of features held now. */
  get featureBytes(): number {
    return this.cache.bytes;
  }

  async close(): Promise<void> {
    this.cache.close();
    await this.graphs.close();
  }
}

/** The logit that the reference gives to the background of a mask drawn by a user. */
const clearNo = -10;

/** A prompted slice of one object, and the mask that both passes are conditioned on. */
interface Anchor {
  readonly prompt: SlicePrompt;
  readonly mask: Uint8Array;
  readonly output: TrackOutput;
}

/** One image source, ready to be segmented any number of times. */
export class SegmentationTarget {
  constructor(
    private readonly graphs: GraphRunner,
    private readonly features: SliceFeatureSource,
  ) {}

  /**
   * The model's answer to one object's prompts on their own slices, without propagation.
   * @throws UserError for prompts that do not fit the source
   */
  async preview(request: Omit<SegmentRequest, 'direction'>): Promise<SliceResult[]> {
    const range = resolveRange(request, this.features.source);
    checkLabels(request.objects);
    const call: Call = { priority: 'interactive', signal: request.signal };
    const results: SliceResult[] = [];
    for (const object of request.objects) {
      for (const anchor of await this.anchors(object, request, range, call)) {
        results.push(this.anchorResult(object.label, anchor, request));
      }
    }
    return results;
  }

  /**
   * Segment every object over the range, slice by slice: prompted slices first, then outward.
   *
   * Each pass is conditioned on all prompted slices (specification section 5.7); a correction therefore is one more
   * prompted slice and is never dropped. Slices between two prompted ones are seen by both passes and their logits
   * are blended linearly by distance (our own rule; the reference has none).
   *
   * @throws UserError for prompts that do not fit the source; an AbortError when `request.signal` fires
   */
  async *segment(request: SegmentRequest): AsyncGenerator<SegmentEvent> {
    const range = resolveRange(request, this.features.source);
    // Every prompt is checked before the first one costs time.
    checkLabels(request.objects);
    for (const object of request.objects) joinPrompts(object, this.features.source, range);
    const visit = request.visit ?? range;
    if (visit.first < range.first || visit.last > range.last)
      throw new RangeError('visited slices are not in the range');
    const call: Call = { priority: request.priority ?? 'propagation', signal: request.signal };
    const expected = request.objects.map(({ prompts }) =>
      coverage(
        prompts.map((prompt) => prompt.slice),
        request,
        visit,
      ),
    );
    const progress = { done: 0, total: expected.reduce((sum, slices) => sum + slices, 0) };
    for (const [index, object] of request.objects.entries()) {
      const before = progress.done;
      for await (const event of this.segmentObject(object, request, range, call)) {
        yield event;
        if (event.type !== 'slice') continue;
        progress.done++;
        yield { type: 'progress', ...progress };
      }
      // Nothing is propagated from a slice without an object, so that fewer slices may come than the prompts promised.
      const missing = expected[index] - (progress.done - before);
      if (missing === 0) continue;
      progress.total -= missing;
      yield { type: 'progress', ...progress };
    }
  }

  /** Encode a slice before anybody needs it, when the device has nothing else to do; for the `full` view. */
  async encodeAhead(slice: number, signal?: AbortSignal): Promise<void> {
    const lease = await this.features.acquire(slice, { priority: 'prefetch', signal });
    lease.release();
  }

  close(): void {
    this.features.close();
  }

  private async *segmentObject(
    object: ObjectPrompts,
    request: SegmentRequest,
    range: SliceRange,
    call: Call,
  ): AsyncGenerator<SegmentEvent> {
    const { label } = object;
    const urgent: Call = call.priority === 'batch' ? call : { ...call, priority: 'interactive' };
    const anchors = await this.anchors(object, request, range, urgent);
    // An empty mask painted by the user says "not here" and is kept; an empty answer of the model says nothing.
    const present = anchors.filter((anchor) => anchor.prompt.kind === 'mask' || anchor.mask.includes(1));
    for (const { prompt, output } of anchors.filter((anchor) => !present.includes(anchor))) {
      yield { type: 'absent', label, slice: prompt.slice, iou: output.iou, presence: output.presence };
    }
    if (present.length === 0) return;

    const slices = present.map((anchor) => anchor.prompt.slice);
    const first = Math.min(...slices);
    const last = Math.max(...slices);
    const seenTwice = (slice: number) =>
      request.direction === 'both' && slice > first && slice < last && !slices.includes(slice);
    const between = new Map<number, TrackOutput>();
    const finished = new Set<number>();
    const emit = (slice: number, output: TrackOutput, origin: SliceResult['origin']): SegmentEvent => {
      finished.add(slice);
      const anchor = present.find((candidate) => candidate.prompt.slice === slice);
      if (anchor?.prompt.kind === 'mask' && request.options.verbatimMasks) {
        return { type: 'slice', ...this.anchorResult(label, anchor, request) };
      }
      if (anchor === undefined) return { type: 'slice', ...this.result(label, slice, output, origin) };
      // A mask given back to the model scores 1 by definition; what the model thought of the prompt is worth more.
      const { iou, presence } = anchor.output;
      return { type: 'slice', ...this.result(label, slice, { ...output, iou, presence }, 'prompt') };
    };

    const passes: AsyncGenerator<PassEvent>[] = [];
    if (request.direction !== 'backward') passes.push(this.pass(present, range, false, request, call));
    if (request.direction !== 'forward') passes.push(this.pass(present, range, true, request, call));
    for await (const event of joinPasses(passes, request.order)) {
      const { slice, backward } = event;
      if (event.type === 'stopped') {
        yield { type: 'stopped', label, slice, direction: backward ? 'backward' : 'forward', reason: event.reason };
        continue;
      }
      if (finished.has(slice)) continue;
      const { output } = event;
      if (!seenTwice(slice)) {
        yield emit(slice, output, 'propagated');
        continue;
      }
      const other = between.get(slice);
      if (other === undefined) {
        between.set(slice, output);
        continue;
      }
      between.delete(slice);
      const [ahead, back] = backward ? [other, output] : [output, other];
      yield emit(slice, this.blend(ahead, back, slice, slices), 'blended');
    }
  }

  /** One direction: a track on the (flipped) range, conditioned on every anchor. */
  private async *pass(
    anchors: readonly Anchor[],
    range: SliceRange,
    backward: boolean,
    request: SegmentRequest,
    call: Call,
  ): AsyncGenerator<PassEvent> {
    const track = new Track(this.graphs, this.trackSlices(range, backward, request.options.view), request.options);
    const ordered = [...anchors].sort((a, b) => a.prompt.slice - b.prompt.slice);
    if (backward) ordered.reverse();
    for (const { prompt, mask, output } of ordered) {
      const time = backward ? range.last - prompt.slice : prompt.slice - range.first;
      const direct = request.options.conditioning === 'direct';
      if (direct && prompt.kind === 'points' && prompt.previous === undefined) {
        await track.promptPoints(time, prompt.points, prompt.labels, call);
      } else {
        await track.promptMask(time, mask, call, output.view);
      }
    }
    const slices = {
      range,
      visit: request.visit ?? range,
      backward,
      anchors: ordered.map(({ prompt }) => prompt.slice),
    };
    const start = firstSlice(slices);
    const outputs = track.run(call, backward ? range.last - start : start - range.first);
    yield* runPass(outputs, slices, request.stop);
  }

  /** The mask of every prompted slice, each from a fresh track. */
  private async anchors(
    object: ObjectPrompts,
    request: Pick<SegmentRequest, 'options'>,
    range: SliceRange,
    call: Call,
  ): Promise<Anchor[]> {
    const anchors: Anchor[] = [];
    for (const prompt of joinPrompts(object, this.features.source, range)) {
      const track = new Track(this.graphs, this.trackSlices(range, false, request.options.view), request.options);
      const time = prompt.slice - range.first;
      if (prompt.kind === 'mask') {
        const output = await track.promptMask(time, prompt.mask, call);
        anchors.push({ prompt, mask: prompt.mask, output });
      } else {
        // The mask that is corrected goes in as a dense prompt; an empty one says nothing.
        if (prompt.previous?.includes(1) === true) await track.promptMask(time, prompt.previous, call);
        const output = await track.promptPoints(time, prompt.points, prompt.labels, call);
        anchors.push({ prompt, mask: this.toMask(output), output });
      }
    }
    return anchors;
  }

  private anchorResult(label: number, anchor: Anchor, request: Pick<SegmentRequest, 'options'>): SliceResult {
    const result = this.result(label, anchor.prompt.slice, anchor.output, 'prompt');
    if (anchor.prompt.kind !== 'mask' || !request.options.verbatimMasks) return result;
    return { ...result, mask: anchor.prompt.mask };
  }

  private result(label: number, slice: number, output: TrackOutput, origin: SliceResult['origin']): SliceResult {
    const { logits, view, iou, presence } = output;
    return { label, slice, mask: this.toMask(output), logits, view, iou, presence, origin };
  }

  /**
   * Linear by distance to the nearest anchors on both sides; scores likewise. A side that sees no object counts as a
   * clear no: with its -1024 it would empty the slices beside an anchor on which the other side sees the object.
   */
  private blend(forward: TrackOutput, backward: TrackOutput, slice: number, anchors: readonly number[]): TrackOutput {
    const below = Math.max(...anchors.filter((anchor) => anchor < slice));
    const above = Math.min(...anchors.filter((anchor) => anchor > slice));
    const weight = (slice - below) / (above - below);
    const mix = (a: number, b: number) => (1 - weight) * a + weight * b;
    const view = unionOf(forward.view, backward.view);
    const seen = ({ logits, view: own }: TrackOutput) => logitsInView(logits, own, view, clearNo);
    const other = seen(backward);
    return {
      time: forward.time,
      logits: seen(forward).map((value, index) => mix(Math.max(value, clearNo), Math.max(other[index], clearNo))),
      view,
      iou: mix(forward.iou, backward.iou),
      presence: mix(forward.presence, backward.presence),
    };
  }

  private toMask({ logits, view }: Pick<TrackOutput, 'logits' | 'view'>): Uint8Array {
    const { rows, columns } = this.features.source;
    return maskAtSource(logits, view, rows, columns);
  }

  private trackSlices(range: SliceRange, backward: boolean, mode: ViewMode): TrackSlices {
    const { source } = this.features;
    const at = (time: number) => (backward ? range.last - time : range.first + time);
    return {
      count: range.last - range.first + 1,
      rows: source.rows,
      columns: source.columns,
      views: viewRule(mode, source),
      grey: (time) => ({
        rows: source.rows,
        columns: source.columns,
        pixels: greyOf(source.image(at(time)), source.channels),
      }),
      features: (time, call, view) => this.features.acquire(at(time), call, view),
      // A view that follows the object is not known before the slice before it is done.
      prefetch: (times, view) => (mode === 'full' ? this.features.prefetch(times.map(at), view) : undefined),
    };
  }
}
