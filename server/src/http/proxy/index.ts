import { UserError } from '@medsam2/models';
import type { Request, RequestHandler, Response } from 'express';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Config } from '../../config/index.js';
import type { AuditRecord } from '../audit/record.js';
import type { AuditTrail } from '../audit/trail.js';
import { notAuthenticated, requireRole } from '../auth/authenticator.js';
import { contextOf, principalOf } from '../context.js';
import type { Metrics } from '../metrics.js';
import { recordBase } from '../perform.js';
import { answerError } from '../problems.js';
import { proxiedPath, type ProxiedPath } from './paths.js';
import { RewriteRoots } from './rewrite.js';
import type { ProxyTarget } from './target.js';

export interface ProxyOptions {
  readonly proxies: ReadonlyMap<string, ProxyTarget>;
  readonly audit: AuditTrail;
  readonly metrics: Metrics;
  readonly config: Config;
  readonly now: () => Date;
}

const passedOn = [
  'accept',
  'accept-language',
  'content-type',
  'range',
  'if-none-match',
  'if-modified-since',
  'if-range',
];
const passedBack = [
  'content-type',
  'content-range',
  'accept-ranges',
  'etag',
  'last-modified',
  'warning',
  'retry-after',
];
/** Reading a series image by image is one access, not thousands. */
const sameAccessMs = 60_000;

/**
 * The PACS under `/dicomweb/NAME`, so that one origin serves a viewer, the API and the PACS. Bodies stream both ways. Only
 * paths of QIDO-RS, WADO-RS and STOW-RS pass, only some headers, and no redirect is followed or passed back.
 */
export function dicomwebProxy({ proxies, audit, metrics, config, now }: ProxyOptions): RequestHandler {
  const accesses = new RecentAccesses(sameAccessMs);
  return async (request, response) => {
    const context = contextOf(response);
    const principal = principalOf(response);
    const [, name = '', rest = ''] = /^\/([^/?]*)(\/[^?]*)?/.exec(request.url) ?? [];
    const asked = proxiedPath(request.method, rest);
    const record = async (
      outcome: AuditRecord['outcome'],
      { what, study, series }: ProxiedPath,
      more: Pick<AuditRecord, 'status' | 'code'> = {},
    ): Promise<void> => {
      const store = what === 'dicomweb.store';
      if (!store && outcome === 'done' && !accesses.isNew([principal.id, what, name, study, series].join('|'))) return;
      await audit.write(
        {
          ...recordBase(request, context, now()),
          what,
          action: store ? 'create' : 'read',
          outcome,
          ...more,
          pacs: name,
          ...(study === undefined ? {} : { study }),
          ...(series === undefined ? {} : { series }),
        },
        store,
      );
    };
    const target = proxies.get(name);
    if (target === undefined)
      throw new UserError('pacs-unknown', 'There is no PACS of this name.', 'See /api/v1/service.');
    if (asked === undefined) {
      throw new UserError(
        'proxy-path-refused',
        'This is no address of QIDO-RS, WADO-RS or STOW-RS.',
        'Use the PACS directly for anything else.',
      );
    }
    context.route = `/dicomweb/:pacs (${asked.what})`;
    const started = performance.now();
    try {
      const isStore = asked.what === 'dicomweb.store';
      requireRole(principal, isStore ? 'annotator' : 'reader');
      if (isStore) requireStorable(request, target, config.http.stowBytes);
      if (isStore) await record('begun', asked);
      const answer = await target
        .forward({
          what: asked.what,
          method: request.method as 'GET' | 'HEAD' | 'POST',
          address: request.url.slice(name.length + 1),
          headers: picked(request.headers, passedOn),
          ...(isStore ? { body: limited(request, config.http.stowBytes) } : {}),
          authorization: principal.authorization,
          signal: context.gone,
        })
        .catch((error: unknown) => {
          throw ownFailure(error, target);
        });
      metrics.pacsAnswered(name, 'ok', (performance.now() - started) / 1000);
      await record(answer.status < 400 ? 'done' : 'refused', asked, { status: answer.status });
      writeHead(response, answer.status, answer.headers, isStore);
      await writeBody(request, response, answer.body, target, config);
    } catch (error) {
      if (response.headersSent || context.gone.aborted) {
        response.destroy();
        return;
      }
      const { problem } = answerError(error, context.id);
      if (problem.status >= 502) metrics.pacsAnswered(name, 'failed', (performance.now() - started) / 1000);
      if (problem.code !== 'audit-failed')
        await record(problem.status >= 500 ? 'failed' : 'refused', asked, {
          status: problem.status,
          code: problem.code,
        });
      throw error;
    }
  };
}

