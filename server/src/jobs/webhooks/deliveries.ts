import { describeError, UserError } from '@medsam2/models';
import { z } from 'zod';
import type { Log } from '../../durable/log.js';
import { backOffMs } from '../../saving/back-off.js';
import { Again, type TaskContext } from '../queue/types.js';
import type { WebhookRules } from './allow-list.js';
import { sendWebhook } from './send.js';

export interface WebhookSettings extends WebhookRules {
  /** shared with the receivers; signs what is sent */
  readonly secret?: string;
  /** attempts until a receiver is given up; default 10, which is about three hours */
  readonly attempts?: number;
  readonly timeoutMs?: number;
  readonly backOff?: { readonly firstMs: number; readonly mostMs: number };
  /** PEM of certificate authorities to trust; default: the well-known ones */
  readonly ca?: string;
}

export const deliverySchema = z.strictObject({ address: z.string() });
export type DeliveryTask = z.infer<typeof deliverySchema>;
export const deliveryCheckpointSchema = z.strictObject({ failures: z.int() });
export type DeliveryCheckpoint = z.infer<typeof deliveryCheckpointSchema>;
export const deliveryOutcomeSchema = z.strictObject({ attempts: z.int() });
export type DeliveryOutcome = z.infer<typeof deliveryOutcomeSchema>;

/** The job is about to end, or the queue cannot be asked. */
const notYetMs = 500;

/**
 * Tells the receiver of one job's webhook, again and again with growing pauses until it takes it.
 *
 * @param message what is to be told, as JSON without patient data; undefined while there is nothing yet
 */
export async function deliverWebhook(
  { address }: DeliveryTask,
  context: TaskContext<DeliveryCheckpoint>,
  settings: WebhookSettings,
  message: () => Promise<string | undefined>,
  log: Log,
): Promise<DeliveryOutcome> {
  const { attempts = 10, timeoutMs = 10_000, secret, ca } = settings;
  const failures = context.checkpoint?.failures ?? 0;
  const body = await message().catch((error: unknown) => {
    if (error instanceof UserError) return undefined;
    throw error;
  });
  if (body === undefined) throw new Again(notYetMs);
  try {
    const time = Math.floor(Date.now() / 1000);
    await sendWebhook({ address, body, secret, time, timeoutMs, signal: context.signal, ca }, settings);
    return { attempts: failures + 1 };
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'webhook-failed') throw error;
    log('warn', 'a webhook was not taken', { job: context.id, attempt: failures + 1, reason: describeError(error) });
    if (failures + 1 >= attempts) throw error;
    await context.keep({ failures: failures + 1 });
    const backOff = settings.backOff ?? { firstMs: 20_000, mostMs: 3600_000 };
    throw new Again(backOffMs(failures + 1, { ...backOff, random: Math.random }));
  }
}
