import type { JobBody, JobState } from '@medsam2/protocol';
import type { Principal } from '../identity.js';

/** Segmentations without a viewer, queued. Other users' jobs do not exist: `job-not-found`. */
export interface JobService {
  submit(principal: Principal, body: JobBody): Promise<JobState>;
  list(principal: Principal): Promise<JobState[]>;
  get(principal: Principal, id: string): Promise<JobState>;
  cancel(principal: Principal, id: string): Promise<JobState>;
  /** jobs waiting and running */
  load(): Promise<{ readonly waiting: number; readonly running: number }>;
  /** Finishes running jobs up to `graceMs`, then leaves them to be taken up again. */
  close(graceMs: number): Promise<void>;
}
