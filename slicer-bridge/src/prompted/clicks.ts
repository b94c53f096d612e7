import type { GridSize } from '../input/geometry.js';
import type { Box, OpenStack, Point, Prompt, SliceRange } from '../segmenter.js';

/** What a user said on one slice. */
export interface SliceClicks {
  readonly points: readonly Point[];
  readonly box?: Box;
  /** the mask that was there when the first point was placed: what the points correct */
  readonly previous?: Uint8Array;
}

/** What a user said of one object: slice -> clicks, and slices that were drawn by hand, whose masks stay as they are. */
export interface Clicks {
  readonly clicked: ReadonlyMap<number, SliceClicks>;
  readonly drawn: ReadonlyMap<number, Uint8Array>;
}

export const noClicks: Clicks = { clicked: new Map(), drawn: new Map() };

/** Drawn slices that the model is shown; each costs memory attention on every other slice. */
const maxDrawnPrompts = 6;

/**
 * @param points on one slice
 * @param shown the object's mask on this slice as the user sees it, 0 or 1
 */
export function withPoints(clicks: Clicks, slice: number, points: readonly Point[], shown?: Uint8Array): Clicks {
  const before = clicks.clicked.get(slice);
  const previous = before === undefined && shown?.includes(1) === true ? shown.slice() : before?.previous;
  const clicked = new Map(clicks.clicked);
  clicked.set(slice, { ...before, points: [...(before?.points ?? []), ...points], previous });
  return { ...clicks, clicked };
}

/** A box says anew where the object is: it replaces what was on the slice before, points excepted. */
export function withBox(clicks: Clicks, slice: number, box: Box): Clicks {
  const clicked = new Map(clicks.clicked);
  clicked.set(slice, { points: clicks.clicked.get(slice)?.points ?? [], box });
  return { ...clicks, clicked };
}

/** As the segmenter takes them. "Not here" alone says nothing where nothing is. */
export function promptsOf({ clicked, drawn }: Clicks): Prompt[] {
  const said = [...clicked].flatMap(([slice, { points, box, previous }]): Prompt[] => {
    if (box !== undefined) return [{ kind: 'box', slice, box, ...(points.length > 0 ? { points } : {}) }];
    if (previous !== undefined) return [{ kind: 'points', slice, points, previous }];
    return points.some(({ label }) => label === 1) ? [{ kind: 'points', slice, points }] : [];
  });
  const shapes = [...drawn].filter(([slice, mask]) => !clicked.has(slice) && mask.includes(1));
  const shown = spread(shapes, maxDrawnPrompts).map(([slice, mask]): Prompt => ({ kind: 'mask', slice, mask }));
  return [...said, ...shown].sort((a, b) => a.slice - b.slice);
}

/** At most `count` of the items, first and last among them, evenly spaced. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))]);
}

export interface TrackOptions {
  readonly stack: OpenStack;
  readonly size: GridSize;
  /** slices beyond the outermost prompts that are looked at; undefined: the whole volume */
  readonly reach?: number;
  readonly signal: AbortSignal;
}

/**
 * The object through the volume, 0 or 1, [slice][row][column]: prompted slices, what follows from them both ways, and drawn
 * slices as they were drawn.
 *
 * @returns undefined when nothing says where the object is
 */
export async function track(clicks: Clicks, options: TrackOptions): Promise<Uint8Array | undefined> {
  const { stack, size, reach, signal } = options;
  const prompts = promptsOf(clicks);
  if (prompts.length === 0) return undefined;
  const area = size.rows * size.columns;
  const labels = new Uint8Array(size.slices * area);
  const request = { objects: [{ label: 1, prompts }], range: rangeOf(prompts, size, reach), reprompt: false, signal };
  for await (const { slice, mask } of stack.propagate(request)) {
    for (let i = 0, at = slice * area; i < area; i++, at++) if (mask[i] !== 0) labels[at] = 1;
  }
  for (const [slice, mask] of clicks.drawn) if (!clicks.clicked.has(slice)) labels.set(mask, slice * area);
  return labels;
}

function rangeOf(prompts: readonly Prompt[], { slices }: GridSize, reach = slices): SliceRange {
  return {
    first: Math.max(0, prompts[0].slice - reach),
    last: Math.min(slices - 1, prompts[prompts.length - 1].slice + reach),
  };
}
