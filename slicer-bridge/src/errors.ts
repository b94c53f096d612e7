import { UserError } from '@medsam2/models';

/** A failure that an HTTP status belongs to. */
export class BridgeError extends UserError {
  constructor(
    readonly status: number,
    code: string,
    message: string,
    remedy: string,
    options?: { cause?: unknown },
  ) {
    super(code, message, remedy, options);
  }
}

/** What a failure is answered with. */
export interface Failure {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

/** Codes of other parts that are not the content's fault (422). */
const statuses: Readonly<Record<string, number>> = {
  'image-too-large': 413,
  'device-unusable': 503,
  'model-not-installed': 503,
  'no-model': 503,
  'model-choice': 503,
  'disk-full': 507,
};

/** Any thrown value as an answer; unexpected ones tell nothing of the inside. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UserError) {
    const { code, message, remedy } = error;
    const status = error instanceof BridgeError ? error.status : (statuses[code] ?? 422);
    return { status, code, message, remedy };
  }
  if (isOutOfMemory(error))
    return {
      status: 507,
      code: 'memory-full',
      message: 'There is not enough memory for this volume.',
      remedy: 'Crop the volume in Slicer, or give the server more memory.',
    };
  return {
    status: 500,
    code: 'internal',
    message: 'The server failed unexpectedly.',
    remedy: 'Its log has the details.',
  };
}

const isOutOfMemory = (error: unknown): boolean =>
  error instanceof RangeError && /allocation failed|invalid (typed )?array( buffer)? length/i.test(error.message);
