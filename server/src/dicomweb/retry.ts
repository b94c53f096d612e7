import { setTimeout as sleep } from 'node:timers/promises';
import type { PacsConfig } from './config.js';
import { PacsError } from './errors.js';

/**
 * Repeats an operation that changes nothing while it fails in passing: exponential back-off with full jitter, so that
 * many clients do not come back at the same moment. `Retry-After` is the shortest wait; where it asks for more than the
 * longest, the operation fails at once, for nobody waits that long at a screen.
 *
 * @throws the last error; the signal's reason when aborted
 */
export async function withRetries<T>(
  settings: PacsConfig['retries'],
  signal: AbortSignal | undefined,
  operation: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await operation();
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof PacsError) || !error.details.transient || attempt >= settings.attempts) throw error;
      const asked = error.details.retryAfter ?? 0;
      if (asked > settings.maxBackOff) throw error;
      const ceiling = Math.min(settings.maxBackOff, settings.backOff * 2 ** (attempt - 1));
      await sleep(Math.max(asked, Math.random() * ceiling), undefined, { signal }).catch(() =>
        signal?.throwIfAborted(),
      );
    }
  }
}

/** `Retry-After` in milliseconds: seconds or a date (RFC 9110 section 10.2.3); undefined when it is neither. */
export function retryAfter(value: string | undefined, now = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
