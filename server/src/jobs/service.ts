import { UserError } from '@medsam2/models';
import { jobBodySchema, saveSchema, segmentStatisticsSchema, type JobBody, type JobState } from '@medsam2/protocol';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import type { Log } from '../durable/log.js';
import type { Principal } from '../identity.js';
import type { SaveService } from '../saving/types.js';
import { checkpointSchema } from './checkpoint.js';
import { openDiskQueue } from './queue/disk-queue.js';
import { openRedisQueue } from './queue/redis-queue.js';
import {
  queueFailed,
  type QueueOptions,
  type TaskContext,
  type TaskEntry,
  type TaskProblem,
  type TaskQueue,
} from './queue/types.js';
import { runJob, type JobParts, type JobRun } from './run-job.js';
import type { JobService } from './types.js';
import { allowedWebhook } from './webhooks/allow-list.js';
import {
  deliverWebhook,
  deliveryCheckpointSchema,
  deliveryOutcomeSchema,
  deliverySchema,
  type DeliveryCheckpoint,
  type DeliveryOutcome,
  type DeliveryTask,
  type WebhookSettings,
} from './webhooks/deliveries.js';

export interface JobServiceOptions {
  readonly parts: Omit<JobParts, 'saves'> & {
    readonly saves: Pick<SaveService, 'save' | 'get'>;
    /** @throws UserError unless segmentations can be stored there */
    readonly requireWritable: (pacs: string) => void;
  };
  /** where the queue is kept without Redis; of this server alone */
  readonly folder: string;
  readonly redis?: {
    /** redis:// or rediss://, with user and password where needed */
    readonly url: string;
    /** in front of every key; default `medsam2` */
    readonly prefix?: string;
    /** a job whose server is silent this long is taken up by another; default 30 seconds */
    readonly lostMs?: number;
  };
  /** jobs at once in this process: one for each device */
  readonly concurrency?: number;
  /** jobs of one user that wait or run; default 100 */
  readonly perUser?: number;
  /** results are kept this long, and so many of them; default 7 days, 10,000 */
  readonly keepMs?: number;
  readonly keepCount?: number;
  readonly webhooks?: WebhookSettings;
  readonly log?: Log;
}

const outcomeSchema = z.object({
  statistics: z.array(segmentStatisticsSchema),
  warnings: z.array(z.string()),
  save: saveSchema.optional(),
});
type JobOutcome = z.infer<typeof outcomeSchema>;

/** The body, without masks of megabytes, and what the webhook tells. */
const taskSchema = z.strictObject({ body: jobBodySchema });
type JobTask = z.infer<typeof taskSchema>;

const noWebhooks: WebhookSettings = { hosts: [], allowPrivate: false };

/**
 * Opens the queue, takes up what lies in it, and serves.
 *
 * @throws UserError `folder-unusable`, `folder-busy`; with Redis `queue-failed`
 */
export async function createJobService(options: JobServiceOptions): Promise<JobService> {
  const jobs = new Jobs(options);
  await jobs.open();
  return jobs;
}

class Jobs implements JobService {
  private opened: TaskQueue<JobTask, JobOutcome> | undefined;
  private webhooks: TaskQueue<DeliveryTask, DeliveryOutcome> | undefined;
  /** the callers' own, for PACS that are configured to see it; never on disk, never in Redis */
  private readonly authorizations = new Map<string, string>();
  private readonly perUser: number;

  constructor(private readonly options: JobServiceOptions) {
    this.perUser = options.perUser ?? 100;
  }

  async open(): Promise<void> {
    const keep = { keepMs: this.options.keepMs ?? 7 * 24 * 3600_000, keepCount: this.options.keepCount ?? 10_000 };
    // First the webhooks: a job that is taken up may end at once. Theirs waits until the jobs can be asked.
    this.webhooks = await this.openQueue<DeliveryTask, DeliveryOutcome, DeliveryCheckpoint>('webhooks', deliverySchema, deliveryOutcomeSchema, deliveryCheckpointSchema, {
        ...keep,
        concurrency: 4,
        handle: (task, context) => this.tell(task, context),
      }); // prettier-ignore
    try {
      this.opened = await this.openQueue('jobs', taskSchema, outcomeSchema, checkpointSchema, {
        ...keep,
        concurrency: this.options.concurrency ?? 1,
        handle: (task, context) => this.run(task, context),
        beforeEnd: async ({ id, owner, task }) => {
          this.authorizations.delete(id);
          if (task.body.webhook === undefined) return;
          await this.webhooks?.add({ id, owner, task: { address: task.body.webhook } });
        },
      });
    } catch (error) {
      await this.webhooks?.close(0);
      throw error;
    }
  }

  async submit(principal: Principal, body: JobBody): Promise<JobState> {
    const { parts, webhooks = noWebhooks } = this.options;
    if (body.webhook !== undefined) allowedWebhook(body.webhook, webhooks);
    const pacs = parts.source.pacsName(body.source.pacs);
    if (body.save !== undefined) parts.requireWritable(pacs);
    const open = await this.queue.open(principal.id);
    if (open >= this.perUser) {
      throw new UserError(
        'too-many-jobs',
        `${open} of your jobs wait or run, which is the limit.`,
        'Submit it again when some of them have ended, or cancel them.',
      );
    }
    const id = randomUUID();
    if (principal.authorization !== undefined) this.authorizations.set(id, principal.authorization);
    try {
      await this.queue.add({ id, owner: principal.id, task: { body } });
    } catch (error) {
      this.authorizations.delete(id);
      throw error;
    }
    return this.get(principal, id);
  }

