/** What the panel sees, made of what the controller knows; unchanged parts are shared between states. */
import type { Drawing, PromptState, SegmentState, SegmentStatistics } from '@medsam2/protocol';
import type { PromptView, SegmentView, SessionView, SliceScore, WorkState } from '../contract/index.js';
import { optional } from '../client/api.js';
import { sliceScores } from './confidence.js';
import type { Draft, SegmentScores, SharedData, WorkData } from './data.js';
import type { SessionData } from './session-data.js';
import { memo } from './store.js';
import { unavailable } from './unavailable.js';

const grey = [160, 160, 160] as const;
const nothing = [] as const;
const noScores: WorkState['scores'] = new Map();

/** @returns a function of its own memory, one for each workbench */
export function selector(): (shared: SharedData, work: WorkData | undefined) => WorkState {
  const scoresOf = scoresSelector();
  const segmentsOf = memo(segmentViews);
  const promptsOf = memo(promptViews);
  const sessionOf = memo(sessionView);
  const savesOf = memo((saves: SharedData['saves'], study: string | undefined) =>
    saves.filter((save) => save.study === study),
  );
  const storedOf = memo(storedViews);
  const reasons = memo(unavailable);
  return memo((shared, work) => {
    const scores = work === undefined ? noScores : scoresOf(work.scores);
    const { session } = work ?? {};
    const own = scores.get(work?.activeSegment ?? 0) ?? nothing;
    const position = work?.index?.sliceOf(shared.position);
    const { server, models, windowChoice, promptsVisible, direction, notices } = shared;
    return {
      server,
      models,
      windowChoice,
      promptsVisible,
      direction,
      notices,
      ...optional({ tool: shared.tool, noTarget: shared.noTarget, position }),
      ...optional({ modelName: session?.state.model.name ?? shared.modelName ?? defaultModel(models) }),
      ...optional({ target: work?.target, volume: work?.volume, activeSegment: work?.activeSegment }),
      ...optional({ range: work?.range, run: work?.run }),
      ...optional({
        session: work === undefined || session === undefined ? undefined : sessionOf(session, work.index?.count),
      }),
      volumes: work?.volumes ?? nothing,
      overruled: work?.overruled ?? nothing,
      segments:
        work === undefined
          ? nothing
          : segmentsOf(session?.segments, work.hidden, work.scores, work.statistics, work.statisticsPending),
      prompts:
        work === undefined ? nothing : promptsOf(session, work.drafts, work.activeSegment, promptsVisible, work.hidden),
      scores,
      answering: [...(work?.drafts.values() ?? [])].filter(({ state }) => state === 'sending').length,
      pending: work?.busy ?? 0,
      saving: work?.saving ?? false,
      canUndo: session?.state.canUndo ?? false,
      canRedo: session?.state.canRedo ?? false,
      saves: savesOf(shared.saves, work?.target.study),
      stored: work === undefined ? nothing : storedOf(work.stored, work.saved, shared.saves),
      unavailable: reasons(shared, work, own),
    };
  });
}

const defaultModel = (models: SharedData['models']): string | undefined =>
  models.find(({ isDefault }) => isDefault)?.name;

/** What lies in the PACS: as the viewer lists it, and what was saved since. */
function storedViews(
  stored: WorkData['stored'],
  saved: WorkData['saved'],
  saves: SharedData['saves'],
): WorkState['stored'] {
  const known = new Set(stored.map(({ sopInstanceUid }) => sopInstanceUid));
  const since = saves
    .filter(({ id, state, sopInstanceUid }) => state === 'verified' && saved.has(id) && !known.has(sopInstanceUid))
    .map(({ series, sopInstanceUid, description }) => ({ series, sopInstanceUid, description }));
  return since.length === 0 ? stored : [...stored, ...since];
}

/** Segments whose scores did not change keep their list. */
function scoresSelector(): (scores: WorkData['scores']) => WorkState['scores'] {
  let known = new Map<SegmentScores, readonly SliceScore[]>();
  return memo((scores: WorkData['scores']) => {
    const lists = new Map(
      [...scores.values()].map((slices) => [slices, known.get(slices) ?? sliceScores(slices.values())]),
    );
    known = lists;
    return new Map([...scores].map(([segment, slices]) => [segment, lists.get(slices) ?? []]));
  });
}

function segmentViews(
  segments: readonly SegmentState[] | undefined,
  hidden: ReadonlySet<number>,
  scores: WorkData['scores'],
  statistics: ReadonlyMap<number, SegmentStatistics>,
  statisticsPending: boolean,
): readonly SegmentView[] {
  return (segments ?? nothing).map(({ id, label, colour, terms, locked }) => ({
    id,
    label,
    colour,
    terms,
    locked,
    visible: !hidden.has(id),
    sliceCount: countFilled(scores.get(id)),
    ...optional({ statistics: statistics.get(id) }),
    statisticsPending,
  }));
}

function countFilled(scores: SegmentScores | undefined): number {
  let count = 0;
  for (const { pixels } of scores?.values() ?? []) if (pixels > 0) count++;
  return count;
}

/** Those of the server, each as it was drawn last, and those on their way to it. */
function promptViews(
  session: SessionData | undefined,
  drafts: ReadonlyMap<string, Draft>,
  activeSegment: number | undefined,
  visible: boolean,
  hidden: ReadonlySet<number>,
): readonly PromptView[] {
  const colours = new Map(session?.segments.map(({ id, colour }) => [id, colour]));
  const view = (prompt: PromptState | Draft, draft: Draft | undefined): PromptView => {
    const segment = prompt.segment ?? activeSegment ?? 1;
    const drawing = draft?.drawing ?? prompt.drawing;
    return {
      id: prompt.id,
      segment,
      colour: colours.get(segment) ?? grey,
      drawing,
      visible: visible && !hidden.has(segment),
      pending: draft !== undefined,
      kind: kindOf(drawing),
      state: draft === undefined ? 'accepted' : draft.state === 'failed' ? 'failed' : 'sending',
      ...('slice' in prompt ? { slice: prompt.slice } : {}),
    };
  };
  const accepted = session?.prompts ?? nothing;
  const known = new Set(accepted.map(({ id }) => id));
  return [
    ...accepted.map((prompt) => view(prompt, drafts.get(prompt.id))),
    ...[...drafts.values()].filter(({ id }) => !known.has(id)).map((draft) => view(draft, draft)),
  ];
}

const kindOf = ({ kind }: Drawing): PromptView['kind'] => kind.replace(/^world-/, '') as PromptView['kind'];

function sessionView({ state }: SessionData, images: number | undefined): SessionView {
  const { id, phase, loading, problem, model, window, volume, unsaved } = state;
  return {
    id,
    phase,
    loading,
    model: { name: model.name, demonstration: model.demonstration, device: model.device },
    windowText: window.text,
    sliceCount: volume?.slices ?? images ?? 0,
    kind: volume?.kind ?? 'stack',
    unsaved,
    ...optional({ problem }),
  };
}
