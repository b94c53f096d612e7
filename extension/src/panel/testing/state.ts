import type { SaveState, TermHit, VolumeInfo } from '@medsam2/protocol';
import type { SeriesTarget } from '../../contract/viewer.js';
import type { PromptView, SegmentView, SliceScore, WorkState } from '../../contract/work.js';

const code = (value: string, meaning: string) => ({ scheme: 'SCT', value, meaning });
const category = code('123037004', 'Anatomical Structure');

export const termHits: readonly TermHit[] = [
  ['10200004', 'Liver', [221, 130, 101]],
  ['64033007', 'Kidney', [185, 102, 83]],
  ['78961009', 'Spleen', [157, 108, 162]],
  ['4147007', 'Mass', [144, 238, 144]],
].map(([value, meaning, colour]) => ({
  label: meaning as string,
  colour: colour as [number, number, number],
  terms: { category, type: code(value as string, meaning as string) },
}));

export const target = (n = 40): SeriesTarget => ({
  displaySetId: 'display-1',
  study: '1.2.3',
  series: '1.2.3.4',
  modality: 'CT',
  description: 'Abdomen portal venous 1.5 mm',
  kind: 'stack',
  images: Array.from({ length: n }, (_, index) => ({ sopInstanceUid: `1.2.3.4.${index + 1}` })),
});

export const volume = (changes: Partial<VolumeInfo> = {}): VolumeInfo => ({
  index: 0,
  label: 'Volume 1',
  modality: 'CT',
  kind: 'stack',
  slices: 40,
  rows: 256,
  columns: 256,
  spacing: [0.8, 0.8, 1.5],
  origin: [0, 0, 0],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  findings: [],
  rejected: false,
  overrulable: [],
  ...changes,
});

export const segment = (id: number, changes: Partial<SegmentView> = {}): SegmentView => ({
  id,
  label: `Segment ${id}`,
  colour: [80 + 40 * (id % 4), 200 - 30 * (id % 5), 120 + 25 * (id % 6)],
  terms: termHits[0].terms,
  visible: true,
  locked: false,
  sliceCount: 0,
  statisticsPending: false,
  ...changes,
});

export const score = (slice: number, confidence: number, changes: Partial<SliceScore> = {}): SliceScore => ({
  segment: 1,
  slice,
  revision: 1,
  iou: confidence,
  presence: 1,
  origin: 'propagated',
  pixels: 900,
  confidence,
  doubtful: confidence < 0.6,
  ...changes,
});

export const prompt = (id: string, slice: number | undefined, changes: Partial<PromptView> = {}): PromptView => ({
  id,
  segment: 1,
  colour: [221, 130, 101],
  drawing: { kind: 'box', place: { slice: slice ?? 0 }, box: [10, 10, 60, 60] },
  visible: true,
  pending: false,
  slice,
  kind: 'box',
  state: 'accepted',
  ...changes,
});

export const save = (state: SaveState['state'], changes: Partial<SaveState> = {}): SaveState => ({
  id: `save-${state}`,
  pacs: 'main',
  study: '1.2.3',
  series: `1.2.3.5.${state.length}`,
  sopInstanceUid: `1.2.3.6.${state.length}`,
  description: 'MedSAM2 segmentation',
  state,
  attempts: 1,
  created: '2026-05-04T10:20:00Z',
  bytes: 48_213,
  warnings: [],
  ...changes,
});

/** A person has just opened the mode: no series, a server that answers. */
export const emptyState: WorkState = {
  server: { phase: 'online', version: '0.1.0', user: 'reader', canSegment: true },
  models: [
    {
      name: 'nano',
      title: 'MedSAM2 nano (embedded)',
      isDefault: true,
      demonstration: true,
      licence: { spdx: 'Apache-2.0', restricted: false, terms: 'Demonstration only.' },
      view: 'roi',
      sha256: 'ab',
      loaded: true,
      device: 'cpu',
    },
    {
      name: 'medsam2-latest',
      title: 'MedSAM2 latest',
      isDefault: false,
      demonstration: false,
      licence: {
        spdx: 'LicenseRef-MedSAM2',
        restricted: true,
        terms: 'Research and education only; ask the authors for any other use.',
      },
      view: 'full',
      sha256: 'cd',
      loaded: false,
    },
  ],
  volumes: [],
  overruled: [],
  modelName: 'nano',
  windowChoice: 'viewer',
  segments: [],
  prompts: [],
  promptsVisible: true,
  scores: new Map(),
  direction: 'both',
  answering: 0,
  saving: false,
  canUndo: false,
  canRedo: false,
  saves: [],
  stored: [],
  notices: [],
  unavailable: { stop: { key: 'panel.session.closed' } },
};

/** A series with a session, one segment and one prompt, nothing propagated yet. */
export const readyState: WorkState = {
  ...emptyState,
  target: target(),
  volumes: [volume()],
  volume: 0,
  session: {
    id: '6b1f0d0e-0000-4000-8000-000000000001',
    phase: 'ready',
    loading: { done: 40, total: 40 },
    model: { name: 'nano', demonstration: true, device: 'cpu' },
    windowText: '-160..240 HU (viewer)',
    sliceCount: 40,
    kind: 'stack',
    unsaved: false,
  },
  segments: [segment(1, { label: 'Liver', colour: [221, 130, 101] })],
  activeSegment: 1,
  position: 19,
};
