import { saveSchema, type SaveState } from '@medsam2/protocol';
import { z } from 'zod';

/** What the spool knows of an object, on disk beside it. Credentials are not in it. */
export const recordSchema = z.strictObject({
  version: z.literal(1),
  id: z.uuid(),
  owner: z.string(),
  /** the session or job that the object comes from */
  origin: z.string(),
  pacs: saveSchema.shape.pacs,
  // As they stand in the object: what is odd there is for the PACS to refuse.
  study: z.string(),
  series: z.string(),
  sopInstanceUid: z.string(),
  description: z.string(),
  warnings: z.array(z.string()),
  bytes: z.int().min(0),
  sha256: z.string(),
  state: z.enum(['waiting', 'verified', 'refused', 'discarded']),
  attempts: z.int().min(0),
  created: z.iso.datetime(),
  changed: z.iso.datetime(),
  nextAttempt: z.iso.datetime().optional(),
  message: z.string().optional(),
  /** the PACS may have it: ask before sending */
  mayBeStored: z.boolean(),
  /** the owner's own authorization took part, which is not on disk */
  withAuthorization: z.boolean(),
  /** waits for its owner's credentials, not for a time */
  needsOwner: z.boolean(),
});
export type SaveRecord = z.infer<typeof recordSchema>;

export const isFinished = ({ state }: Pick<SaveRecord, 'state'>): boolean =>
  state === 'verified' || state === 'discarded';

/** A record as clients see it. */
export function stateOf(record: SaveRecord, isSending: boolean): SaveState {
  const { id, pacs, study, series, sopInstanceUid, description, state, attempts, created, message, bytes, warnings } =
    record;
  const { nextAttempt } = record;
  return {
    id,
    pacs,
    study,
    series,
    sopInstanceUid,
    description,
    state: isSending ? 'sending' : state,
    attempts,
    created,
    ...(nextAttempt === undefined || isSending ? {} : { nextAttempt }),
    ...(message === undefined ? {} : { message }),
    bytes,
    warnings,
  };
}
