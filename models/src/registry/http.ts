import { UserError } from '../errors.js';
import { messageOf, systemCode } from '../files/errors.js';

/** What a GET needs from outside. */
export interface HttpSettings {
  readonly fetch: typeof fetch;
  readonly allowInsecure: boolean;
}

/** The connection failed or ended early; trying again may help. */
export class DroppedConnection extends Error {}

const redirects = [301, 302, 303, 307, 308];

/**
 * A GET that follows up to five redirects itself, so that none of them leads to plain http (allowed only on this machine,
 * from this machine).
 *
 * @returns the final response, and the sha256 a host such as Hugging Face announces on the way (`X-Linked-ETag`)
 * @throws UserError `insecure-address`, `download-redirects`; DroppedConnection
 */
export async function get(
  { fetch, allowInsecure }: HttpSettings,
  address: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ response: Response; announcedSha256?: string }> {
  let url = new URL(address);
  const local = isLoopback(url);
  let announcedSha256: string | undefined;
  for (let hops = 0; hops <= 5; hops++) {
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && (allowInsecure || (local && isLoopback(url)))))
      throw new UserError(
        'insecure-address',
        `The download leads to ${url.protocol}//${url.host}, which is not https.`,
        'Do not use this source; get the file by another way and use: medsam2 models import.',
      );
    const response = await request(fetch, url, headers, signal);
    announcedSha256 ??= /^"?([0-9a-f]{64})"?$/.exec(response.headers.get('x-linked-etag') ?? '')?.[1];
    const location = response.headers.get('location');
    if (!redirects.includes(response.status) || location === null) return { response, announcedSha256 };
    await response.body?.cancel();
    url = new URL(location, url);
  }
  throw new UserError(
    'download-redirects',
    `${address} redirects more than five times.`,
    'Check the address in a browser; use medsam2 models import with a file downloaded there.',
  );
}

async function request(
  fetch: HttpSettings['fetch'],
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  try {
    return await fetch(url, { headers, signal, redirect: 'manual' });
  } catch (error) {
    signal.throwIfAborted();
    const code = systemCode(error);
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'ENETUNREACH' || code === 'ECONNREFUSED')
      throw new UserError(
        'host-unreachable',
        `${url.host} cannot be reached (${code}).`,
        'Check the network and any proxy; without internet, copy the file here and use: medsam2 models import FILE.',
        { cause: error },
      );
    throw new DroppedConnection(messageOf(error), { cause: error });
  }
}

/** 127.0.0.0/8, ::1 and localhost. */
function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
