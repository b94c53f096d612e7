import { decodeRuns, encodeRuns } from '@medsam2/protocol/stream';
import type {
  DrawnPrompt,
  EditedSlice,
  ImageRef,
  PromptMark,
  SegmentMark,
  SeriesTarget,
  SliceMask,
  StoredSegmentation,
  Text,
  Tool,
  Unsubscribe,
  ViewerPort,
} from '../contract/index.js';

const keyOf = ({ sopInstanceUid, frame }: ImageRef): string => `${sopInstanceUid}/${frame ?? 1}`;

class Listeners<Value> {
  private readonly all = new Set<(value: Value) => void>();

  add(listener: (value: Value) => void): Unsubscribe {
    this.all.add(listener);
    return () => this.all.delete(listener);
  }

  tell(value: Value): void {
    for (const listener of [...this.all]) listener(value);
  }

  get count(): number {
    return this.all.size;
  }
}

/**
 * A viewer without pictures: shows a series by its images, holds masks as labelmaps, and is used by methods in place of
 * a mouse. Keeps to the contract's words: masks of segments that were not shown are refused.
 */
export class MemoryViewer implements ViewerPort {
  readonly announced: { readonly text: Text; readonly severity: string }[] = [];
  readonly opened: StoredSegmentation[] = [];
  stored: StoredSegmentation[] = [];
  prompts: readonly PromptMark[] = [];
  shownWindow: { readonly centre: number; readonly width: number } | undefined = { centre: 40, width: 400 };
  token: string | undefined;
  private readonly marks = new Map<string, readonly SegmentMark[]>();
  /** by series, segment, and image */
  private readonly masks = new Map<string, Map<number, Map<string, SliceMask>>>();
  private shown: SeriesTarget | { readonly reason: Text };
  private at: ImageRef | undefined;
  private chosen: Tool | undefined;
  private readonly targetListeners = new Listeners<void>();
  private readonly positionListeners = new Listeners<void>();
  private readonly toolListeners = new Listeners<void>();
  private readonly drawnListeners = new Listeners<DrawnPrompt>();
  private readonly removedListeners = new Listeners<string>();
  private readonly refusedListeners = new Listeners<Text>();
  private readonly editedListeners = new Listeners<readonly EditedSlice[]>();

  constructor(target?: SeriesTarget) {
    this.shown = target ?? { reason: { key: 'viewer.no-series' } };
    this.at = target?.images[0];
  }

  // What a user does

  /** Puts a series into the active viewport. */
  open(target: SeriesTarget | { readonly reason: Text }): void {
    this.shown = target;
    this.at = 'reason' in target ? undefined : target.images[0];
    this.targetListeners.tell();
  }

  scrollTo(image: ImageRef): void {
    this.at = image;
    this.positionListeners.tell();
  }

  draw(drawn: DrawnPrompt): void {
    this.drawnListeners.tell(drawn);
  }

  removePrompt(id: string): void {
    this.removedListeners.tell(id);
  }

  refuse(reason: Text): void {
    this.refusedListeners.tell(reason);
  }

  /** Paints on the mask of an image, as the viewer has it. @param paint [row][column], changed in place */
  paint(
    segment: number,
    image: ImageRef,
    size: Pick<SliceMask, 'rows' | 'columns'>,
    paint: (mask: Uint8Array) => void,
  ): void {
    const mask = this.mask(segment, image) ?? new Uint8Array(size.rows * size.columns);
    paint(mask);
    const { rows, columns } = size;
    const edited = { segment, image, rows, columns, runs: encodeRuns(mask) };
    this.put(this.current().displaySetId, edited);
    this.editedListeners.tell([edited]);
  }

  // What it shows

  /** [row][column]; undefined: nothing on this image */
  mask(segment: number, image: ImageRef, displaySetId = this.current().displaySetId): Uint8Array | undefined {
    const mask = this.masks.get(displaySetId)?.get(segment)?.get(keyOf(image));
    return mask === undefined ? undefined : decodeRuns(mask.runs, mask.rows * mask.columns);
  }

