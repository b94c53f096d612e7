import type { WorkState } from '../../contract/work.js';
import { emptyState, prompt, readyState, save, score, segment, target, termHits, volume } from './state.js';

const unavailableWhileRunning = {
  draw: { key: 'panel.run.running' },
  propagate: { key: 'panel.run.running' },
  save: { key: 'panel.run.running' },
  reset: { key: 'panel.run.running' },
} as const;

const drift = (slice: number) => Math.max(0.18, 0.97 - (Math.abs(slice - 19) / 16) ** 2 * 0.6);

const propagated: WorkState = {
  ...readyState,
  segments: [
    segment(1, {
      label: 'Liver',
      colour: [221, 130, 101],
      sliceCount: 34,
      statistics: {
        segment: 1,
        voxels: 120_000,
        volumeMl: 1432.6,
        longAxis: 187.4,
        shortAxis: 121.9,
        axisSlice: 18,
        axisUnit: 'mm',
        mean: 104.2,
        sd: 18.6,
        unit: 'HU',
      },
    }),
  ],
  prompts: [
    prompt('p1', 19),
    prompt('p2', 21, { kind: 'points' }),
    prompt('p3', 31, { kind: 'scribble', state: 'sending', pending: true }),
    prompt('p4', undefined, { kind: 'lasso', state: 'failed', pending: true }),
  ],
  scores: new Map([
    [
      1,
      Array.from({ length: 34 }, (_, index) =>
        score(index + 3, drift(index + 3), {
          origin: index === 16 ? 'prompt' : index === 22 || index === 23 ? 'edited' : 'propagated',
        }),
      ),
    ],
  ]),
  run: { state: 'done', done: 34, total: 34 },
  session: readyState.session && { ...readyState.session, unsaved: true },
  canUndo: true,
  unavailable: { stop: { key: 'panel.run.done' } },
};

const longNames = [
  'Metastasis of the left adrenal gland, follow-up',
  'Thrombosis of the superior mesenteric vein',
  'Spleen',
  'Kidney, left',
  'Nierentumorverlaufskontrolluntersuchung',
  'Aorta',
];