  async list(principal: Principal): Promise<JobState[]> {
    const entries = await this.queue.list(principal.roles.has('admin') ? undefined : principal.id);
    return Promise.all(entries.map((entry) => this.stateOf(entry)));
  }

  async get(principal: Principal, id: string): Promise<JobState> {
    return this.stateOf(await this.require(principal, id));
  }

  async cancel(principal: Principal, id: string): Promise<JobState> {
    await this.require(principal, id);
    await this.queue.cancel(id);
    return this.get(principal, id);
  }

  load(): Promise<{ waiting: number; running: number }> {
    return this.queue.load();
  }

  async close(graceMs: number): Promise<void> {
    await this.queue.close(graceMs);
    await this.webhooks?.close(0);
  }

  private get queue(): TaskQueue<JobTask, JobOutcome> {
    if (this.opened === undefined) throw queueFailed('it is not open yet', undefined);
    return this.opened;
  }

  private async run({ body }: JobTask, context: JobContext): Promise<JobOutcome> {
    const { id, owner, created, signal, checkpoint } = context;
    const authorization = this.authorizations.get(id);
    const principal: Principal = {
      id: owner,
      roles: new Set(['annotator']),
      ...(authorization === undefined ? {} : { authorization }),
    };
    const run: JobRun = {
      id,
      principal,
      created,
      signal,
      checkpoint,
      report: (progress, stage) => context.report(progress, stage),
      keep: (kept) => context.keep(kept),
    };
    try {
      const { statistics, warnings, save } = await runJob(body, this.options.parts, run);
      return { statistics: [...statistics], warnings: [...warnings], ...(save === undefined ? {} : { save }) };
    } catch (error) {
      if (authorization !== undefined || !(error instanceof UserError) || error.code !== 'pacs-unauthorised')
        throw error;
      const remedy = `${error.remedy} Credentials of users are not kept: after a restart of the server, a job for a PACS that wants them is submitted again.`;
      throw new UserError(error.code, error.message, remedy, { cause: error });
    }
  }

  private tell(task: DeliveryTask, context: TaskContext<DeliveryCheckpoint>): Promise<DeliveryOutcome> {
    const log: Log = (...line) => this.options.log?.(...line);
    return deliverWebhook(task, context, this.options.webhooks ?? noWebhooks, () => this.message(context.id), log);
  }

  /** What a webhook tells: what became of the job, and where the segmentation is. No patient data, no free text. */
  private async message(id: string): Promise<string | undefined> {
    // Webhooks of an earlier run are taken up before the jobs are.
    const entry = await this.opened?.get(id);
    if (entry?.finished === undefined) return undefined;
    const { state, finished, problem, save } = await this.stateOf(entry);
    return JSON.stringify({
      event: 'job.ended',
      job: id,
      state,
      finished,
      ...(problem === undefined ? {} : { problem: problem.code }),
      ...(save === undefined
        ? {}
        : {
            segmentation: {
              pacs: save.pacs,
              study: save.study,
              series: save.series,
              sopInstanceUid: save.sopInstanceUid,
              state: save.state,
            },
          }),
    });
  }

  private async require({ id: user, roles }: Principal, id: string): Promise<TaskEntry<JobOutcome>> {
    const entry = await this.queue.get(id);
    if (entry !== undefined && (entry.owner === user || roles.has('admin'))) return entry;
    throw new UserError('job-not-found', 'There is no such job.', 'List the jobs; ended ones are forgotten in time.');
  }

  private async stateOf(entry: TaskEntry<JobOutcome>): Promise<JobState> {
    const { id, owner, state, progress, stage, created, finished, problem, outcome } = entry;
    const save = outcome?.save && (await this.saveNow(outcome.save, owner));
    return {
      id,
      state,
      progress,
      stage,
      created: created.toISOString(),
      ...(finished === undefined ? {} : { finished: finished.toISOString() }),
      ...(problem === undefined ? {} : { problem: problemOf(problem) }),
      ...(save === undefined ? {} : { save }),
      ...(outcome === undefined ? {} : { statistics: outcome.statistics }),
      warnings: outcome?.warnings ?? [],
    };
  }

  /** As it is now; as it was when the job ended where the save is another server's, or forgotten. */
  private async saveNow(then: NonNullable<JobOutcome['save']>, owner: string): Promise<NonNullable<JobState['save']>> {
    try {
      return await this.options.parts.saves.get({ id: owner, roles: new Set() }, then.id);
    } catch (error) {
      if (error instanceof UserError) return then;
      throw error;
    }
  }

  private openQueue<Task, Outcome, Checkpoint>(
    name: 'jobs' | 'webhooks',
    task: z.ZodType<Task>,
    outcome: z.ZodType<Outcome>,
    checkpoint: z.ZodType<Checkpoint>,
    options: QueueOptions<Task, Outcome, Checkpoint>,
  ): Promise<TaskQueue<Task, Outcome>> {
    const { folder, redis, log } = this.options;
    if (redis === undefined) return openDiskQueue({ ...options, folder: join(folder, name), task, outcome, checkpoint, log }); // prettier-ignore
    const { url, prefix = 'medsam2', lostMs } = redis;
    return openRedisQueue({ ...options, url, prefix, name, lostMs, log });
  }
}

type JobContext = TaskContext<z.infer<typeof checkpointSchema>>;

const problemOf = ({ code, detail, remedy }: TaskProblem): TaskProblem => ({ code, detail, remedy });