  /** Images of the series with a mask of the segment that is not empty, in the series' order. */
  filled(segment: number, displaySetId = this.current().displaySetId): number[] {
    const masks = this.masks.get(displaySetId)?.get(segment);
    return this.current().images.flatMap((image, at) => (masks?.get(keyOf(image))?.runs.length ? [at] : []));
  }

  segments(displaySetId = this.current().displaySetId): readonly SegmentMark[] {
    return this.marks.get(displaySetId) ?? [];
  }

  /** listeners that are left */
  get listenerCount(): number {
    const { targetListeners, positionListeners, toolListeners, drawnListeners } = this;
    const { removedListeners, refusedListeners, editedListeners } = this;
    const all = [targetListeners, positionListeners, toolListeners, drawnListeners, removedListeners, refusedListeners];
    return [...all, editedListeners].reduce((sum, { count }) => sum + count, 0);
  }

  // ViewerPort

  target = (): SeriesTarget | { readonly reason: Text } => this.shown;
  onTargetChange = (listener: () => void): Unsubscribe => this.targetListeners.add(listener);
  position = (): ImageRef | undefined => this.at;
  onPositionChange = (listener: () => void): Unsubscribe => this.positionListeners.add(listener);
  jumpTo = (image: ImageRef): void => this.scrollTo(image);
  window = (): { readonly centre: number; readonly width: number } | undefined => this.shownWindow;
  tool = (): Tool | undefined => this.chosen;
  onToolChange = (listener: () => void): Unsubscribe => this.toolListeners.add(listener);
  onPromptDrawn = (listener: (drawn: DrawnPrompt) => void): Unsubscribe => this.drawnListeners.add(listener);
  onPromptRemoved = (listener: (id: string) => void): Unsubscribe => this.removedListeners.add(listener);
  onDrawingRefused = (listener: (reason: Text) => void): Unsubscribe => this.refusedListeners.add(listener);
  onEdited = (listener: (edited: readonly EditedSlice[]) => void): Unsubscribe => this.editedListeners.add(listener);
  storedSegmentations = (): readonly StoredSegmentation[] => this.stored;
  authorization = (): string | undefined => this.token;
  language = (): string => 'en';

  setTool(tool: Tool | undefined): void {
    this.chosen = tool;
    this.toolListeners.tell();
  }

  showPrompts(prompts: readonly PromptMark[]): void {
    this.prompts = prompts;
  }

  showSegments({ displaySetId }: SeriesTarget, segments: readonly SegmentMark[]): Promise<void> {
    this.marks.set(displaySetId, segments);
    const kept = new Set(segments.map(({ id }) => id));
    const masks = this.masks.get(displaySetId);
    for (const id of masks?.keys() ?? []) if (!kept.has(id)) masks?.delete(id);
    return Promise.resolve();
  }

  writeSlices({ displaySetId }: SeriesTarget, masks: readonly SliceMask[]): void {
    for (const mask of masks) {
      if (!this.segments(displaySetId).some(({ id }) => id === mask.segment)) {
        throw new Error(`segment ${mask.segment} is not shown`);
      }
      this.put(displaySetId, mask);
    }
  }

  clear({ displaySetId }: SeriesTarget): void {
    this.masks.delete(displaySetId);
    this.marks.delete(displaySetId);
  }

  openStored(_target: SeriesTarget, stored: StoredSegmentation): Promise<void> {
    this.opened.push(stored);
    return Promise.resolve();
  }

  announce(text: Text, severity: 'info' | 'warning' | 'error'): void {
    this.announced.push({ text, severity });
  }

  private put(displaySetId: string, mask: SliceMask): void {
    const segments = this.masks.get(displaySetId) ?? new Map<number, Map<string, SliceMask>>();
    this.masks.set(displaySetId, segments);
    const slices = segments.get(mask.segment) ?? new Map<string, SliceMask>();
    segments.set(mask.segment, slices.set(keyOf(mask.image), mask));
  }

  private current(): SeriesTarget {
    if ('reason' in this.shown) throw new Error('no series is shown');
    return this.shown;
  }
}
