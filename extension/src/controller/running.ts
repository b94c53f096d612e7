import type { RunState, SliceScoreState } from '@medsam2/protocol';
import { optional } from '../client/api.js';
import type { RunView, Text } from '../contract/index.js';
import type { WorkData } from './data.js';
import type { SeriesWork } from './series-work.js';

export const isActive = (run: Pick<RunView, 'state'> | undefined): boolean =>
  run?.state === 'queued' || run?.state === 'running';

/** Whether a run works on a segment: then the segment cannot be changed. */
export function isRunningOn({ run, session }: Pick<WorkData, 'run' | 'session'>, segment: number | undefined): boolean {
  if (!isActive(run)) return false;
  const segments = session?.state.run?.segments;
  return segments === undefined || segment === undefined || segments.includes(segment);
}

/** How many of the last moments the rate is measured over, in milliseconds. */
const rateMs = 4000;

interface Followed {
  readonly id: string;
  /** slices with a result, by segment */
  readonly found: Map<number, Set<number>>;
  readonly absent: number[];
  /** [time, slices done] */
  samples: (readonly [number, number])[];
}

/** Propagations: begun, followed with their rate, stopped, and told about when they end. */
export class Running {
  private followed: Followed | undefined;
  private readonly over = new Set<string>();
  /** what the last run was asked for, to ask for the same again when it broke off */
  private asked: 'active' | 'all' = 'active';

  constructor(
    private readonly work: SeriesWork,
    private readonly onEnd: () => void,
  ) {
    work.listen({
      attached: ({ run }) => {
        if (run === undefined) return;
        if (!isActive(run)) this.over.add(run.id);
        this.told(run);
      },
      // Its end is told after its slices, by an event of its own.
      stateChanged: ({ run }) => run !== undefined && isActive(run) && this.told(run),
      detached: () => (this.followed = undefined),
    });
  }

  async propagate(which: 'active' | 'all' = 'active'): Promise<void> {
    const { work } = this;
    const { api, notices, shared } = work.env;
    this.asked = which;
    await work.queue.run(async () => {
      const { session, activeSegment, range, index } = work.data.get();
      if (session === undefined) return;
      const { id, run: before } = session.state;
      const segments = which === 'active' && activeSegment !== undefined ? [activeSegment] : undefined;
      const whole = range !== undefined && range.first <= 0 && range.last >= (index?.count ?? 0) - 1;
      const body = optional({ segments, direction: shared.get().direction, range: whole ? undefined : range });
      try {
        await work.syncWindow();
        const run = await work.persist(async (attempt) => {
          const now = attempt === 1 ? undefined : (await api.session(id)).run;
          return now !== undefined && now.id !== before?.id ? now : api.propagate(id, body);
        });
        notices.dismiss('run');
        this.told(run);
      } catch (error) {
        notices.failure('run', error, () => this.propagate(which));
      }
    });
  }

  /** Not in the queue: what waits there may wait for the end of the run. */
  async stop(): Promise<void> {
    const { work } = this;
    const id = work.sessionId;
    if (id === undefined) return;
    try {
      work.adopt(await work.persist(() => work.env.api.cancel(id)));
    } catch (error) {
      work.env.notices.failure('run', error, () => this.stop());
    }
  }

  onSlice({ segment, slice, pixels }: SliceScoreState): void {
    const { run, session } = this.work.data.get();
    if (this.followed === undefined || !isActive(run) || pixels === 0) return;
    if (session?.state.run?.segments.includes(segment) === false) return;
    const { found } = this.followed;
    found.set(segment, (found.get(segment) ?? new Set()).add(slice));
  }

  onAbsent(slice: number): void {
    if (isActive(this.work.data.get().run)) this.followed?.absent.push(slice);
  }

  /** How a run goes, by whatever way it was told. */
  told(run: RunState): void {
    if (this.over.has(run.id)) return;
    const { data, env } = this.work;
    const { session } = data.get();
    if (session !== undefined && session.state.run?.id !== run.id) {
      data.set({ session: { ...session, state: { ...session.state, run } } });
    }
    const followed = this.follow(run);
    const known = data.get().run;
    // Two ways tell it, and one may be behind the other.
    const done = known !== undefined && followed.samples.length > 1 ? Math.max(known.done, run.done) : run.done;
    followed.samples.push([env.clock.now(), done]);
    const view = { state: run.state, done, total: run.total, ...optional({ rate: rateOf(followed, env.clock.now()) }) };
    if (isActive(run)) {
      data.set({ run: view });
      return;
    }
    this.over.add(run.id);
    this.followed = undefined;
    data.set({ run: { ...view, done: run.done, ...(run.state === 'done' ? {} : optional({ message: run.message })) } });
    this.tellEnd(run, followed);
    this.onEnd();
  }

  private follow({ id }: RunState): Followed {
    if (this.followed?.id !== id) this.followed = { id, found: new Map(), absent: [], samples: [] };
    return this.followed;
  }

  private tellEnd({ state, message }: RunState, { found, absent }: Followed): void {
    const { notices, viewer } = this.work.env;
    const slices = [...new Set([...found.values()].flatMap((each) => [...each]))].sort((a, b) => a - b);
    const values = { count: slices.length, first: (slices[0] ?? 0) + 1, last: (slices.at(-1) ?? 0) + 1 };
    if (state === 'failed') {
      const text: Text = { problem: { code: 'run-failed', detail: message ?? '', remedy: '' } };
      notices.add({ about: 'run', severity: 'error', text, retry: () => this.propagate(this.asked) });
      viewer.announce(text, 'error');
    } else if (state === 'cancelled') {
      const key = message === undefined ? 'notice.run-stopped' : 'notice.run-broken';
      const severity = message === undefined ? 'info' : 'warning';
      const retry = message === undefined ? {} : { retry: () => this.propagate(this.asked) };
      notices.add({ about: 'run', severity, text: { key, values }, ...retry });
    } else if (slices.length === 0) {
      const text = { key: 'notice.run-nothing' } as const;
      notices.add({ about: 'run', severity: 'warning', text, hint: { key: 'hint.absent' } });
      viewer.announce(text, 'warning');
    } else {
      const hint = absent.length === 0 ? {} : { hint: { key: 'hint.gap', values: { slice: absent[0] + 1 } } as const };
      notices.add({ about: 'run', severity: 'success', text: { key: 'notice.run-done', values }, ...hint });
    }
  }
}

/** Slices per second over the last moments; undefined before there is anything to measure. */
function rateOf(followed: Followed, now: number): number | undefined {
  const recent = followed.samples.filter(([time]) => time >= now - rateMs);
  followed.samples = recent;
  const [[from, first], [to, last]] = [recent[0], recent[recent.length - 1]];
  return to > from && last > first ? (1000 * (last - first)) / (to - from) : undefined;
}
