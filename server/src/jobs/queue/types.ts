import { UserError } from '@medsam2/models';

export interface TaskProblem {
  readonly code: string;
  readonly detail: string;
  readonly remedy: string;
}

/** What is known of a task, without the task itself, which may be large. */
export interface TaskEntry<Outcome> {
  readonly id: string;
  readonly owner: string;
  readonly state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  /** 0..1 */
  readonly progress: number;
  readonly stage: string;
  readonly created: Date;
  readonly finished?: Date;
  /** when `failed` */
  readonly problem?: TaskProblem;
  /** when `done` */
  readonly outcome?: Outcome;
}

/** What a task is given while it runs. */
export interface TaskContext<Checkpoint> {
  readonly id: string;
  readonly owner: string;
  readonly created: Date;
  /** fires when the task was cancelled, or when the server stops: its reason says which */
  readonly signal: AbortSignal;
  /** what an earlier run of the same task wrote down before it ended */
  readonly checkpoint?: Checkpoint;
  /** @param progress 0..1 */
  report(progress: number, stage: string): void;
  /** Returns when it is kept as safely as the task itself. */
  keep(checkpoint: Checkpoint): Promise<void>;
}

export type TaskHandler<Task, Outcome, Checkpoint> = (task: Task, context: TaskContext<Checkpoint>) => Promise<Outcome>;

/**
 * Tasks that outlive the process: each runs to its end once, and is taken up again from the beginning, with its last
 * checkpoint, when the process ends in between. Handlers therefore must bear to be run twice.
 */
export interface TaskQueue<Task, Outcome> {
  /**
   * Resolves when the task is kept. An identifier that is there already changes nothing.
   * @throws UserError `queue-failed`: then nothing is promised
   */
  add(entry: { readonly id: string; readonly owner: string; readonly task: Task }): Promise<void>;
  /** @throws UserError `queue-failed` */
  get(id: string): Promise<TaskEntry<Outcome> | undefined>;
  /** Newest first, at most 1000. */
  list(owner?: string): Promise<TaskEntry<Outcome>[]>;
  /** How many tasks of an owner wait or run. */
  open(owner: string): Promise<number>;
  /** Ends it, wherever it runs; nothing for one that has ended. */
  cancel(id: string): Promise<void>;
  load(): Promise<{ readonly waiting: number; readonly running: number }>;
  /** Lets tasks that run end for `graceMs`, then leaves them to be taken up again. */
  close(graceMs: number): Promise<void>;
}

export interface QueueOptions<Task, Outcome, Checkpoint> {
  readonly handle: TaskHandler<Task, Outcome, Checkpoint>;
  /** tasks at once in this process */
  readonly concurrency: number;
  /** of tasks that ended */
  readonly keepMs: number;
  readonly keepCount: number;
  /** Called before an end becomes visible, however it comes about; it may be called twice. */
  readonly beforeEnd?: (entry: { readonly id: string; readonly owner: string; readonly task: Task }) => Promise<void>;
}

/** Thrown by a handler: run the task again after a while. */
export class Again extends Error {
  constructor(readonly delayMs: number) {
    super('again');
  }
}

/** Reasons with which a context's signal fires. */
export class TaskCancelled extends Error {
  override readonly name = 'AbortError';
  constructor() {
    super('The task was cancelled.');
  }
}
export class QueueClosing extends Error {
  override readonly name = 'AbortError';
  constructor() {
    super('The server is stopping.');
  }
}

/** A task that ended its process this often is not tried again: it would take down every server, one after the other. */
export const mostStarts = 3;

export const crashed: TaskProblem = {
  code: 'job-crashed',
  detail: `The job was broken off ${mostStarts} times together with its server.`,
  remedy: 'Look into the log of the server (memory is the usual reason), then submit the job again.',
};

/** What a user is told of an error; of defects nothing but that they are some. */
export function problemOf(error: unknown): TaskProblem {
  if (error instanceof UserError) return { code: error.code, detail: error.message, remedy: error.remedy };
  return {
    code: 'internal-error',
    detail: 'The job failed unexpectedly.',
    remedy: 'The log of the server says more; please report it.',
  };
}

export const queueFailed = (why: string, cause: unknown): UserError =>
  new UserError(
    'queue-failed',
    `The queue of jobs cannot be used (${why}).`,
    'Try again in a moment; if it stays, tell the operator.',
    { cause },
  );
