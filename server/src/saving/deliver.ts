import { UserError } from '@medsam2/models';
import type { Pacs, PacsCall, StoredObject } from '../dicomweb/types.js';
import { compareInstances, describeDifferences } from './compare.js';
import { explainFailure } from './failure-reasons.js';

export interface Outgoing {
  readonly study: string;
  readonly series: string;
  readonly sopInstanceUid: string;
  /** the whole Part 10 object */
  readonly bytes: Uint8Array;
}

export interface DeliverOptions {
  /** an earlier attempt may have reached the PACS: look before sending */
  readonly mayBeStored: boolean;
  readonly call: PacsCall;
  /** pixels of a compressed object, for comparing one with another; `undefined` when it cannot be undone */
  readonly decode?: (object: Uint8Array) => Uint8Array | undefined;
  /** told before and after sending */
  readonly trace?: (step: 'sending' | 'sent') => void;
}

/** How one attempt ended. `message`: one sentence and what follows from it, no patient data. */
export type Delivery =
  | { readonly kind: 'verified'; readonly message: string }
  /** worth trying again by itself */
  | { readonly kind: 'later'; readonly message: string; readonly mayBeStored: boolean }
  /** a person must decide; `unauthorised`: 401, so that other credentials may do */
  | {
      readonly kind: 'refused';
      readonly message: string;
      readonly mayBeStored: boolean;
      readonly unauthorised?: boolean;
    };

/**
 * Sends one object and makes sure that the PACS has it: what counts is what the PACS gives back, not what it answers
 * (a 200 of STOW is no proof, and an error may come after the object was stored). Never deletes; never sends over an
 * object that is there.
 *
 * @throws the signal's reason when `call.signal` fires; what is no UserError (a defect)
 */
export async function deliver(pacs: Pacs, object: Outgoing, options: DeliverOptions): Promise<Delivery> {
  if (options.mayBeStored) {
    const found = await look(pacs, object, options);
    if (found.kind !== 'absent') return found;
  }
  options.trace?.('sending');
  const answer = await send(pacs, object, options);
  options.trace?.('sent');
  if ('kind' in answer) return answer;

  const found = await look(pacs, object, options);
  if (found.kind === 'verified' || found.kind === 'refused') return found;
  if (answer.failure !== undefined) return { kind: 'later', message: answer.failure, mayBeStored: true };
  const { outcome, failureReason } = answer.stored;
  if (outcome === 'failed') {
    const { text, passes } = explainFailure(failureReason);
    const message = `The PACS refuses the object: ${text}.`;
    return { kind: passes ? 'later' : 'refused', message, mayBeStored: true };
  }
  if (found.kind === 'later') return found;
  if (outcome === 'unmentioned') {
    const message = 'The PACS answers with success, but neither lists the object nor gives it back: it stored nothing.';
    return { kind: 'refused', message, mayBeStored: true };
  }
  const message = 'The PACS says that it stored the object, but does not give it back yet.';
  return { kind: 'later', message, mayBeStored: true };
}

type Answer =
  | { readonly stored: Pick<StoredObject, 'outcome' | 'failureReason'>; readonly failure?: undefined }
  /** no answer, or none that tells anything: the object may be stored */
  | { readonly failure: string };

async function send(
  pacs: Pacs,
  { study, sopInstanceUid, bytes }: Outgoing,
  { call }: DeliverOptions,
): Promise<Answer | Delivery> {
  try {
    const stored = await pacs.store(study, bytes, call);
    const own = stored.find((one) => one.sopInstanceUid === sopInstanceUid);
    return { stored: own ?? { outcome: 'unmentioned' } };
  } catch (error) {
    const failure = classify(error, call);
    if (failure.kind === 'unknown') return { failure: failure.message };
    return failure;
  }
}

/** Reads the object back whole and compares. Single frames would not do: of one-bit objects they are often refused. */
async function look(
  pacs: Pacs,
  { study, series, sopInstanceUid, bytes }: Outgoing,
  { call, decode }: DeliverOptions,
): Promise<Delivery | { readonly kind: 'absent' }> {
  try {
    const received = await pacs.instance(study, series, sopInstanceUid, call);
    const differences = compareInstances(bytes, received, decode);
    if (differences.length === 0) {
      return { kind: 'verified', message: 'The PACS gave the object back, equal in every attribute and pixel.' };
    }
    const message = `The PACS holds an object of this identifier that differs from what was sent: ${describeDifferences(differences)}.`;
    return { kind: 'refused', message, mayBeStored: true };
  } catch (error) {
    if (error instanceof UserError && error.code === 'pacs-not-found') return { kind: 'absent' };
    if (error instanceof UserError && error.code === 'not-comparable') {
      return { kind: 'refused', message: error.message, mayBeStored: true };
    }
    const failure = classify(error, call);
    const message = `It could not be read back: ${failure.message}`;
    if (failure.kind === 'refused') return { ...failure, message, mayBeStored: true };
    return { kind: 'later', message, mayBeStored: true };
  }
}

type Failure = { readonly kind: 'unknown'; readonly message: string } | Exclude<Delivery, { kind: 'verified' }>;

function classify(error: unknown, { signal }: PacsCall): Failure {
  if (signal?.aborted === true) throw signal.reason as Error;
  if (!(error instanceof UserError)) throw error;
  const { code, message } = error;
  switch (code) {
    case 'pacs-unauthorised':
      return { kind: 'refused', message, mayBeStored: false, unauthorised: true };
    case 'pacs-forbidden':
    case 'pacs-read-only':
      return { kind: 'refused', message, mayBeStored: false };
    case 'pacs-busy':
      return { kind: 'later', message, mayBeStored: false };
    case 'pacs-unreachable':
      // Nobody is there to ask now. The connection may have ended after the object was through.
      return { kind: 'later', message, mayBeStored: true };
    case 'pacs-not-found':
      return { kind: 'refused', message, mayBeStored: false };
    case 'pacs-failed':
      return isPermanent(error) ? { kind: 'refused', message, mayBeStored: true } : { kind: 'unknown', message };
    default:
      // What is not about the PACS is about the object, as an identifier that cannot stand in an address.
      return code.startsWith('pacs-') ? { kind: 'unknown', message } : { kind: 'refused', message, mayBeStored: false };
  }
}

/** A status of 400 to 499 says that the same request will fail again; 408 and 425 do not. */
function isPermanent(error: UserError): boolean {
  const status = 'status' in error && typeof error.status === 'number' ? error.status : undefined;
  return status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 425;
}
