import { ApiError, aborted } from '../client/api-error.js';
import { pause, type Clock } from '../client/clock.js';
import type { Connection } from './connection.js';

/** Requests that change a session, one after another, in the order in which they were asked for. */
export class CommandQueue {
  private last: Promise<unknown> = Promise.resolve();
  private count = 0;

  constructor(private readonly onCount: (count: number) => void) {}

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    this.onCount(++this.count);
    const result = this.last.then(work);
    // each caller hears of its own failure; the next command does not depend on it
    this.last = result.then(
      () => this.onCount(--this.count),
      () => this.onCount(--this.count),
    );
    return result;
  }

  /** Resolves when everything asked for before has been answered. */
  async idle(): Promise<void> {
    await this.last;
  }
}

export interface PersistOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const mostAttempts = 6;
const pauseMs = 500;

/**
 * Does a request until the server has answered it: waits while the server is away or the login has ended, then tries
 * again.
 * @param work asked again after a failure that passes; `attempt` counts from 1. A request that must not be done twice
 *   looks from the second attempt on whether the first has been done.
 * @throws ApiError when the server refuses it, or fails again and again though it can be reached
 */
export async function persist<Result>(
  { connection, clock, signal }: PersistOptions,
  work: (attempt: number) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    await connection.online(signal);
    if (signal.aborted || !connection.isOnline) throw aborted();
    try {
      return await work(attempt);
    } catch (error) {
      if (!(error instanceof ApiError) || !error.passes || signal.aborted || attempt === mostAttempts) throw error;
      connection.failed(error);
      await pause(clock, error.more.retryAfterMs ?? pauseMs * (attempt - 1), signal);
    }
  }
}
