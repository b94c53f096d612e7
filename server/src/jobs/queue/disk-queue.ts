import { describeError } from '@medsam2/models';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { lockFolder, type FolderLock } from '../../durable/folder-lock.js';
import type { Log } from '../../durable/log.js';
import {
  isUnfinished,
  makePrivateFolder,
  removeDurably,
  seal,
  systemCode,
  unseal,
  writePrivate,
} from '../../durable/private-files.js';
import {
  Again,
  crashed,
  mostStarts,
  problemOf,
  QueueClosing,
  queueFailed,
  TaskCancelled,
  type QueueOptions,
  type TaskEntry,
  type TaskQueue,
} from './types.js';

export interface DiskQueueOptions<Task, Outcome, Checkpoint> extends QueueOptions<Task, Outcome, Checkpoint> {
  /** of this process alone */
  readonly folder: string;
  readonly task: z.ZodType<Task>;
  readonly outcome: z.ZodType<Outcome>;
  readonly checkpoint: z.ZodType<Checkpoint>;
  readonly log?: Log;
  readonly now?: () => number;
}

interface Running {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

interface Live<Outcome, Checkpoint> {
  entry: TaskEntry<Outcome>;
  /** what the last run wrote down */
  checkpoint?: Checkpoint;
  /** how often it was begun */
  starts: number;
  /** not before this time, milliseconds since 1970 */
  notBefore: number;
  running?: Running;
}

const sweepMs = 3600_000;

/**
 * The queue of a server on its own: everything in a folder, one file for what a task is (written once) and one for how far
 * it is. Progress is told, not written; states and checkpoints are on the disk before they count.
 *
 * @throws UserError `folder-unusable`, `folder-busy`
 */
export async function openDiskQueue<Task, Outcome, Checkpoint>(
  options: DiskQueueOptions<Task, Outcome, Checkpoint>,
): Promise<TaskQueue<Task, Outcome>> {
  await makePrivateFolder(options.folder);
  const lock = await lockFolder(options.folder);
  try {
    const queue = new DiskQueue(options, lock);
    await queue.takeUp();
    return queue;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

class DiskQueue<Task, Outcome, Checkpoint> implements TaskQueue<Task, Outcome> {
  private readonly live = new Map<string, Live<Outcome, Checkpoint>>();
  private readonly stateSchema;
  private isClosing = false;
  private wake: NodeJS.Timeout | undefined;
  private readonly sweeper = setInterval(() => void this.sweep(), sweepMs).unref();

  constructor(
    private readonly options: DiskQueueOptions<Task, Outcome, Checkpoint>,
    private readonly lock: FolderLock,
  ) {
    this.stateSchema = z.strictObject({
      owner: z.string(),
      state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
      stage: z.string(),
      created: z.iso.datetime().transform((text) => new Date(text)),
      finished: z.iso
        .datetime()
        .transform((text) => new Date(text))
        .optional(),
      starts: z.int(),
      notBefore: z.number(),
      problem: z.strictObject({ code: z.string(), detail: z.string(), remedy: z.string() }).optional(),
      outcome: options.outcome.optional(),
      checkpoint: options.checkpoint.optional(),
    });
  }

  /** What was queued waits on; what ran is queued again, unless it has ended its process too often. */
  async takeUp(): Promise<void> {
    for (const name of await readdir(this.options.folder)) {
      if (isUnfinished(name)) await rm(join(this.options.folder, name), { force: true });
      const id = /^(.+)\.state\.json$/.exec(name)?.[1];
      if (id === undefined) continue;
      const live = await this.read(id);
      if (live === undefined) {
        // Kept for the operator; it cannot be shown to anybody, because its owner is not known.
        this.log('error', 'the record of a job is damaged and is left aside', { job: id });
        continue;
      }
      this.live.set(id, live);
      if (live.entry.state !== 'running') continue;
      if (live.starts < mostStarts) await this.change(live, { state: 'queued', progress: 0, stage: 'waiting' });
      else await this.end(live, { state: 'failed', problem: crashed });
    }
    await this.sweep();
    this.pump();
  }

  async add({ id, owner, task }: { id: string; owner: string; task: Task }): Promise<void> {
    if (this.live.has(id)) return;
    if (this.isClosing) throw queueFailed('the server is stopping', undefined);
    const created = new Date(this.now());
    const entry = { id, owner, state: 'queued', progress: 0, stage: 'waiting', created } as const;
    const live: Live<Outcome, Checkpoint> = { entry, starts: 0, notBefore: 0 };
    try {
      await writePrivate(this.path(id, 'task'), seal(task));
      await this.write(live);
    } catch (error) {
      await rm(this.path(id, 'task'), { force: true }).catch(() => undefined);
      throw queueFailed(systemCode(error) ?? 'its disk fails', error);
    }
    this.live.set(id, live);
    this.pump();
  }

  get(id: string): Promise<TaskEntry<Outcome> | undefined> {
    return Promise.resolve(this.live.get(id)?.entry);
  }

  list(owner?: string): Promise<TaskEntry<Outcome>[]> {
    const entries = [...this.live.values()].map(({ entry }) => entry);
    const own = entries.filter((entry) => owner === undefined || entry.owner === owner);
    return Promise.resolve(own.sort((a, b) => b.created.getTime() - a.created.getTime()).slice(0, 1000));
  }

  open(owner: string): Promise<number> {
    const own = [...this.live.values()].filter(({ entry }) => entry.owner === owner && entry.finished === undefined);
    return Promise.resolve(own.length);
  }

  async cancel(id: string): Promise<void> {
    const live = this.live.get(id);
    if (live === undefined) return;
    if (live.running !== undefined) {
      live.running.stop.abort(new TaskCancelled());
      await live.running.ended;
    } else if (live.entry.state === 'queued') {
      await this.end(live, { state: 'cancelled' });
    }
  }

  load(): Promise<{ waiting: number; running: number }> {
    const states = [...this.live.values()].map(({ entry }) => entry.state);
    const count = (wanted: string): number => states.filter((state) => state === wanted).length;
    return Promise.resolve({ waiting: count('queued'), running: count('running') });
  }

  async close(graceMs: number): Promise<void> {
    if (this.isClosing) return;
    this.isClosing = true;
    clearInterval(this.sweeper);
    clearTimeout(this.wake);
    const running = [...this.live.values()].flatMap((live) => live.running ?? []);
    const timer = setTimeout(() => running.forEach(({ stop }) => stop.abort(new QueueClosing())), graceMs);
    await Promise.all(running.map(({ ended }) => ended));
    clearTimeout(timer);
    await this.lock.release();
  }

  /** Begins what may begin, in the order in which it came. */
  private pump(): void {
    clearTimeout(this.wake);
    if (this.isClosing) return;
    const all = [...this.live.values()];
    let free = this.options.concurrency - all.filter(({ running }) => running !== undefined).length;
    const queued = all.filter(({ entry, running }) => entry.state === 'queued' && running === undefined);
    queued.sort((a, b) => a.entry.created.getTime() - b.entry.created.getTime());
    let next = Infinity;
    for (const live of queued) {
      if (live.notBefore > this.now()) next = Math.min(next, live.notBefore - this.now());
      else if (free-- > 0) this.begin(live);
    }
    if (next < Infinity) this.wake = setTimeout(() => this.pump(), Math.min(next, 2 ** 31 - 1)).unref();
  }

  private begin(live: Live<Outcome, Checkpoint>): void {
    const stop = new AbortController();
    const ended = this.run(live, stop.signal)
      .catch((error: unknown) => {
        // The disk does not take the outcome: after a restart the task is run again.
        this.log('error', 'the outcome of a job cannot be written down', {
          job: live.entry.id,
          reason: describeError(error),
        });
        live.entry = { ...live.entry, state: 'failed', finished: new Date(this.now()), problem: problemOf(error) };
      })
      .finally(() => {
        live.running = undefined;
        this.pump();
      });
    live.running = { stop, ended };
  }

  private async run(live: Live<Outcome, Checkpoint>, signal: AbortSignal): Promise<void> {
    live.starts++;
    await this.change(live, { state: 'running', stage: 'starting' });
    const { id, owner, created } = live.entry;
    try {
      const task = this.options.task.parse(await this.readSealed(id, 'task'));
      signal.throwIfAborted();
      const outcome = await this.options.handle(task, {
        id,
        owner,
        created,
        signal,
        checkpoint: live.checkpoint,
        report: (progress, stage) => (live.entry = { ...live.entry, progress, stage }),
        keep: async (kept) => {
          await this.write({ ...live, checkpoint: kept });
          live.checkpoint = kept;
        },
      });
      await this.end(live, { state: 'done', outcome });
    } catch (error) {
      if (signal.aborted && signal.reason instanceof TaskCancelled) await this.end(live, { state: 'cancelled' });
      else if (signal.aborted && signal.reason instanceof QueueClosing) await this.putBack(live, 0);
      else if (error instanceof Again) await this.putBack(live, error.delayMs);
      else {
        this.log('warn', 'a job failed', { job: id, reason: describeError(error) });
        await this.end(live, { state: 'failed', problem: problemOf(error) });
      }
    }
  }

  /** Ended in order, so that it does not count as a crash. */
  private async putBack(live: Live<Outcome, Checkpoint>, delayMs: number): Promise<void> {
    live.starts = 0;
    live.notBefore = delayMs === 0 ? 0 : this.now() + delayMs;
    await this.change(live, { state: 'queued', progress: 0, stage: 'waiting' });
  }

  private async end(
    live: Live<Outcome, Checkpoint>,
    how: Pick<TaskEntry<Outcome>, 'state' | 'outcome' | 'problem'>,
  ): Promise<void> {
    const progress = how.state === 'done' ? 1 : live.entry.progress;
    const finished = new Date(this.now());
    await this.beforeEnd(live);
    // Task and checkpoint are not needed any more, and they may be large.
    live.checkpoint = undefined;
    await this.change(live, { ...how, progress, stage: how.state, finished });
    await removeDurably(this.path(live.entry.id, 'task'));
    await this.sweep();
  }

  private async beforeEnd({ entry: { id, owner } }: Live<Outcome, Checkpoint>): Promise<void> {
    if (this.options.beforeEnd === undefined) return;
    try {
      await this.options.beforeEnd({ id, owner, task: this.options.task.parse(await this.readSealed(id, 'task')) });
    } catch (error) {
      this.log('error', 'what follows on a job could not be queued', { job: id, reason: describeError(error) });
    }
  }

  private async change(live: Live<Outcome, Checkpoint>, change: Partial<TaskEntry<Outcome>>): Promise<void> {
    const next = { ...live, entry: { ...live.entry, ...change } };
    await this.write(next);
    live.entry = { ...live.entry, ...change };
  }

  private async write({ entry, starts, notBefore, checkpoint }: Live<Outcome, Checkpoint>): Promise<void> {
    const { owner, state, stage, created, finished, problem, outcome } = entry;
    const record = { owner, state, stage, created, finished, starts, notBefore, problem, outcome, checkpoint };
    await writePrivate(this.path(entry.id, 'state'), seal(record));
  }

  private async read(id: string): Promise<Live<Outcome, Checkpoint> | undefined> {
    const result = this.stateSchema.safeParse(await this.readSealed(id, 'state'));
    if (!result.success) return undefined;
    const { starts, notBefore, checkpoint, ...rest } = result.data;
    const entry = { ...rest, id, progress: rest.state === 'done' ? 1 : 0 } as TaskEntry<Outcome>;
    return { entry, starts, notBefore, ...(checkpoint === undefined ? {} : { checkpoint: checkpoint as Checkpoint }) };
  }

  private async readSealed(id: string, what: 'task' | 'state'): Promise<unknown> {
    try {
      return unseal(await readFile(this.path(id, what), 'utf8'));
    } catch (error) {
      this.log('error', 'a file of a job cannot be read', { job: id, reason: describeError(error) });
      return undefined;
    }
  }

  private async sweep(): Promise<void> {
    const ended = [...this.live.values()].filter(({ entry }) => entry.finished !== undefined);
    ended.sort((a, b) => (b.entry.finished?.getTime() ?? 0) - (a.entry.finished?.getTime() ?? 0));
    for (const [at, { entry }] of ended.entries()) {
      const age = this.now() - (entry.finished?.getTime() ?? 0);
      if (at < this.options.keepCount && age <= this.options.keepMs) continue;
      this.live.delete(entry.id);
      await removeDurably(this.path(entry.id, 'state')).catch(() => undefined);
    }
  }

  private path(id: string, what: 'task' | 'state'): string {
    return join(this.options.folder, `${id}.${what}.json`);
  }

  private readonly now = (): number => (this.options.now ?? Date.now)();
  private readonly log: Log = (...line) => this.options.log?.(...line);
}
