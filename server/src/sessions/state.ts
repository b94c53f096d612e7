import type { Code, Drawing, SegmentTerms, WindowChoice } from '@medsam2/protocol';

/**
 * What a session holds, immutable; a change makes new maps along its path and shares the rest. Masks are runs
 * (`encodeRuns`): memory follows outlines, not volumes.
 */
export interface SessionContent {
  readonly segments: ReadonlyMap<number, Segment>;
  readonly prompts: ReadonlyMap<string, StoredPrompt>;
  /** by segment, then by slice */
  readonly masks: ReadonlyMap<number, ReadonlyMap<number, SliceMask>>;
}

export interface Segment {
  readonly id: number;
  readonly label: string;
  readonly colour: readonly [number, number, number];
  readonly terms: SegmentTerms;
  readonly locked: boolean;
  readonly trackingUid: string;
  /** what made it, as the segmentation says that it was read from; absent when a person did */
  readonly algorithm?: ImportedAlgorithm;
}

export interface ImportedAlgorithm {
  readonly name: string;
  readonly version?: string;
  readonly family?: Code;
}

export interface StoredPrompt {
  readonly id: string;
  readonly segment: number;
  readonly drawing: Drawing;
  /** slice it belongs to: of the acquired stack, or the column or row where `plane` says so */
  readonly slice: number;
  /** drawn across the stack: slices of the model are columns (sagittal) or rows (coronal) of the volume */
  readonly plane?: OrthogonalPlane;
  /** what was on the slice before its first prompt: points correct it, and it comes back when the last prompt goes */
  readonly base?: SliceMask;
}

/** `column`: planes of constant column index; `row`: of constant row index. */
export type OrthogonalPlane = 'column' | 'row';

export type Origin = 'prompt' | 'propagated' | 'blended' | 'edited' | 'imported';

export interface SliceMask {
  readonly runs: Uint8Array;
  readonly pixels: number;
  /** the model's estimate, 0..1; 1 for masks of a person */
  readonly iou: number;
  /** presence logit */
  readonly presence: number;
  readonly origin: Origin;
  /** what made it (`modelKey`, or `importedModel`); absent for masks of a person */
  readonly model?: string;
}

/** The `model` of masks that were read from a segmentation and that a program had made. */
export const importedModel = 'imported';

/** Which weights made a mask: those of one name may be replaced. */
export interface ModelIdentity {
  readonly sha256: string;
  readonly demonstration: boolean;
  readonly architecture: string;
}

export const modelKey = (name: string, { sha256 }: Pick<ModelIdentity, 'sha256'>): string =>
  `${name} ${sha256.slice(0, 12)}`;

/** The model's side of a session; not part of undo. */
export interface Settings {
  readonly model: string;
  readonly identity: ModelIdentity;
  readonly window: WindowChoice;
  /** absent: the model's own */
  readonly view?: 'full' | 'roi';
}

/** One entry that is set, or removed when its value is absent. */
export type Change =
  | { readonly kind: 'segment'; readonly id: number; readonly value?: Segment }
  | { readonly kind: 'prompt'; readonly id: string; readonly value?: StoredPrompt }
  | { readonly kind: 'mask'; readonly segment: number; readonly slice: number; readonly value?: SliceMask };

export const emptyContent: SessionContent = { segments: new Map(), prompts: new Map(), masks: new Map() };

export const maskOf = (content: SessionContent, segment: number, slice: number): SliceMask | undefined =>
  content.masks.get(segment)?.get(slice);

/** The changes that take changes back, in the order in which they are to be applied. */
export function inversesOf(content: SessionContent, changes: readonly Change[]): Change[] {
  const inverses: Change[] = [];
  const current = new Map<string, Change>();
  for (const change of changes) {
    const key = keyOf(change);
    inverses.push(current.get(key) ?? inverseOf(content, change));
    current.set(key, change);
  }
  return inverses.reverse();
}

const keyOf = (change: Change): string =>
  change.kind === 'mask' ? `${change.segment}/${change.slice}` : `${change.kind} ${change.id}`;

function inverseOf(content: SessionContent, change: Change): Change {
  switch (change.kind) {
    case 'segment':
      return { kind: 'segment', id: change.id, value: content.segments.get(change.id) };
    case 'prompt':
      return { kind: 'prompt', id: change.id, value: content.prompts.get(change.id) };
    case 'mask': {
      const { segment, slice } = change;
      return { kind: 'mask', segment, slice, value: maskOf(content, segment, slice) };
    }
  }
}

/** The content after changes, in order. */
export function applyChanges(content: SessionContent, changes: readonly Change[]): SessionContent {
  if (changes.length === 0) return content;
  // One copy of each map that changes, however many entries of it do.
  const segments = new Map(content.segments);
  const prompts = new Map(content.prompts);
  const masks = new Map(content.masks);
  const copied = new Map<number, Map<number, SliceMask>>();
  for (const change of changes) {
    switch (change.kind) {
      case 'segment':
        set(segments, change.id, change.value);
        break;
      case 'prompt':
        set(prompts, change.id, change.value);
        break;
      case 'mask': {
        const slices = copied.get(change.segment) ?? new Map(masks.get(change.segment));
        copied.set(change.segment, slices);
        set(slices, change.slice, change.value);
        set(masks, change.segment, slices.size === 0 ? undefined : slices);
        break;
      }
    }
  }
  return { segments, prompts, masks };
}

function set<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

/** Slices of a segment with at least one pixel, ascending. */
export function filledSlices(content: SessionContent, segment: number): number[] {
  const filled: number[] = [];
  for (const [slice, { pixels }] of content.masks.get(segment) ?? []) if (pixels > 0) filled.push(slice);
  return filled.sort((a, b) => a - b);
}

/** Bytes that an entry holds, about. */
export function bytesOf(change: Change): number {
  const entry = 64;
  if (change.value === undefined || change.kind === 'segment') return entry;
  if (change.kind === 'mask') return entry + change.value.runs.length;
  const { drawing, base } = change.value;
  return entry + drawingBytes(drawing) + (base?.runs.length ?? 0);
}

function drawingBytes(drawing: Drawing): number {
  switch (drawing.kind) {
    case 'mask':
      return drawing.mask.runs.length;
    case 'points':
      return 48 * drawing.points.length;
    case 'scribble':
    case 'lasso':
      return 32 * drawing.path.length;
    case 'world-points':
      return 64 * drawing.points.length;
    case 'world-scribble':
    case 'world-lasso':
      return 48 * drawing.path.length;
    case 'box':
    case 'recist':
    case 'world-box':
      return 128;
  }
}

/** Bytes of all masks and prompts. */
export function contentBytes(content: SessionContent): number {
  let bytes = 0;
  for (const slices of content.masks.values()) for (const { runs } of slices.values()) bytes += 64 + runs.length;
  for (const prompt of content.prompts.values()) bytes += bytesOf({ kind: 'prompt', id: prompt.id, value: prompt });
  return bytes;
}
