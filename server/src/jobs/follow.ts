import type { JobBody } from '@medsam2/protocol';
import { defaultOptions } from '../engine/options.js';
import type { SegmentEvent } from '../engine/types.js';
import { createImageSource, type ResolvedWindow } from '../imaging/window.js';
import type { Volume } from '../imaging/volume.js';
import type { SessionGrid } from '../sessions/grid.js';
import { sliceMask } from '../sessions/masks.js';
import type { ModelLease } from '../sessions/models.js';
import { orthogonalSource, pixelInSlice } from '../sessions/orthogonal.js';
import { absentMessage } from '../sessions/problems.js';
import { planPropagation, type PropagationPlan } from '../sessions/requests.js';
import type { SessionContent, SliceMask } from '../sessions/state.js';

export interface FollowRequest {
  readonly body: JobBody;
  readonly content: SessionContent;
  readonly grid: SessionGrid;
  readonly volume: Volume;
  readonly window: ResolvedWindow;
  readonly lease: ModelLease;
  readonly signal: AbortSignal;
}

export interface Followed {
  /** the content with masks */
  readonly content: SessionContent;
  /** what a person must know, one sentence each */
  readonly notes: readonly string[];
}

/**
 * Runs the model on every segment, one after the other, behind everything that a person waits for.
 *
 * @throws UserError those of `planPropagation` and the engine; the signal's reason
 */
export async function followSegments(
  request: FollowRequest,
  onProgress: (done: number, total: number) => void,
): Promise<Followed> {
  const { body, content, grid } = request;
  const plans = [...content.segments.keys()].flatMap((id) => planPropagation(content, id, body.propagate, grid) ?? []);
  const total = plans.reduce((sum, plan) => sum + plan.total, 0);
  const masks = new Map<number, ReadonlyMap<number, SliceMask>>();
  const notes: string[] = [];
  let done = 0;
  for (const plan of plans) {
    const step = (): void => onProgress(Math.min(++done, total), total);
    masks.set(plan.segment, await followSegment(request, plan, notes, step));
  }
  return { content: { ...content, masks }, notes };
}

async function followSegment(
  { body, content, grid, volume, window, lease, signal }: FollowRequest,
  plan: PropagationPlan,
  notes: string[],
  step: () => void,
): Promise<Map<number, SliceMask>> {
  const { segment, plane, prompts, direction, range, visit, stop } = plan;
  const model = lease.model.name;
  const label = content.segments.get(segment)?.label ?? String(segment);
  const masks = new Map<number, SliceMask>();
  const across = plane === undefined ? undefined : new Across(grid, plane);
  const source = plane === undefined ? createImageSource(volume, window) : orthogonalSource(volume, window, plane);
  const target = lease.segmenter.open(source);
  try {
    const events = target.segment({
      objects: [{ label: segment, prompts }],
      direction,
      range,
      visit,
      stop,
      priority: 'batch',
      options: { ...defaultOptions, view: body.view ?? lease.model.view, following: lease.model.following },
      signal,
    });
    for await (const event of events) {
      if (event.type === 'slice') {
        step();
        if (across !== undefined) across.add(event);
        else masks.set(event.slice, sliceMask(event.mask, event, event.origin, model));
      } else if (event.type === 'absent') {
        notes.push(`${label}: ${absentMessage(event.slice)}`);
      } else if (event.type === 'stopped') {
        notes.push(stoppedNote(label, event));
      }
    }
  } finally {
    target.close();
  }
  signal.throwIfAborted();
  return across?.masks(model) ?? masks;
}

function stoppedNote(label: string, { slice, direction, reason }: Extract<SegmentEvent, { type: 'stopped' }>): string {
  const why = reason === 'absent' ? 'the object is not seen any more' : 'the predicted IoU is too low';
  return `${label}, ${direction}: ended before slice ${slice}, because ${why}.`;
}

/** Masks of planes across the stack, put together as masks of acquired slices. */
class Across {
  private readonly slices = new Map<
    number,
    { readonly pixels: Uint8Array; iou: number; presence: number; planes: number }
  >();

  constructor(
    private readonly grid: SessionGrid,
    private readonly plane: NonNullable<PropagationPlan['plane']>,
  ) {}

  /** @param event mask [slice][row or column] of one plane */
  add({ slice: index, mask, iou, presence }: Extract<SegmentEvent, { type: 'slice' }>): void {
    const width = mask.length / this.grid.slices;
    for (let slice = 0; slice < this.grid.slices; slice++) {
      const line = mask.subarray(slice * width, (slice + 1) * width);
      if (!line.includes(1)) continue;
      const made = this.slices.get(slice) ?? {
        pixels: new Uint8Array(this.grid.pixels),
        iou: 0,
        presence: 0,
        planes: 0,
      };
      this.slices.set(slice, made);
      for (let x = 0; x < width; x++) {
        if (line[x] === 1) made.pixels[pixelInSlice(this.plane, index, x, this.grid.size.columns)] = 1;
      }
      made.iou += iou;
      made.presence += presence;
      made.planes++;
    }
  }

  /** Scores of a slice are the mean over the planes that meet it. */
  masks(model: string): Map<number, SliceMask> {
    const entries = [...this.slices].map(([slice, { pixels, iou, presence, planes }]): [number, SliceMask] => {
      const scores = { iou: iou / planes, presence: presence / planes };
      return [slice, sliceMask(pixels, scores, 'propagated', model)];
    });
    return new Map(entries);
  }
}
