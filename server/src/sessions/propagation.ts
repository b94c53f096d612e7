import { UserError } from '@medsam2/models';
import type { Propagate, RunState } from '@medsam2/protocol';
import { randomUUID } from 'node:crypto';
import { isAbort } from '../engine/feature-cache.js';
import type { SegmentEvent } from '../engine/types.js';
import { AcrossCollector } from './across.js';
import { isSameMask, sliceMask } from './masks.js';
import { absentMessage, busy, problemOf } from './problems.js';
import type { RunEnd } from './records.js';
import { planPropagation, type PropagationPlan } from './requests.js';
import type { LiveRun, LiveSession } from './session.js';
import { maskOf, type Change } from './state.js';
import type { TargetLease } from './volume-pool.js';
import { keyOfModel } from './workbench.js';

/** Results are on the disk after so many of them at the latest. */
const syncEvery = 32;

/**
 * Begins to follow segments through the volume; answers when it has begun.
 * @throws UserError `session-busy`, `segment-not-found`, `segment-locked`, `nothing-to-propagate`, `session-not-ready`
 */
export async function propagate(session: LiveSession, request: Propagate): Promise<RunState> {
  await session.workbench.ready();
  return session.requests.run(async () => {
    if (session.activeRun !== undefined) throw busy('Another propagation cannot begin');
    const plans = plansOf(session, request);
    const segments = plans.map(({ segment }) => segment);
    const total = plans.reduce((sum, plan) => sum + plan.total, 0);
    const id = randomUUID();
    await session.commit(() => ({ type: 'run', run: id, segments, request, total }));
    const run: LiveRun = {
      id,
      segments,
      abort: new AbortController(),
      done: 0,
      total,
      finished: Promise.resolve(),
    };
    session.activeRun = run;
    run.finished = session.around.gate.during(() => follow(session, run, plans));
    session.notify('state');
    const state = session.runState();
    if (state === undefined) throw new Error('a run that was begun is not there');
    return state;
  });
}

function plansOf(session: LiveSession, request: Propagate): PropagationPlan[] {
  const { content } = session.record;
  const wanted = request.segments?.map((id) => session.changeableSegment(id).id);
  const candidates = wanted ?? [...content.segments.values()].filter(({ locked }) => !locked).map(({ id }) => id);
  const plans = [...new Set(candidates)].flatMap((segment) => {
    const plan = planPropagation(content, segment, request, session.grid);
    return plan === undefined ? [] : [plan];
  });
  if (plans.length > 0) return plans;
  throw new UserError(
    'nothing-to-propagate',
    'No segment has a prompt, an edited slice, or a mask beside the range to start from.',
    'Draw a prompt on a slice first, or choose another range.',
  );
}

async function follow(session: LiveSession, run: LiveRun, plans: readonly PropagationPlan[]): Promise<void> {
  const notes: string[] = [];
  let state: RunEnd['state'] = 'done';
  try {
    for (const plan of plans) {
      const lease = await session.workbench.ownTarget(plan.plane);
      try {
        await followSegment(session, run, plan, lease, notes);
      } finally {
        lease.release();
      }
    }
  } catch (error) {
    if (run.abort.signal.aborted && isAbort(error)) {
      state = 'cancelled';
    } else {
      state = 'failed';
      const problem = problemOf(error);
      if (problem.code === 'internal-error') session.around.log('a propagation failed', error);
      notes.push(`${problem.detail} ${problem.remedy}`);
    }
  }
  const { id, segments, done, total } = run;
  // Before the record says that it is over: whoever sees its end can begin the next one.
  session.activeRun = undefined;
  await session.commitAnyway({
    type: 'run-end',
    run: id,
    state,
    segments,
    done,
    total: state === 'done' ? done : total,
    ...(notes.length === 0 ? {} : { message: notes.join(' ') }),
  });
}

async function followSegment(
  session: LiveSession,
  run: LiveRun,
  plan: PropagationPlan,
  { target, model }: TargetLease,
  notes: string[],
): Promise<void> {
  const { segment, plane } = plan;
  const made = keyOfModel(model);
  const stopped: Extract<SegmentEvent, { type: 'stopped' }>[] = [];
  const across = plane === undefined ? undefined : new AcrossCollector(session, segment, plane, made);
  const before = run.done;
  // The device works on the next slice while the journal takes this one.
  let writing: Promise<unknown> = Promise.resolve();
  const write = async (changes: readonly Change[]) => {
    await writing;
    if (changes.length === 0) return;
    writing = session.commit(() => ({ type: 'results', run: run.id, changes }), false);
    writing.catch(() => undefined);
  };
  const events = target.segment({
    objects: [{ label: segment, prompts: plan.prompts }],
    direction: plan.direction,
    range: plan.range,
    visit: plan.visit,
    stop: plan.stop,
    order: 'outward',
    options: session.workbench.options(session.record.settings),
    signal: run.abort.signal,
  });
  for await (const event of events) {
    // The device serves people first; this keeps the rest of a slice's work from coming between the parts of theirs.
    await session.around.people.whenFree(run.abort.signal);
    switch (event.type) {
      case 'slice': {
        run.done++;
        if (across !== undefined) {
          await write(across.add(event));
        } else {
          const current = maskOf(session.record.content, segment, event.slice);
          // A slice edited by hand conditions the others; it never changes.
          if (current?.origin === 'edited') break;
          const value = sliceMask(event.mask, event, event.origin, made);
          const known = event.origin === 'prompt' && current?.origin === 'prompt' && isSameMask(current, value);
          if (!known) await write([{ kind: 'mask', segment, slice: event.slice, value }]);
        }
        if (run.done % syncEvery === 0) session.syncJournalSoon();
        break;
      }
      case 'absent':
        session.notify({
          type: 'absent',
          segment,
          slice: event.slice,
          presence: event.presence,
          message: absentMessage(event.slice),
        });
        notes.push(absentMessage(event.slice));
        break;
      case 'stopped':
        stopped.push(event);
        break;
      case 'progress':
        break;
    }
  }
  if (across !== undefined) await write(across.finish());
  else await write(stopped.flatMap((event) => leftBehind(session, plan, event)));
  await writing;
  for (const { slice, direction, reason } of stopped) {
    const why = reason === 'absent' ? 'the object is not seen any more' : 'the predicted IoU is too low';
    notes.push(`Segment ${segment}, ${direction}: ended before slice ${slice}, because ${why}.`);
  }
  // Slices that did not come are not waited for.
  run.total -= plan.total - (run.done - before);
}

/** Older results of the model beyond the place where a direction ended now: nothing supports them any more. */
function leftBehind(
  session: LiveSession,
  { segment, visit }: PropagationPlan,
  { slice: end, direction }: Extract<SegmentEvent, { type: 'stopped' }>,
): Change[] {
  const changes: Change[] = [];
  for (const [slice, { origin }] of session.record.content.masks.get(segment) ?? []) {
    const beyond = direction === 'forward' ? slice >= end && slice <= visit.last : slice <= end && slice >= visit.first;
    if (beyond && (origin === 'propagated' || origin === 'blended')) changes.push({ kind: 'mask', segment, slice });
  }
  return changes;
}

/** Ends a run and waits until it has ended; what has arrived stays. */
export async function cancelRun(session: LiveSession): Promise<void> {
  const run = session.activeRun;
  if (run === undefined) return;
  run.abort.abort();
  await run.finished;
}
