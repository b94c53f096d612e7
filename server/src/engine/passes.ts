import type { SliceRange } from './prompts.js';
import type { TrackOutput } from './track.js';
import type { SegmentRequest, StopRule } from './types.js';

/** What a pass has to say, slice by slice. */
export type PassEvent =
  | { readonly type: 'slice'; readonly slice: number; readonly backward: boolean; readonly output: TrackOutput }
  | { readonly type: 'stopped'; readonly slice: number; readonly backward: boolean; readonly reason: 'absent' | 'iou' };

export interface PassSlices {
  /** the track's slices; a backward track runs from the last to the first */
  readonly range: SliceRange;
  /** the slices that are given */
  readonly visit: SliceRange;
  readonly backward: boolean;
  /** prompted slices */
  readonly anchors: readonly number[];
}

/** The slice on which a pass begins: the last prompt before what is visited, so that nothing is tracked in vain. */
export function firstSlice({ visit, backward, anchors }: PassSlices): number {
  const before = anchors.filter((slice) => (backward ? slice >= visit.last : slice <= visit.first));
  if (before.length > 0) return backward ? Math.min(...before) : Math.max(...before);
  return backward ? Math.max(...anchors) : Math.min(...anchors);
}

/**
 * The slices that a track gives, cut to what is visited and ended by the rule.
 * @param track its outputs in tracking direction, from `firstSlice` on
 */
export async function* runPass(
  track: AsyncIterable<TrackOutput>,
  slices: PassSlices,
  stop: StopRule = {},
): AsyncGenerator<PassEvent> {
  const { range, visit, backward, anchors } = slices;
  const outermost = backward ? Math.min(...anchors) : Math.max(...anchors);
  const end = backward ? visit.first : visit.last;
  let absent = 0;
  for await (const output of track) {
    const slice = backward ? range.last - output.time : range.first + output.time;
    if (slice >= visit.first && slice <= visit.last) {
      const beyond = backward ? slice < outermost : slice > outermost;
      const isAbsent = output.presence <= 0 || !output.logits.some((value) => value > 0);
      if (beyond && !isAbsent && stop.minIou !== undefined && output.iou < stop.minIou) {
        yield { type: 'stopped', slice, backward, reason: 'iou' };
        return;
      }
      yield { type: 'slice', slice, backward, output };
      absent = beyond && isAbsent ? absent + 1 : 0;
      if (slice !== end && absent > 0 && absent === stop.absentSlices) {
        yield { type: 'stopped', slice: backward ? slice - 1 : slice + 1, backward, reason: 'absent' };
        return;
      }
    }
    if (slice === end) return;
  }
}

/** Two passes as one row of events: one after the other, or in turn as long as both have something to say. */
export async function* joinPasses(
  passes: readonly AsyncGenerator<PassEvent>[],
  order: SegmentRequest['order'],
): AsyncGenerator<PassEvent> {
  if (order !== 'outward') {
    for (const pass of passes) yield* pass;
    return;
  }
  const open = [...passes];
  try {
    for (let at = 0; open.length > 0;) {
      const next = await open[at].next();
      if (next.done === true) open.splice(at, 1);
      else yield next.value;
      at = open.length === 0 ? 0 : (next.done === true ? at : at + 1) % open.length;
    }
  } finally {
    // Whoever stops early leaves no pass behind.
    for (const pass of open) await pass.return(undefined);
  }
}

/** How many slices an object prompted on `slices` will yield, unless it ends early. */
export function coverage(
  slices: readonly number[],
  { direction }: Pick<SegmentRequest, 'direction'>,
  visit: SliceRange,
): number {
  if (slices.length === 0) return 0;
  const first = direction === 'forward' ? Math.max(visit.first, Math.min(...slices)) : visit.first;
  const last = direction === 'backward' ? Math.min(visit.last, Math.max(...slices)) : visit.last;
  return Math.max(0, last - first + 1);
}
