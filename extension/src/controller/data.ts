/** What the controller knows, apart from masks; `select.ts` makes of it what the panel sees. */
import type {
  Drawing,
  ModelInfo,
  SaveState,
  SegmentStatistics,
  ServiceInfo,
  SliceScoreState,
  VolumeInfo,
} from '@medsam2/protocol';
import type {
  Direction,
  ImageRef,
  Notice,
  Range,
  RunView,
  SeriesTarget,
  ServerState,
  StoredSegmentation,
  Text,
  Tool,
  WindowChoiceName,
} from '../contract/index.js';
import type { ImageIndex } from './image-index.js';
import type { SessionData } from './session-data.js';

/** The same for all series of a visit. */
export interface SharedData {
  readonly server: ServerState;
  readonly service?: ServiceInfo;
  readonly models: readonly ModelInfo[];
  readonly noTarget?: Text;
  /** chosen for the next session */
  readonly modelName?: string;
  readonly windowChoice: WindowChoiceName;
  readonly direction: Direction;
  readonly promptsVisible: boolean;
  readonly tool?: Tool;
  /** image that the viewer shows */
  readonly position?: ImageRef;
  readonly saves: readonly SaveState[];
  readonly notices: readonly Notice[];
}

/** A prompt as drawn here, until the server has it. */
export interface Draft {
  readonly id: string;
  /** undefined: drawn before there was a segment */
  readonly segment?: number;
  readonly drawing: Drawing;
  /** `waiting`: until the run on its segment ends */
  readonly state: 'sending' | 'waiting' | 'failed';
}

export type SegmentScores = ReadonlyMap<number, SliceScoreState>;

/** Of one series. */
export interface WorkData {
  readonly target: SeriesTarget;
  readonly volumes: readonly VolumeInfo[];
  readonly volumesKnown: boolean;
  readonly volume?: number;
  readonly overruled: readonly string[];
  readonly session?: SessionData;
  /** a session is being opened */
  readonly opening: boolean;
  readonly index?: ImageIndex;
  readonly activeSegment?: number;
  readonly hidden: ReadonlySet<number>;
  readonly statistics: ReadonlyMap<number, SegmentStatistics>;
  readonly statisticsPending: boolean;
  /** in the order in which they were drawn */
  readonly drafts: ReadonlyMap<string, Draft>;
  /** by segment and slice */
  readonly scores: ReadonlyMap<number, SegmentScores>;
  readonly range?: Range;
  readonly run?: RunView;
  readonly answering: number;
  /** requests that wait or are under way */
  readonly busy: number;
  readonly saving: boolean;
  /** as the viewer lists them */
  readonly stored: readonly StoredSegmentation[];
  /** saves of this work, which the viewer does not list before it reads the study anew */
  readonly saved: ReadonlySet<string>;
}

export const newWorkData = (target: SeriesTarget, stored: readonly StoredSegmentation[]): WorkData => ({
  target,
  volumes: [],
  volumesKnown: false,
  overruled: [],
  opening: false,
  hidden: new Set(),
  statistics: new Map(),
  statisticsPending: false,
  drafts: new Map(),
  scores: new Map(),
  answering: 0,
  busy: 0,
  saving: false,
  stored,
  saved: new Set(),
});

/** The volume that a session is made of; undefined while one must be chosen. */
export const chosenVolume = ({ volumes, volume }: Pick<WorkData, 'volumes' | 'volume'>): VolumeInfo | undefined =>
  volumes.find(({ index }) => index === volume);

/** Codes of rejecting findings that stand against a volume. */
export function standingFindings(volume: VolumeInfo, overruled: readonly string[]): VolumeInfo['findings'] {
  return volume.findings.filter(
    ({ severity, code }) => severity === 'reject' && !(overruled.includes(code) && volume.overrulable.includes(code)),
  );
}
