/**
 * What the work on a series needs from the viewer it happens in. The controller knows nothing of OHIF or Cornerstone;
 * `host/` implements this for them. Slices are named as DICOM names them, never by the viewer's own index.
 */
import type { Drawing } from '@medsam2/protocol';
import type { Text } from './text.js';

/** One image of a series: an instance, or one frame (from 1) of a multi-frame instance. */
export interface ImageRef {
  readonly sopInstanceUid: string;
  readonly frame?: number;
}

/** A series that the active viewport shows and that can be segmented. */
export interface SeriesTarget {
  /** the viewer's own name of it; stable while the mode is open */
  readonly displaySetId: string;
  readonly study: string;
  readonly series: string;
  readonly modality: string;
  readonly description: string;
  /** `cine`: frames in time instead of slices in space */
  readonly kind: 'stack' | 'cine';
  /** in the viewer's order */
  readonly images: readonly ImageRef[];
}

/** Drawing tools of this plug-in; `eraser` draws a scribble over what does not belong to the segment. */
export const promptTools = ['box', 'point', 'pointNegative', 'scribble', 'lasso', 'eraser'] as const;
export type PromptTool = (typeof promptTools)[number];
/** The host's own tools that this plug-in also offers: painting and erasing voxels of the active segment. */
export const editTools = ['brush', 'brushEraser'] as const;
export type EditTool = (typeof editTools)[number];
export type Tool = PromptTool | EditTool;

/** A prompt as the viewer is to show it. `id` is the prompt's identifier on the server, too. */
export interface PromptMark {
  readonly id: string;
  readonly segment: number;
  readonly colour: readonly [number, number, number];
  readonly drawing: Drawing;
  readonly visible: boolean;
  /** not on the server yet, or it was refused: drawn dashed */
  readonly pending: boolean;
}

/** The user drew a prompt, or moved one. */
export interface DrawnPrompt {
  /** new for a new drawing; of the prompt that was moved otherwise */
  readonly id: string;
  readonly drawing: Drawing;
}

/** A segment as the viewer is to show it. */
export interface SegmentMark {
  /** its number in the session, from 1 */
  readonly id: number;
  readonly label: string;
  readonly colour: readonly [number, number, number];
  readonly visible: boolean;
  readonly locked: boolean;
  readonly active: boolean;
}

/** The mask of one segment on one image, whole. */
export interface SliceMask {
  readonly segment: number;
  readonly image: ImageRef;
  readonly rows: number;
  readonly columns: number;
  /** `encodeRuns` of the protocol; none: the slice is empty */
  readonly runs: Uint8Array;
}

/** Voxels of one segment on one image that the user changed with the host's own tools. */
export type EditedSlice = SliceMask;

/** What a DICOM Segmentation in the study is, to go on from it. */
export interface StoredSegmentation {
  readonly series: string;
  readonly sopInstanceUid: string;
  readonly description: string;
}

export type Unsubscribe = () => void;

/** Where the viewer shows the series, in `world` (LPS mm) and pixels; all methods are safe to call in any layout. */
export interface ViewerPort {
  /** the series in the active viewport, or why there is none to work on */
  target(): SeriesTarget | { readonly reason: Text };
  /** the active viewport, its series or the layout changed */
  onTargetChange(listener: () => void): Unsubscribe;

  /** the acquired image that the active viewport shows (nearest to the focal plane in reformats); undefined: none */
  position(): ImageRef | undefined;
  onPositionChange(listener: () => void): Unsubscribe;
  /** shows the image in all viewports of the series */
  jumpTo(image: ImageRef): void;

  /** window of the active viewport in the series' stored units after rescale; undefined for colour */
  window(): { readonly centre: number; readonly width: number } | undefined;

  setTool(tool: Tool | undefined): void;
  tool(): Tool | undefined;
  onToolChange(listener: () => void): Unsubscribe;

  /** makes the marks in the viewports what is given: adds, moves, recolours, removes; does not call `onPrompt…` */
  showPrompts(prompts: readonly PromptMark[]): void;
  /** the user finished a drawing or moved one; in pixels of an image wherever it lies on one, else in world coordinates */
  onPromptDrawn(listener: (drawn: DrawnPrompt) => void): Unsubscribe;
  onPromptRemoved(listener: (id: string) => void): Unsubscribe;
  /** a drawing cannot be used, with the reason (e.g. an oblique plane); the viewer has removed it again */
  onDrawingRefused(listener: (reason: Text) => void): Unsubscribe;

  /**
   * Makes segments and masks of this series visible in all its viewports, in stacks, reformats and 3D, and makes the
   * segments what is given. Called before the first `writeSlices` of a series and whenever segments change.
   */
  showSegments(target: SeriesTarget, segments: readonly SegmentMark[]): Promise<void>;
  /** replaces masks; batches are drawn together, and the page is never blocked for long. Not reported as edits. */
  writeSlices(target: SeriesTarget, masks: readonly SliceMask[]): void;
  /** all masks of the series that the viewer holds for this plug-in go */
  clear(target: SeriesTarget): void;
  /** the user ended a stroke of the host's brush, eraser or similar on masks of this plug-in */
  onEdited(listener: (edited: readonly EditedSlice[]) => void): Unsubscribe;

  /** segmentations of the series that lie in the study */
  storedSegmentations(target: SeriesTarget): readonly StoredSegmentation[];
  /** loads a saved segmentation into the study browser and shows it. @throws WorkError when the viewer cannot */
  openStored(target: SeriesTarget, stored: StoredSegmentation): Promise<void>;

  /** value for the Authorization header of requests, now; undefined: the viewer has no login */
  authorization(): string | undefined;
  /** short message over the viewports, for what the user must notice while looking at the image */
  announce(text: Text, severity: 'info' | 'warning' | 'error'): void;
  /** language of the host's interface, e.g. `de` or `zh-CN` */
  language(): string;
}
