import type { Problem } from '@medsam2/protocol';
import type { ProblemText } from '../contract/text.js';

/**
 * `unreachable`: no answer, or one of a proxy that has no server behind it; `timeout`; `login`: who you are is not known
 * (any more); `forbidden`: it is known, and you may not; `refused`: the server says why; `not-api`: something else
 * answers at that address, e.g. the viewer's own page or a login page; `aborted`: by the caller.
 */
export type Failure = 'unreachable' | 'timeout' | 'login' | 'forbidden' | 'refused' | 'not-api' | 'aborted';

/** Why a request has no result; `problem` is for people. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly kind: Failure,
    readonly problem: ProblemText,
    readonly more: { readonly status?: number; readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(problem.detail, { cause: more.cause });
  }

  get code(): string {
    return this.problem.code;
  }

  /** The server may do it later without anything having changed about the request. */
  get passes(): boolean {
    return this.isConnection || passing.has(this.code);
  }

  /** It says something of the way to the server rather than of the request. */
  get isConnection(): boolean {
    return ['unreachable', 'timeout', 'login', 'not-api'].includes(this.kind) || this.code === 'server-stopping';
  }
}

const passing: ReadonlySet<string> = new Set([
  'session-not-ready',
  'too-many-requests',
  'too-many-streams',
  'model-busy',
]);

const local = (kind: Failure, code: string, detail: string, remedy: string) => (cause?: unknown, status?: number) =>
  new ApiError(kind, { code, detail, remedy }, { cause, ...(status === undefined ? {} : { status }) });

export const unreachable = local(
  'unreachable',
  'unreachable',
  'The segmentation server cannot be reached.',
  'Check that it runs and that the network lets the viewer reach it.',
);
export const timedOut = local(
  'timeout',
  'timed-out',
  'The segmentation server did not answer in time.',
  'It may be busy; it is tried again.',
);
export const notApi = local(
  'not-api',
  'not-api',
  'Something else than the segmentation server answers at its address.',
  'Check the address in the viewer’s configuration, and that no login page lies before it.',
);
export const aborted = local('aborted', 'aborted', 'The request was given up.', '');
const loginNeeded = local('login', 'not-authenticated', 'Your login has ended.', 'Log in again.');

/** What an answer that is no success means. @param text its body */
export function errorOf(answer: Response, text: string): ApiError {
  const { status } = answer;
  const problem = problemOf(text);
  const more = { status, ...retryAfter(answer) };
  if (status === 401)
    return problem === undefined ? loginNeeded(undefined, status) : new ApiError('login', problem, more);
  if (problem !== undefined) return new ApiError(status === 403 ? 'forbidden' : 'refused', problem, more);
  // a proxy whose server is away says so with a page of its own
  if ([502, 503, 504].includes(status)) return unreachable(undefined, status);
  return notApi(undefined, status);
}

function retryAfter(answer: Response): { retryAfterMs?: number } {
  const seconds = Number(answer.headers.get('retry-after') ?? NaN);
  return Number.isFinite(seconds) ? { retryAfterMs: 1000 * seconds } : {};
}

function problemOf(text: string): ProblemText | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined; // no problem of this API: the status alone counts
  }
  if (typeof body !== 'object' || body === null) return undefined;
  const { code, detail, remedy } = body as Partial<Problem>;
  if (typeof code !== 'string' || typeof detail !== 'string') return undefined;
  return { code, detail, remedy: typeof remedy === 'string' ? remedy : '' };
}
