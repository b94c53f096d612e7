import { UserError } from '@medsam2/models';

export type PacsErrorCode =
  | 'pacs-unreachable'
  | 'pacs-timeout'
  | 'pacs-unauthorised'
  | 'pacs-forbidden'
  | 'pacs-not-found'
  | 'pacs-busy'
  | 'pacs-failed'
  | 'pacs-answer-invalid';

export interface PacsErrorDetails {
  /** HTTP status of the answer, when there was one */
  readonly status?: number;
  /** milliseconds that the PACS asked to wait */
  readonly retryAfter?: number;
  /** whether the same request may succeed a moment later */
  readonly transient?: boolean;
  readonly cause?: unknown;
}

/** What went wrong with a PACS. Messages carry its name only: neither addresses nor identifiers nor answers. */
export class PacsError extends UserError {
  constructor(
    code: PacsErrorCode,
    message: string,
    remedy: string,
    readonly details: PacsErrorDetails = {},
  ) {
    super(code, message, remedy, { cause: details.cause });
  }

  get status(): number | undefined {
    return this.details.status;
  }
}

const REACH = 'Check that the PACS runs and that its address in the configuration is right, then try again.';
const LOG = 'Try again; if it happens again, ask the PACS administrator to look into its log.';

export function unreachable(pacs: string, why: string, cause?: unknown): PacsError {
  const message = `The PACS ${pacs} cannot be reached (${why}).`;
  return new PacsError('pacs-unreachable', message, REACH, { cause, transient: true });
}

export function timeout(pacs: string, what: string, cause?: unknown): PacsError {
  const remedy = 'Try again, or raise the timeouts of this PACS in the configuration.';
  return new PacsError('pacs-timeout', `The PACS ${pacs} took too long: ${what}.`, remedy, { cause });
}

export function untrusted(pacs: string, code: string, cause?: unknown): PacsError {
  return new PacsError(
    'pacs-unreachable',
    `The certificate of the PACS ${pacs} cannot be trusted (${code}).`,
    'Name the certificate authority of this PACS in its configuration (caFile), or have its certificate renewed.',
    { cause },
  );
}

export function unauthorised(pacs: string, why: string, status?: number): PacsError {
  return new PacsError(
    'pacs-unauthorised',
    `The PACS ${pacs} does not accept the credentials (${why}).`,
    'Check the credentials of this PACS in the configuration, or sign in again where your own are passed on.',
    { status },
  );
}

/** @param transient whether the answer was cut off rather than wrong */
export function invalidAnswer(
  pacs: string,
  why: string,
  { transient = false, cause }: Pick<PacsErrorDetails, 'transient' | 'cause'> = {},
): PacsError {
  const message = `The answer of the PACS ${pacs} cannot be used: ${why}.`;
  return new PacsError('pacs-answer-invalid', message, LOG, { cause, transient });
}

/** The error that an HTTP status stands for. */
export function statusError(pacs: string, status: number, retryAfter?: number): PacsError {
  const details = { status, retryAfter };
  switch (status) {
    case 401:
      return unauthorised(pacs, 'HTTP 401', status);
    case 403:
      return new PacsError(
        'pacs-forbidden',
        `The PACS ${pacs} refuses the request (HTTP 403).`,
        'Ask the PACS administrator for the right to do this.',
        details,
      );
    case 404:
    case 410:
      return new PacsError(
        'pacs-not-found',
        `The PACS ${pacs} does not have what was asked for (HTTP ${status}).`,
        'Check the study, series and instance, and whether the PACS still holds them.',
        details,
      );
    case 429:
    case 502:
    case 503:
    case 504:
      return new PacsError(
        'pacs-busy',
        `The PACS ${pacs} is overloaded or being restarted (HTTP ${status}).`,
        'Try again later.',
        { ...details, transient: true },
      );
    default:
      return new PacsError('pacs-failed', `The PACS ${pacs} could not do it (HTTP ${status}).`, LOG, details);
  }
}
