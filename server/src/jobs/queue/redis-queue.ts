import { describeError } from '@medsam2/models';
import { DelayedError, Queue, WaitingError, Worker, type Job } from 'bullmq';
import { Redis } from 'ioredis';
import { createHash } from 'node:crypto';
import type { Log } from '../../durable/log.js';
import { systemCode } from '../../durable/private-files.js';
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
  type TaskProblem,
  type TaskQueue,
} from './types.js';

export interface RedisQueueOptions<Task, Outcome, Checkpoint> extends QueueOptions<Task, Outcome, Checkpoint> {
  /** redis:// or, with TLS, rediss://; may hold user and password */
  readonly url: string;
  /** in front of every key, so that a Redis can be shared */
  readonly prefix: string;
  readonly name: string;
  readonly log?: Log;
  /** a task whose server is silent this long is taken up by another; default 30 seconds */
  readonly lostMs?: number;
  /** how soon a task learns that it was cancelled at another server; default 1 second */
  readonly pollMs?: number;
}

interface Data<Task> {
  readonly owner: string;
  readonly task: Task;
}

/** How a task ended, as the value BullMQ keeps. Also failures: its own kind knows a text only. */
type Ended<Outcome> =
  | { readonly state: 'done'; readonly outcome: Outcome }
  | { readonly state: 'failed'; readonly problem: TaskProblem }
  | { readonly state: 'cancelled' };

interface Told {
  readonly progress: number;
  readonly stage: string;
}

/** To hand tasks back that did not end in the grace period. */
const handBackMs = 5000;
/** Entries that are asked for together. */
const atOnce = 50;
/** Progress is written at most this often. */
const tellMs = 500;

/**
 * The queue of several servers: BullMQ on Redis. Whoever is free takes the next task; one whose server is gone is taken up
 * by another.
 *
 * @throws UserError `queue-failed` when Redis cannot be reached
 */
export async function openRedisQueue<Task, Outcome, Checkpoint>(
  options: RedisQueueOptions<Task, Outcome, Checkpoint>,
): Promise<TaskQueue<Task, Outcome>> {
  const queue = new RedisQueue(options);
  try {
    await queue.begin();
    return queue;
  } catch (error) {
    await queue.close(0).catch(() => undefined);
    throw failed(error);
  }
}

class RedisQueue<Task, Outcome, Checkpoint> implements TaskQueue<Task, Outcome> {
  private readonly commands: Redis;
  private readonly blocking: Redis;
  private readonly queue: Queue<Data<Task>, Ended<Outcome>>;
  private readonly worker: Worker<Data<Task>, Ended<Outcome>>;
  private readonly running = new Map<string, AbortController>();
  private isClosing = false;
  private lastTrouble = '';

