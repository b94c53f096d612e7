import { UserError } from '@medsam2/models';
import { ipKeyGenerator, MemoryStore, rateLimit } from 'express-rate-limit';
import type { Request, RequestHandler } from 'express';
import { contextOf } from './context.js';

const windowMs = 60_000;

/** Requests of one user per minute. Behind authentication, so that nobody uses up another's. */
export function requestLimit(perMinute: number): RequestHandler {
  return rateLimit({
    windowMs,
    limit: perMinute,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    identifier: 'requests',
    // its checks of the set-up print to the console, past the log
    validate: false,
    keyGenerator: (request, response) => contextOf(response).principal?.id ?? addressKey(request),
    handler: (_request, _response, next) =>
      next(
        new UserError(
          'too-many-requests',
          `More than ${perMinute} requests in a minute.`,
          'Wait until the minute is over; the RateLimit header says how long.',
        ),
      ),
  });
}

/** Failed log-ins per address and minute: forged tokens must not fill the audit or keep the server busy. */
export class FailureLimit {
  private readonly store = new MemoryStore();

  constructor(private readonly perMinute: number) {
    this.store.init({ windowMs } as Parameters<MemoryStore['init']>[0]);
  }

  /**
   * Counts one failure.
   * @throws UserError `too-many-failures`
   */
  async count(request: Request): Promise<void> {
    const { totalHits } = await this.store.increment(addressKey(request));
    if (totalHits <= this.perMinute) return;
    throw new UserError(
      'too-many-failures',
      'Too many failed log-ins from this address.',
      'Wait a minute, then sign in again.',
    );
  }

  close(): void {
    this.store.shutdown();
  }
}

/** IPv6 users own whole networks, so their network counts as one. */
export const addressKey = ({ ip }: Pick<Request, 'ip'>): string => (ip === undefined ? 'unknown' : ipKeyGenerator(ip));

/** Event streams open at once per user. */
export class StreamLimit {
  private readonly open = new Map<string, number>();

  constructor(private readonly perUser: number) {}

  get count(): number {
    return [...this.open.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * @returns to be called when the stream has ended
   * @throws UserError `too-many-streams`
   */
  enter(user: string): () => void {
    const count = this.open.get(user) ?? 0;
    if (count >= this.perUser) {
      throw new UserError(
        'too-many-streams',
        `${count} event streams are open already.`,
        'Close one: a page that was left may still hold it.',
      );
    }
    this.open.set(user, count + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = (this.open.get(user) ?? 1) - 1;
      if (left === 0) this.open.delete(user);
      else this.open.set(user, left);
    };
  }
}
