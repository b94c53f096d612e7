/** Collects what must not happen in a page: errors, failed requests, and requests to anywhere else. */
import type { BrowserContext } from 'playwright-core';

export interface Problem {
  /** `blocked`: a request to another origin, which was not let through */
  readonly kind: 'page-error' | 'console-error' | 'failed-request' | 'blocked';
  /** text of the error, or status and address */
  readonly text: string;
}

export class Problems {
  private readonly list: Problem[] = [];

  /** so far; without those that a test expects */
  all(expected: readonly RegExp[] = []): readonly Problem[] {
    return this.list.filter(({ text }) => !expected.some((pattern) => pattern.test(text)));
  }

  add(problem: Problem): void {
    this.list.push(problem);
  }

  /** forgets what was seen so far */
  clear(): void {
    this.list.length = 0;
  }
}

/** Watches all pages of a context from now on; requests to other origins than `origin` are refused. */
export async function watchContext(context: BrowserContext, origin: string): Promise<Problems> {
  const problems = new Problems();
  await context.route(
    (url) => url.protocol.startsWith('http') && url.origin !== origin,
    (route) => {
      problems.add({ kind: 'blocked', text: route.request().url() });
      return route.abort();
    },
  );
  context.on('weberror', (error) => problems.add({ kind: 'page-error', text: String(error.error().stack) }));
  context.on('console', (message) => {
    if (message.type() !== 'error') return;
    problems.add({ kind: 'console-error', text: `${message.text()} (${message.location().url})` });
  });
  context.on('response', (response) => {
    if (response.status() < 400) return;
    problems.add({
      kind: 'failed-request',
      text: `${response.status()} ${response.request().method()} ${response.url()}`,
    });
  });
  context.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    // the page itself gave it up: a stream that was closed, images that scrolled out of sight
    if (reason === 'net::ERR_ABORTED' || !request.url().startsWith(origin)) return;
    problems.add({ kind: 'failed-request', text: `${reason} ${request.method()} ${request.url()}` });
  });
  return problems;
}