/** A PACS that sees the caller's own token and refuses it: the caller must sign in again. */
function ownFailure(error: unknown, { passThrough }: ProxyTarget): unknown {
  if (passThrough && error instanceof UserError && error.code === 'pacs-unauthorised')
    return notAuthenticated('The PACS does not accept your token.', 'Sign in again.', error);
  return error;
}

/** @throws UserError `pacs-read-only`, `content-type-unsupported`, `body-too-large` */
function requireStorable(request: Request, target: ProxyTarget, mostBytes: number): void {
  if (!target.writable) {
    throw new UserError(
      'pacs-read-only',
      `The PACS ${target.name} is configured as read-only.`,
      'The operator can set `writable` for it.',
    );
  }
  if (!/^multipart\/related\s*;/i.test(request.headers['content-type'] ?? '')) {
    throw new UserError(
      'content-type-unsupported',
      'STOW-RS takes multipart/related.',
      'Send Content-Type: multipart/related; type="application/dicom"; boundary=…',
    );
  }
  if (Number(request.headers['content-length'] ?? 0) > mostBytes) throw tooLarge(mostBytes);
}

const tooLarge = (most: number): UserError =>
  new UserError('body-too-large', `The body is larger than ${most} bytes.`, 'Send fewer objects at a time.');

async function* limited(request: Request, most: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > most) throw tooLarge(most);
    yield chunk;
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

function picked(headers: Headers, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

function writeHead(response: Response, status: number, headers: Headers, isStore: boolean): void {
  response.status(status);
  for (const [name, value] of Object.entries(picked(headers, passedBack))) response.setHeader(name, value);
  // answers of 400 and 409 come without a type and hold the outcome of each object
  if (isStore && !response.hasHeader('content-type')) response.setHeader('Content-Type', 'application/dicom+json');
  response.setHeader('Cache-Control', 'private, no-cache');
  // whatever the PACS sends is shown to be nothing but data
  response.setHeader('Content-Security-Policy', "default-src 'none'; sandbox; frame-ancestors 'none'");
  const length = headers['content-length'];
  if (typeof length === 'string' && !isJson(response)) response.setHeader('Content-Length', length);
}

const isJson = (response: Response): boolean => /\bjson\b/i.test(String(response.getHeader('content-type') ?? ''));

async function writeBody(
  request: Request,
  response: Response,
  body: AsyncIterable<Uint8Array>,
  { name, roots }: ProxyTarget,
  { http }: Config,
): Promise<void> {
  const source = Readable.from(body, { objectMode: false });
  if (!isJson(response)) return pipeline(source, response);
  const host = request.headers.host ?? 'localhost';
  const own = (http.publicUrl ?? `${request.protocol}://${host}`).replace(/\/+$/, '');
  return pipeline(source, new RewriteRoots(roots, `${own}/dicomweb/${name}`), response);
}

/** Accesses of the last minute, so that each is written down once. */
class RecentAccesses {
  private readonly seen = new Map<string, number>();

  constructor(private readonly ms: number) {}

  isNew(access: string): boolean {
    const now = performance.now();
    const last = this.seen.get(access);
    if (last !== undefined && now - last < this.ms) return false;
    if (this.seen.size >= 10_000) this.seen.clear();
    this.seen.set(access, now);
    return true;
  }
}