  constructor(private readonly options: RedisQueueOptions<Task, Outcome, Checkpoint>) {
    const { url, prefix, name, concurrency, keepMs, keepCount, lostMs = 30_000 } = options;
    const retryStrategy = (times: number): number => Math.min(5000, 100 * 2 ** Math.min(times, 10));
    // A request must not hang while Redis is away; the worker waits for it as long as it takes.
    this.commands = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy, lazyConnect: true });
    this.blocking = new Redis(url, { maxRetriesPerRequest: null, retryStrategy, lazyConnect: true });
    const keep = { age: Math.ceil(keepMs / 1000), count: keepCount };
    this.queue = new Queue(name, {
      connection: this.commands,
      prefix,
      defaultJobOptions: { attempts: 1, removeOnComplete: keep, removeOnFail: keep },
    });
    this.worker = new Worker<Data<Task>, Ended<Outcome>>(name, (job, token) => this.process(job, token ?? ''), {
      connection: this.blocking,
      prefix,
      concurrency,
      autorun: false,
      lockDuration: lostMs,
      stalledInterval: lostMs,
      maxStalledCount: mostStarts - 1,
      removeOnComplete: keep,
      removeOnFail: keep,
    });
    const trouble = (error: Error): void => this.trouble(error);
    this.commands.on('error', trouble);
    this.blocking.on('error', trouble);
    this.queue.on('error', trouble);
    this.worker.on('error', trouble);
    // Taken up too often: then no handler ends it.
    this.worker.on('failed', (job) => void (job && this.beforeEnd(job)));
  }

  async begin(): Promise<void> {
    await this.commands.ping();
    await this.queue.waitUntilReady();
    await this.worker.waitUntilReady();
    this.worker.run().catch((error: unknown) => this.trouble(error));
  }

  async add({ id, owner, task }: { id: string; owner: string; task: Task }): Promise<void> {
    if (this.isClosing) throw queueFailed('the server is stopping', undefined);
    await this.reach(async () => {
      const created = Date.now();
      // The index first: a name without a task is skipped, a task without a name would not be found.
      const { all, own, open } = this.indexes(owner);
      await this.commands.multi().zadd(all, created, id).zadd(own, created, id).sadd(open, id).exec();
      await this.queue.add(this.options.name, { owner, task }, { jobId: id, timestamp: created });
    });
  }

  get(id: string): Promise<TaskEntry<Outcome> | undefined> {
    return this.reach(async () => {
      return this.entry(id);
    });
  }

  list(owner?: string): Promise<TaskEntry<Outcome>[]> {
    return this.reach(async () => {
      const { all, own } = this.indexes(owner ?? '');
      const index = owner === undefined ? all : own;
      const ids = await this.commands.zrevrange(index, 0, 999);
      const entries: TaskEntry<Outcome>[] = [];
      for (let at = 0; at < ids.length; at += atOnce) {
        const some = ids.slice(at, at + atOnce);
        const found = await Promise.all(some.map((id) => this.entry(id)));
        const gone = some.filter((_, position) => found[position] === undefined);
        if (gone.length > 0) await this.commands.zrem(index, ...gone);
        entries.push(...found.filter((entry) => entry !== undefined));
      }
      return entries;
    });
  }

  open(owner: string): Promise<number> {
    return this.reach(async () => {
      const { open } = this.indexes(owner);
      const ids = await this.commands.smembers(open);
      const entries = await Promise.all(ids.map((id) => this.entry(id)));
      // Taken off here and not when they end: whoever ends them may go away before.
      const ended = ids.filter((_, at) => entries[at]?.finished !== undefined || entries[at] === undefined);
      if (ended.length > 0) await this.commands.srem(open, ...ended);
      return ids.length - ended.length;
    });
  }

  async cancel(id: string): Promise<void> {
    await this.reach(async () => {
      const job = await this.queue.getJob(id);
      if (job === undefined || job.finishedOn !== undefined) return;
      await this.commands.set(this.key('cancel', id), new Date().toISOString(), 'EX', this.keepSeconds);
      this.running.get(id)?.abort(new TaskCancelled());
    });
  }

  load(): Promise<{ waiting: number; running: number }> {
    return this.reach(async () => {
      const counts = await this.queue.getJobCounts('wait', 'delayed', 'prioritized', 'active');
      return {
        waiting: (counts.wait ?? 0) + (counts.waiting ?? 0) + (counts.delayed ?? 0) + (counts.prioritized ?? 0),
        running: counts.active ?? 0,
      };
    });
  }

  async close(graceMs: number): Promise<void> {
    if (this.isClosing) return;
    this.isClosing = true;
    const timer = setTimeout(() => this.running.forEach((stop) => stop.abort(new QueueClosing())), graceMs);
    // Where Redis is away, nothing can be handed back: the tasks are found lost and taken up by others.
    let giveUp: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (giveUp = setTimeout(resolve, graceMs + handBackMs)));
    const orderly = this.worker.close().then(() => this.queue.close());
    orderly.catch(() => undefined);
    try {
      await Promise.race([orderly, patience]);
    } finally {
      clearTimeout(timer);
      clearTimeout(giveUp);
      this.commands.disconnect();
      this.blocking.disconnect();
    }
  }

  private async process(job: Job<Data<Task>, Ended<Outcome>>, token: string): Promise<Ended<Outcome>> {
    const ended = await this.toItsEnd(job, token);
    await this.beforeEnd(job);
    return ended;
  }

  private async beforeEnd({ id = '', data }: Job<Data<Task>, Ended<Outcome>>): Promise<void> {
    try {
      await this.options.beforeEnd?.({ id, owner: data.owner, task: data.task });
    } catch (error) {
      this.log('error', 'what follows on a job could not be queued', { job: id, reason: describeError(error) });
    }
  }

  private async toItsEnd(job: Job<Data<Task>, Ended<Outcome>>, token: string): Promise<Ended<Outcome>> {
    const id = job.id ?? '';
    const stop = new AbortController();
    this.running.set(id, stop);
    const look = (): void => {
      void this.commands.exists(this.key('cancel', id)).then(
        (there) => there > 0 && stop.abort(new TaskCancelled()),
        () => undefined, // Redis is away; the next look may find it.
      );
    };
    const poll = setInterval(look, this.options.pollMs ?? 1000);
    try {
      if ((await this.commands.exists(this.key('cancel', id))) > 0) return { state: 'cancelled' };
      const outcome = await this.handle(job, stop.signal);
      return { state: 'done', outcome };
    } catch (error) {
      const reason: unknown = stop.signal.aborted ? stop.signal.reason : undefined;
      if (reason instanceof TaskCancelled) return { state: 'cancelled' };
      if (reason instanceof QueueClosing) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      if (error instanceof Again) {
        await job.moveToDelayed(Date.now() + error.delayMs, token);
        throw new DelayedError();
      }
      this.log('warn', 'a job failed', { job: id, reason: describeError(error) });
      return { state: 'failed', problem: problemOf(error) };
    } finally {
      clearInterval(poll);
      this.running.delete(id);
    }
  }

  private async handle(job: Job<Data<Task>, Ended<Outcome>>, signal: AbortSignal): Promise<Outcome> {
    const id = job.id ?? '';
    const checkpoint = await this.checkpoint(id);
    let told: Told = { progress: 0, stage: 'starting' };
    let timer: NodeJS.Timeout | undefined;
    const write = (): void => {
      timer = undefined;
      job.updateProgress({ ...told }).catch((error: unknown) => this.trouble(error));
    };
    try {
      const outcome = await this.options.handle(job.data.task, {
        id,
        owner: job.data.owner,
        created: new Date(job.timestamp),
        signal,
        checkpoint,
        report: (progress, stage) => {
          told = { progress, stage };
          timer ??= setTimeout(write, tellMs);
        },
        keep: async (kept) => {
          // Beside the job: progress is copied into the stream of events each time, and this may be large.
          await this.blocking.set(this.key('checkpoint', id), JSON.stringify(kept), 'EX', this.keepSeconds);
        },
      });
      await this.blocking.del(this.key('checkpoint', id));
      return outcome;
    } finally {
      clearTimeout(timer);
    }
  }

  private async entry(id: string): Promise<TaskEntry<Outcome> | undefined> {
    // The state first: the task, read after it, then holds at least what that state promises.
    const state = await this.queue.getJobState(id);
    const job = await this.queue.getJob(id);
    if (job === undefined) return undefined;
    const told = toldBy(job.progress);
    const base = {
      id,
      owner: job.data.owner,
      created: new Date(job.timestamp),
      progress: told.progress,
      stage: told.stage,
    };
    if (job.finishedOn !== undefined) {
      // BullMQ itself fails a job only when its servers went away under it too often.
      const ended: Ended<Outcome> = job.returnvalue ?? { state: 'failed', problem: crashed };
      const progress = ended.state === 'done' ? 1 : told.progress;
      return { ...base, ...ended, progress, stage: ended.state, finished: new Date(job.finishedOn) };
    }
    if (state === 'active') return { ...base, state: 'running' };
    const cancelled = await this.commands.get(this.key('cancel', id));
    if (cancelled !== null) return { ...base, state: 'cancelled', stage: 'cancelled', finished: new Date(cancelled) };
    return { ...base, state: 'queued', stage: 'waiting', progress: 0 };
  }

  private indexes(owner: string): { all: string; own: string; open: string } {
    const { prefix, name } = this.options;
    const hash = createHash('sha256').update(owner).digest('hex').slice(0, 32);
    return {
      all: `${prefix}:${name}:index:all`,
      own: `${prefix}:${name}:index:${hash}`,
      open: `${prefix}:${name}:open:${hash}`,
    };
  }

  private key(what: 'cancel' | 'checkpoint', id: string): string {
    return `${this.options.prefix}:${this.options.name}:${what}:${id}`;
  }

  private get keepSeconds(): number {
    return Math.max(60, Math.ceil(this.options.keepMs / 1000));
  }

  private async checkpoint(id: string): Promise<Checkpoint | undefined> {
    const text = await this.blocking.get(this.key('checkpoint', id));
    return text === null ? undefined : (JSON.parse(text) as Checkpoint);
  }

  private async reach<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw failed(error);
    }
  }

  /** Once for each kind of trouble in a row; the address, which may hold a password, is not part of it. */
  private trouble(error: unknown): void {
    const why = whyOf(error);
    if (why === this.lastTrouble || this.isClosing) return;
    this.lastTrouble = why;
    this.log('error', 'Redis cannot be used', { reason: why });
    this.commands.once('ready', () => (this.lastTrouble = ''));
  }

  private readonly log: Log = (...line) => this.options.log?.(...line);
}

function toldBy(progress: unknown): Told {
  const none: Told = { progress: 0, stage: 'waiting' };
  return typeof progress === 'object' && progress !== null ? { ...none, ...progress } : none;
}

/** `ECONNREFUSED`, `NOAUTH`, …: never the text, which may quote an address or a command. */
function whyOf(error: unknown): string {
  const code = systemCode(error);
  if (code !== undefined || !(error instanceof Error)) return code ?? 'unknown reason';
  return /^([A-Z]{4,})\b/.exec(error.message)?.[1] ?? error.name;
}

const failed = (error: unknown): Error => queueFailed(`Redis: ${whyOf(error)}`, error);
