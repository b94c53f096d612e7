import { UserError } from '@medsam2/models';
import { ProtocolError, type Problem } from '@medsam2/protocol';
import { statusOf } from './statuses.js';

/** A request that does not fit its schema, with where. */
export class InvalidRequest extends UserError {
  constructor(readonly issues: readonly { readonly path: string; readonly message: string }[]) {
    super(
      'request-invalid',
      'The request does not fit what this address takes.',
      'See `errors` for where, and the API’s description under /docs.',
    );
  }
}

/** What a thrown value becomes for the client. */
export interface Answered {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  /** a defect of the program or of its surroundings that nobody foresaw: to be logged */
  readonly unexpected: boolean;
}

/** Where problem types are described: an address of the code itself, no page (RFC 9457 section 4). */
const typePrefix = 'urn:medsam2:problem:';

/**
 * @param requestId what the client gives to the operator who looks into the log
 */
export function answerError(error: unknown, requestId: string): Answered {
  const known = asUserError(error);
  const status = known === undefined ? undefined : statusOf(known.code);
  if (known === undefined || status === undefined) {
    return {
      problem: {
        type: `${typePrefix}unexpected`,
        title: 'Internal Server Error',
        status: 500,
        code: 'unexpected',
        detail: 'The server failed unexpectedly.',
        remedy: `Try again; if it happens again, give the operator the request number ${requestId}.`,
        instance: requestId,
      },
      headers: {},
      unexpected: true,
    };
  }
  const problem: Problem = {
    type: `${typePrefix}${known.code}`,
    title: titles[status] ?? 'Error',
    status,
    code: known.code,
    detail: known.message,
    remedy: known.remedy,
    instance: requestId,
  };
  if (known instanceof InvalidRequest) problem.errors = [...known.issues];
  return { problem, headers: headersOf(known, status), unexpected: false };
}

/** Errors of Express, its parsers and the protocol as what they mean here; undefined for defects. */
export function asUserError(error: unknown): UserError | undefined {
  if (error instanceof UserError) return error;
  if (error instanceof ProtocolError) {
    return new UserError(error.code, error.message, 'Encode it as the contract’s `encodeRuns` does.', { cause: error });
  }
  if (typeof error !== 'object' || error === null) return undefined;
  const { type, status } = error as { type?: unknown; status?: unknown };
  if (type === 'entity.too.large') {
    return new UserError('body-too-large', 'The request’s body is larger than this address takes.', 'Send less.');
  }
  if (type === 'encoding.unsupported' || type === 'charset.unsupported') {
    return new UserError('content-type-unsupported', 'The body is encoded in an unknown way.', 'Send plain UTF-8.');
  }
  if (status === 400) {
    // what body-parser and the router throw for bodies and addresses that cannot be read
    const what = error instanceof URIError ? 'address' : 'body';
    return new UserError('request-malformed', `The request’s ${what} cannot be read.`, 'Send well-formed requests.');
  }
  return undefined;
}

function headersOf(error: UserError, status: number): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Bearer realm="medsam2"' };
  const { details } = error as { details?: { retryAfter?: unknown } };
  if (typeof details?.retryAfter === 'number') return { 'retry-after': `${Math.ceil(details.retryAfter / 1000)}` };
  return error.code === 'server-stopping' ? { 'retry-after': '5' } : {};
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  507: 'Insufficient Storage',
};
