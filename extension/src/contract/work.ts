/** What the panel shows and can ask for. `controller/` implements it; the panel, commands and hotkeys only use it. */
import type {
  ModelInfo,
  SaveState,
  SegmentBody,
  SegmentStatistics,
  SegmentTerms,
  SliceScoreState,
  TermHit,
  VolumeInfo,
} from '@medsam2/protocol';
import type { ProblemText, Text } from './text.js';
import type { PromptMark, SeriesTarget, StoredSegmentation, Tool } from './viewer.js';

export type Severity = 'info' | 'success' | 'warning' | 'error';

/** Something that a person should read; stays until dismissed, retried with success, or no longer true. */
export interface Notice {
  readonly id: string;
  readonly severity: Severity;
  readonly text: Text;
  /** what to try, where the text does not say it */
  readonly hint?: Text;
  /** `actions.retry(id)` does again what failed */
  readonly canRetry: boolean;
}

/** How the server is reached. */
export type ServerState =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'online'; readonly version: string; readonly user?: string; readonly canSegment: boolean }
  /** tried again by itself; `retryAt` in milliseconds since 1970 */
  | { readonly phase: 'offline'; readonly problem: ProblemText; readonly retryAt?: number }
  /** the viewer's login ended: work is kept, and sent when there is a valid token again */
  | { readonly phase: 'login-needed'; readonly problem: ProblemText };

export interface SegmentView {
  readonly id: number;
  readonly label: string;
  readonly colour: readonly [number, number, number];
  readonly terms: SegmentTerms;
  readonly visible: boolean;
  readonly locked: boolean;
  /** slices with at least one pixel */
  readonly sliceCount: number;
  readonly statistics?: SegmentStatistics;
  /** statistics are being worked out again */
  readonly statisticsPending: boolean;
}

/** Score of one slice of one segment, and what the strip shows. */
export interface SliceScore extends SliceScoreState {
  /** predicted IoU x probability of presence (logistic of the object score), 0..1; 1 for slices edited by hand */
  readonly confidence: number;
  readonly doubtful: boolean;
}

export interface PromptView extends PromptMark {
  /** slice of the volume; undefined while the server has not placed it */
  readonly slice?: number;
  readonly kind: 'box' | 'points' | 'scribble' | 'lasso' | 'mask' | 'recist';
  readonly state: 'sending' | 'accepted' | 'failed';
}

export type WindowChoiceName = 'viewer' | 'auto' | `preset:${string}`;
export type Direction = 'both' | 'forward' | 'backward';
/** slices of the volume, both included */
export interface Range {
  readonly first: number;
  readonly last: number;
}

export interface SessionView {
  readonly id: string;
  readonly phase: 'loading' | 'ready' | 'failed' | 'closed';
  /** images that have arrived on the server */
  readonly loading: { readonly done: number; readonly total: number };
  readonly problem?: ProblemText;
  readonly model: { readonly name: string; readonly demonstration: boolean; readonly device: string };
  /** the window in use, in words */
  readonly windowText: string;
  readonly sliceCount: number;
  readonly kind: 'stack' | 'cine';
  readonly unsaved: boolean;
}

export interface RunView {
  readonly state: 'queued' | 'running' | 'done' | 'cancelled' | 'failed';
  readonly done: number;
  readonly total: number;
  /** slices per second, measured here; undefined before there is one */
  readonly rate?: number;
  readonly message?: string;
}

/** What can be asked for; the value says why it cannot be now. */
export const guardedActions = [
  'draw',
  'edit',
  'addSegment',
  'removeSegment',
  'propagate',
  'propagateStretch',
  'stop',
  'undo',
  'redo',
  'reset',
  'save',
  'nextDoubtful',
  'chooseModel',
] as const;
export type GuardedAction = (typeof guardedActions)[number];

/** Immutable; a new object after each change, with unchanged parts shared. */
export interface WorkState {
  readonly server: ServerState;
  readonly models: readonly ModelInfo[];
  readonly target?: SeriesTarget;
  /** why there is nothing to work on */
  readonly noTarget?: Text;
  /** volumes of the target's series; several: one must be chosen */
  readonly volumes: readonly VolumeInfo[];
  readonly volume?: number;
  /** codes of rejecting findings that the user accepted */
  readonly overruled: readonly string[];
  readonly session?: SessionView;
  /** name chosen for the next session, or of the session's */
  readonly modelName?: string;
  readonly windowChoice: WindowChoiceName;
  readonly segments: readonly SegmentView[];
  readonly activeSegment?: number;
  readonly prompts: readonly PromptView[];
  readonly promptsVisible: boolean;
  /** by segment, then ascending by slice */
  readonly scores: ReadonlyMap<number, readonly SliceScore[]>;
  /** slice of the volume that the viewer shows */
  readonly position?: number;
  readonly range?: Range;
  readonly direction: Direction;
  readonly run?: RunView;
  /** prompts whose answer is awaited */
  readonly answering: number;
  /** changes of any kind that wait for the server or are under way there */
  readonly pending?: number;
  readonly saving: boolean;
  readonly tool?: Tool;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** newest first */
  readonly saves: readonly SaveState[];
  readonly stored: readonly StoredSegmentation[];
  readonly notices: readonly Notice[];
  /** `undefined`: it can be done */
  readonly unavailable: Readonly<Partial<Record<GuardedAction, Text>>>;
}

export interface SaveRequest {
  readonly description?: string;
  /** the user states to have looked at every slice */
  readonly reviewed: boolean;
}

/** Never throw or reject for what a person must know: that becomes a notice. */
export interface WorkActions {
  /** tries now to reach the server again */
  reconnect(): Promise<void>;
  chooseVolume(index: number): Promise<void>;
  overrule(code: string): void;
  /** opens the session (images are fetched, slices encoded ahead); drawing does it by itself */
  begin(): Promise<void>;
  chooseModel(name: string): Promise<void>;
  chooseWindow(choice: WindowChoiceName): Promise<void>;

  addSegment(body?: SegmentBody): Promise<void>;
  changeSegment(id: number, body: SegmentBody): Promise<void>;
  removeSegment(id: number): Promise<void>;
  selectSegment(id: number): void;
  showSegment(id: number, visible: boolean): void;
  searchTerms(query: string): Promise<readonly TermHit[]>;

  setTool(tool: Tool | undefined): void;
  removePrompt(id: string): Promise<void>;
  showPrompts(visible: boolean): void;

  setRange(range: Range | undefined): void;
  /** that end of the range becomes the slice that the viewer shows */
  setRangeEnd(end: 'first' | 'last'): void;
  setDirection(direction: Direction): void;
  /** the active segment, or all that have prompts; within the range where there is one */
  propagate(which?: 'active' | 'all'): Promise<void>;
  stop(): Promise<void>;
  undo(): Promise<void>;
  redo(): Promise<void>;
  reset(segment?: number): Promise<void>;

  jumpTo(slice: number): void;
  /** to the next slice of the active segment that is doubtful, from the one shown, around the end */
  nextDoubtful(step: 1 | -1): void;

  save(request: SaveRequest): Promise<void>;
  openSaved(save: SaveState): Promise<void>;
  continueFrom(stored: StoredSegmentation): Promise<void>;
  /** ends the session and removes what it left on the server; what was saved stays */
  discard(): Promise<void>;

  dismiss(notice: string): void;
  retry(notice: string): Promise<void>;
}

export interface Workbench {
  getState(): WorkState;
  subscribe(listener: () => void): () => void;
  readonly actions: WorkActions;
  /** the mode was left: subscriptions and streams end, the session stays on the server */
  close(): void;
}
