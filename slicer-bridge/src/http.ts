import type { IncomingMessage } from 'node:http';
import { BridgeError } from './errors.js';

/** Whether a web page sent the request: pages of anybody could otherwise use what listens on the user's own machine. */
export function isOfWebPage({ headers }: IncomingMessage): boolean {
  const { origin, 'sec-fetch-site': site } = headers;
  return origin !== undefined || (site !== undefined && site !== 'none' && site !== 'same-origin');
}

export const webPageRefused = (): BridgeError =>
  new BridgeError(
    403,
    'browser-request',
    'Requests of web pages are not answered.',
    'Use the plug-in; only /status is for browsers.',
  );

/** Reads a body to its end and forgets it. */
export async function drained(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  await new Promise<void>((resolve) => {
    request
      .once('end', resolve)
      .once('close', resolve)
      .once('error', () => resolve());
    request.resume();
  });
}
