import type { JobBody, JobState } from '@medsam2/protocol';
import type { Principal } from '../identity.js';

/** Segmentations without a viewer, queued. Other users' jobs do not exist: `job-not-found`. */
export interface JobService {
  /** @throws UserError `webhook-not-allowed`, `too-many-jobs`, `pacs-unknown`, `pacs-read-only`, `queue-failed` */
  submit(principal: Principal, body: JobBody): Promise<JobState>;
  /** Own jobs, newest first; all of them for an admin. */
  list(principal: Principal): Promise<JobState[]>;
  get(principal: Principal, id: string): Promise<JobState>;
  /** Nothing for a job that has ended. */
  cancel(principal: Principal, id: string): Promise<JobState>;
  /** jobs waiting and running */
  load(): Promise<{ readonly waiting: number; readonly running: number }>;
  /** Finishes running jobs up to `graceMs`, then leaves them to be taken up again. */
  close(graceMs: number): Promise<void>;
}
