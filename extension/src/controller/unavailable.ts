import type { GuardedAction, SliceScore, Text, WorkState } from '../contract/index.js';
import { chosenVolume, standingFindings, type SharedData, type WorkData } from './data.js';
import { isActive, isRunningOn } from './running.js';

type Why = Text | undefined;
type Reasons = Partial<Record<GuardedAction, Text>>;

/** Why each action cannot be done now; what can be done is left out. */
export function unavailable(
  shared: SharedData,
  work: WorkData | undefined,
  scores: readonly SliceScore[],
): WorkState['unavailable'] {
  const base = noServer(shared) ?? noSeries(shared, work);
  if (work === undefined) return every(base ?? { key: 'why.series-loading' });
  const { session } = work;
  // What is drawn while the server is away is sent later, where there is something to draw on.
  const draw = session === undefined ? base : (mayNot(shared) ?? lockedReason(work));
  const noSession: Why = session === undefined ? { key: 'why.no-session' } : undefined;
  const failed: Why =
    session?.state.phase === 'failed' ? { problem: session.state.problem ?? unknownProblem } : undefined;
  const running: Why = isActive(work.run) ? { key: 'why.running' } : undefined;
  const active = work.activeSegment === undefined ? ({ key: 'why.no-segment' } as const) : undefined;
  const toPropagate = hasStart(work) ? undefined : ({ key: 'why.no-prompt' } as const);
  const propagate = base ?? failed ?? running ?? noStart(work, active ?? lockedReason(work) ?? toPropagate);
  const change = base ?? noSession ?? failed;
  const reasons: Record<GuardedAction, Why> = {
    draw: draw ?? failed,
    edit: draw ?? failed ?? (isRunningOn(work, work.activeSegment) ? running : undefined),
    addSegment: base ?? failed,
    removeSegment: change ?? active ?? runningOn(work) ?? lockedReason(work),
    propagate,
    propagateStretch: propagate ?? (work.range === undefined ? { key: 'why.no-range' } : undefined),
    stop: running === undefined ? { key: 'why.not-running' } : noServer(shared),
    undo: change ?? running ?? (session?.state.canUndo === true || work.busy > 0 ? undefined : { key: 'why.no-undo' }),
    redo: change ?? running ?? (session?.state.canRedo === true ? undefined : { key: 'why.no-redo' }),
    reset: change ?? running ?? (isEmpty(work) ? { key: 'why.empty' } : undefined),
    save: change ?? saveReason(shared, work),
    nextDoubtful: scores.some(({ doubtful }) => doubtful) ? undefined : { key: 'why.none-doubtful' },
    chooseModel: base ?? running,
  };
  return Object.fromEntries(Object.entries(reasons).filter(([, why]) => why !== undefined));
}

const unknownProblem = { code: 'unexpected', detail: '', remedy: '' };

const every = (why: Text): Reasons => ({
  draw: why,
  edit: why,
  addSegment: why,
  removeSegment: why,
  propagate: why,
  propagateStretch: why,
  stop: why,
  undo: why,
  redo: why,
  reset: why,
  save: why,
  nextDoubtful: why,
  chooseModel: why,
});

function noServer(shared: SharedData): Why {
  switch (shared.server.phase) {
    case 'connecting':
      return { key: 'why.connecting' };
    case 'offline':
      return { key: 'why.offline' };
    case 'login-needed':
      return { key: 'why.login' };
    case 'online':
      return mayNot(shared);
  }
}

const mayNot = ({ server }: SharedData): Why =>
  server.phase === 'online' && !server.canSegment ? { key: 'why.reader' } : undefined;

function noSeries({ noTarget }: SharedData, work: WorkData | undefined): Why {
  if (work === undefined) return noTarget ?? { key: 'why.series-loading' };
  if (work.session !== undefined) return undefined;
  if (!work.volumesKnown) return { key: 'why.series-loading' };
  const volume = chosenVolume(work);
  if (volume === undefined) return { key: work.volumes.length === 0 ? 'why.no-volume' : 'why.choose-volume' };
  return standingFindings(volume, work.overruled).length > 0 ? { key: 'why.rejected' } : undefined;
}

function lockedReason({ session, activeSegment }: WorkData): Why {
  const segment = session?.segments.find(({ id }) => id === activeSegment);
  return segment?.locked === true ? { key: 'why.locked', values: { segment: segment.label } } : undefined;
}

const runningOn = (work: WorkData): Why => (isRunningOn(work, work.activeSegment) ? { key: 'why.running' } : undefined);

/** The active segment, where propagation can begin: a prompt, an edited slice, or a mask beside the range. */
function hasStart({ session, activeSegment, scores, drafts }: WorkData): boolean {
  const isOfActive = ({ segment }: { readonly segment?: number }) => segment === activeSegment;
  if (session?.prompts.some(isOfActive) === true) return true;
  if ([...drafts.values()].some((draft) => draft.state === 'sending' && isOfActive(draft))) return true;
  return [...(scores.get(activeSegment ?? 0)?.values() ?? [])].some(({ pixels }) => pixels > 0);
}

/** A first drawing makes its segment itself: until then there is a prompt and no segment. */
const noStart = (work: WorkData, why: Why): Why =>
  work.activeSegment === undefined && [...work.drafts.values()].some(({ state }) => state === 'sending')
    ? undefined
    : why;

const isEmpty = ({ session, scores, drafts }: WorkData): boolean =>
  (session?.prompts.length ?? 0) === 0 && drafts.size === 0 && [...scores.values()].every(({ size }) => size === 0);

function saveReason({ service }: SharedData, work: WorkData): Why {
  if (work.saving) return { key: 'why.saving' };
  if (isActive(work.run)) return { key: 'why.running' };
  const pacs = work.session?.state.source.pacs;
  const known = service?.pacs.find(({ name }) => name === pacs) ?? service?.pacs[0];
  if (known?.writable === false) return { key: 'why.read-only', values: { pacs: known.name } };
  const some = [...work.scores.values()].some((slices) => [...slices.values()].some(({ pixels }) => pixels > 0));
  return some ? undefined : { key: 'why.nothing-to-save' };
}
