import { UserError } from '@medsam2/models';
import { createHmac } from 'node:crypto';
import { lookup, type LookupAddress } from 'node:dns';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { allowedWebhook, isPrivateAddress, type WebhookRules } from './allow-list.js';

export interface WebhookCall {
  readonly address: string;
  /** JSON; no patient data */
  readonly body: string;
  /** signs the body; without one it goes unsigned */
  readonly secret?: string;
  /** seconds since 1970 */
  readonly time: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** the certificate authorities to trust; default: the well-known ones */
  readonly ca?: string;
}

/** `t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS.BODY`. The time is signed too, so that an old message is known as old. */
export function signatureOf(body: string, secret: string, time: number): string {
  return `t=${time},v1=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`;
}

/**
 * Tells one address. Redirects are not followed, the answer is not read, and the address that the name resolves to is
 * checked on the very connection that is used.
 *
 * @throws UserError `webhook-not-allowed`, `webhook-failed`; the signal's reason
 */
export async function sendWebhook(call: WebhookCall, rules: WebhookRules): Promise<void> {
  const url = allowedWebhook(call.address, rules);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // A name is looked up by the connection; an address is not.
  if (!rules.allowPrivate && isIP(host) !== 0 && isPrivateAddress(host)) throw privateAddress();
  const body = Buffer.from(call.body);
  const status = await new Promise<number>((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const timeout = AbortSignal.timeout(call.timeoutMs);
    const signal = call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout]);
    const request = send(
      url,
      {
        method: 'POST',
        agent: false,
        signal,
        lookup: rules.allowPrivate ? lookup : publicLookup,
        ...(call.ca === undefined ? {} : { ca: call.ca }),
        headers: {
          'content-type': 'application/json',
          'content-length': body.length,
          'user-agent': 'medsam2',
          ...(call.secret === undefined ? {} : { 'medsam2-signature': signatureOf(call.body, call.secret, call.time) }),
        },
      },
      (response) => {
        response.destroy();
        resolve(response.statusCode ?? 0);
      },
    );
    request.on('error', (error) => {
      if (call.signal?.aborted === true) reject(call.signal.reason as Error);
      else
        reject(
          error instanceof UserError ? error : failed(timeout.aborted ? 'no answer in time' : codeOf(error), error),
        );
    });
    request.end(body);
  });
  if (status >= 200 && status < 300) return;
  throw failed(`HTTP ${status}`);
}

/** As the system looks names up, but without addresses that are none of the public internet. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
    if (error !== null) return callback(error, '', 0);
    // One private address among others is enough: which one is used would be chance.
    if (found.length === 0 || found.some(({ address }) => isPrivateAddress(address))) {
      return callback(privateAddress(), '', 0);
    }
    if (options.all === true) return callback(null, found);
    return callback(null, found[0].address, found[0].family);
  });
};

/** `ECONNREFUSED`, `DEPTH_ZERO_SELF_SIGNED_CERT`, … */
function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'the connection failed';
}

const failed = (why: string, cause?: unknown): UserError =>
  new UserError(
    'webhook-failed',
    `The webhook was not taken (${why}).`,
    'It is sent again by itself; its receiver must answer with a status from 200 to 299.',
    { cause },
  );

const privateAddress = (): UserError =>
  new UserError(
    'webhook-not-allowed',
    'The host of the webhook has an address of a private network.',
    'The operator can allow private addresses for webhooks.',
  );
