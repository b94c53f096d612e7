import { UserError } from '@medsam2/models';
import type { Propagate } from '@medsam2/protocol';
import { decodeRuns } from '@medsam2/protocol/stream';
import { coverage } from '../engine/passes.js';
import type { Direction, Prompt, StopRule } from '../engine/types.js';
import { enginePrompt, placeDrawing, planeSize } from './drawings.js';
import type { SessionGrid } from './grid.js';
import { maskOf, type OrthogonalPlane, type SessionContent, type SliceMask, type StoredPrompt } from './state.js';

/** What the engine is asked about one slice of one segment. */
export function slicePrompts(prompts: Iterable<StoredPrompt>, grid: SessionGrid): Prompt[] {
  return [...prompts].map((stored) => {
    const prompt = enginePrompt(placeDrawing(stored.drawing, grid), planeSize(grid, stored.plane));
    if (prompt.kind !== 'points' || stored.base === undefined) return prompt;
    return { ...prompt, previous: decodeRuns(stored.base.runs, grid.pixels) };
  });
}

/** The prompts of a segment on one slice. */
export function promptsOn(
  content: SessionContent,
  segment: number,
  slice: number,
  plane?: OrthogonalPlane,
): StoredPrompt[] {
  return [...content.prompts.values()].filter(
    (prompt) => prompt.segment === segment && prompt.slice === slice && prompt.plane === plane,
  );
}

/** What is propagated for one segment. */
export interface PropagationPlan {
  readonly segment: number;
  readonly plane?: OrthogonalPlane;
  readonly prompts: readonly Prompt[];
  readonly direction: Direction;
  /** the slices that the engine knows of */
  readonly range: { readonly first: number; readonly last: number };
  /** the slices that may change */
  readonly visit: { readonly first: number; readonly last: number };
  readonly stop: StopRule;
  /** slices that will come, unless a direction ends early */
  readonly total: number;
}

/**
 * What the engine is asked to follow a segment.
 *
 * Inside the range: every prompted slice, and every slice edited by hand as the mask that it is. Outside: the nearest of
 * those on each side condition the range without being changed. A range without any of them inside is bridged from the
 * masks on the slices just outside of it. Across the stack only when all prompts of the segment lie there.
 *
 * @returns undefined when there is nothing to follow
 */
export function planPropagation(
  content: SessionContent,
  segment: number,
  request: Propagate,
  grid: SessionGrid,
): PropagationPlan | undefined {
  const plane = planeOf(content, segment);
  const count = plane === undefined ? grid.slices : plane === 'column' ? grid.geometry.columns : grid.geometry.rows;
  const visit =
    request.range === undefined ? { first: 0, last: count - 1 } : checkRange(request.range, grid, plane, count);
  const anchors = anchorsOf(content, segment, plane, grid);
  const inside = [...anchors.keys()].filter((slice) => slice >= visit.first && slice <= visit.last);
  const below = Math.max(...[...anchors.keys()].filter((slice) => slice < visit.first));
  const above = Math.min(...[...anchors.keys()].filter((slice) => slice > visit.last));
  const used = new Map<number, () => Prompt[]>();
  const use = (slice: number) => {
    const make = anchors.get(slice);
    if (make !== undefined) used.set(slice, make);
  };
  inside.forEach(use);
  if (Number.isFinite(below)) use(below);
  if (Number.isFinite(above)) use(above);
  if (inside.length === 0 && plane === undefined) {
    for (const border of [visit.first - 1, visit.last + 1]) {
      const mask = maskOf(content, segment, border);
      if (mask !== undefined && mask.pixels > 0 && !used.has(border))
        used.set(border, () => [maskPrompt(border, mask, grid)]);
    }
  }
  if (used.size === 0) return undefined;
  const slices = [...used.keys()];
  const hull = {
    first: Math.min(visit.first, ...slices),
    last: Math.max(visit.last, ...slices),
  };
  const total = coverage(slices, request, visit);
  if (total === 0) return undefined;
  const { absentSlices, minIou } = request.stop;
  return {
    segment,
    ...(plane === undefined ? {} : { plane }),
    prompts: [...used.values()].flatMap((make) => make()),
    direction: request.direction,
    range: hull,
    visit,
    stop: { ...(absentSlices === null ? {} : { absentSlices }), ...(minIou === undefined ? {} : { minIou }) },
    total,
  };
}

/** Across the stack when every prompt of a segment lies on planes of one kind there, and nothing was edited by hand. */
export function planeOf(content: SessionContent, segment: number): OrthogonalPlane | undefined {
  const planes = new Set<OrthogonalPlane | undefined>();
  for (const prompt of content.prompts.values()) if (prompt.segment === segment) planes.add(prompt.plane);
  if (planes.size !== 1) return undefined;
  for (const { origin } of content.masks.get(segment)?.values() ?? []) if (origin === 'edited') return undefined;
  return [...planes][0];
}

function anchorsOf(
  content: SessionContent,
  segment: number,
  plane: OrthogonalPlane | undefined,
  grid: SessionGrid,
): Map<number, () => Prompt[]> {
  const anchors = new Map<number, () => Prompt[]>();
  for (const { segment: own, slice, plane: drawn } of content.prompts.values()) {
    if (own !== segment || drawn !== plane) continue;
    anchors.set(slice, () => slicePrompts(promptsOn(content, segment, slice, plane), grid));
  }
  if (plane !== undefined) return anchors;
  for (const [slice, mask] of content.masks.get(segment) ?? []) {
    // What was said last about a slice counts, and that was the mask.
    if (mask.origin === 'edited') anchors.set(slice, () => [maskPrompt(slice, mask, grid)]);
  }
  return anchors;
}

const maskPrompt = (slice: number, { runs }: SliceMask, grid: SessionGrid): Prompt => ({
  kind: 'mask',
  slice,
  mask: decodeRuns(runs, grid.pixels),
});

function checkRange(
  { first, last }: { readonly first: number; readonly last: number },
  grid: SessionGrid,
  plane: OrthogonalPlane | undefined,
  count: number,
): { first: number; last: number } {
  if (plane !== undefined) {
    throw new UserError(
      'plane-oblique',
      'A range of slices cannot be kept to when the prompts lie across the slices.',
      'Propagate without a range, or prompt on an acquired slice.',
    );
  }
  if (first <= last && last < count) return { first, last };
  throw new UserError(
    'range-invalid',
    `The range ${first} to ${last} does not fit a volume with slices 0 to ${grid.slices - 1}.`,
    'Give a first and a last slice inside the volume, the first not after the last.',
  );
}