/** States of the work that look different; by name, for the gallery and for tests. */
export const scenes: Readonly<Record<string, WorkState>> = {
  empty: { ...emptyState, noTarget: { key: 'panel.series.none' } },
  connecting: { ...emptyState, server: { phase: 'connecting' }, models: [], noTarget: { key: 'panel.series.none' } },
  offline: {
    ...propagated,
    server: {
      phase: 'offline',
      problem: {
        code: 'server-unreachable',
        detail: 'The segmentation server does not answer.',
        remedy: 'Your work is kept here and sent when it answers again.',
      },
      retryAt: Date.now() + 60_000,
    },
    unavailable: Object.fromEntries(
      (['draw', 'edit', 'addSegment', 'removeSegment', 'propagate', 'stop', 'save', 'reset'] as const).map((action) => [
        action,
        { key: 'panel.server.offline' } as const,
      ]),
    ),
  },
  'login-needed': {
    ...readyState,
    server: {
      phase: 'login-needed',
      problem: { code: 'not-authenticated', detail: 'Your login has ended.', remedy: '' },
    },
    unavailable: { draw: { key: 'panel.server.login-needed' }, save: { key: 'panel.server.login-needed' } },
  },
  findings: {
    ...emptyState,
    target: target(),
    volumes: [
      volume({
        rejected: true,
        overrulable: ['spacing-uneven'],
        findings: [
          {
            code: 'spacing-uneven',
            severity: 'reject',
            message: 'Slices are missing: the distance between slices varies from 1.5 to 6.0 mm.',
          },
          { code: 'gantry-tilt', severity: 'warn', message: 'The gantry was tilted by 12°; some readers refuse SEG.' },
          { code: 'matched-by-position', severity: 'info', message: 'Slices were sorted by position.' },
        ],
      }),
    ],
    volume: 0,
    unavailable: { ...emptyState.unavailable, draw: { key: 'panel.overrule.impossible' } },
  },
  volumes: {
    ...emptyState,
    target: { ...target(120), modality: 'MR', description: 'ep2d_diff_b50_400_800_tra' },
    volumes: ['b = 50 s/mm²', 'b = 400 s/mm²', 'b = 800 s/mm²'].map((label, index) => volume({ index, label })),
    unavailable: { draw: { key: 'panel.volume' } },
  },
  loading: {
    ...readyState,
    segments: [],
    activeSegment: undefined,
    session: readyState.session && { ...readyState.session, phase: 'loading', loading: { done: 17, total: 40 } },
  },
  failed: {
    ...readyState,
    segments: [],
    session: readyState.session && {
      ...readyState.session,
      phase: 'failed',
      problem: { code: 'pacs-unreachable', detail: 'The PACS does not answer.', remedy: 'Try again in a minute.' },
    },
  },
  ready: readyState,
  doubtful: propagated,
  running: {
    ...propagated,
    run: { state: 'running', done: 23, total: 40, rate: 11.6 },
    tool: 'box',
    answering: 1,
    unavailable: unavailableWhileRunning,
  },
  range: { ...propagated, range: { first: 28, last: 36 }, position: 33 },
  'many-segments': {
    ...propagated,
    segments: longNames.map((label, index) =>
      segment(index + 1, { label, visible: index !== 2, locked: index === 3, sliceCount: index * 7 }),
    ),
    activeSegment: 2,
    scores: new Map(),
  },
  'five-hundred': {
    ...propagated,
    target: target(520),
    session: readyState.session && { ...readyState.session, sliceCount: 520, unsaved: true },
    scores: new Map([
      [
        1,
        Array.from({ length: 380 }, (_, index) =>
          score(index + 60, index === 200 || (index > 300 && index < 330) ? 0.35 : 0.8 + 0.15 * Math.sin(index / 9), {
            origin: index === 120 ? 'edited' : 'propagated',
          }),
        ),
      ],
    ]),
    prompts: [prompt('p1', 250), prompt('p2', 90)],
    position: 372,
    range: { first: 355, last: 395 },
  },
  cine: {
    ...propagated,
    target: { ...target(64), modality: 'US', description: 'Apical four chamber', kind: 'cine' },
    session: readyState.session && { ...readyState.session, kind: 'cine', sliceCount: 64, windowText: 'none (colour)' },
  },
  saves: {
    ...propagated,
    saves: [
      save('refused', {
        message: 'The PACS refused the object: 0xA700, out of resources. Ask its administrator for space.',
      }),
      save('waiting', { message: 'The PACS does not answer; tried 3 times.' }),
      save('verified', {
        description: 'Liver and lesions, follow-up of March',
        warnings: ['Some readers refuse tilted stacks.'],
      }),
    ],
    stored: [
      { series: '1.2.9', sopInstanceUid: '1.2.9.1', description: 'Segmentation of the radiology assistant, version 2' },
      { series: '1.2.8', sopInstanceUid: '1.2.8.1', description: '' },
    ],
  },
  notices: {
    ...propagated,
    notices: [
      {
        id: 'n1',
        severity: 'error',
        text: {
          problem: {
            code: 'pacs-failed',
            detail: 'The PACS refused the segmentation.',
            remedy: 'It is kept; try again.',
          },
        },
        canRetry: true,
      },
      {
        id: 'n2',
        severity: 'warning',
        text: { key: 'panel.statistics.empty' },
        hint: { key: 'panel.tool.box.hint' },
        canRetry: false,
      },
      { id: 'n3', severity: 'success', text: { key: 'panel.save.verified' }, canRetry: false },
    ],
  },
  restricted: {
    ...propagated,
    modelName: 'medsam2-latest',
    session: readyState.session && {
      ...readyState.session,
      model: { name: 'medsam2-latest', demonstration: false, device: 'cuda' },
    },
    segments: propagated.segments.map((one) => ({ ...one, terms: termHits[3].terms, statisticsPending: true })),
  },
};
