import express, { Router, type NextFunction, type Request, type Response } from 'express';
import type { BridgeDeps } from './deps.js';
import { BridgeError, failureOf } from './errors.js';
import { Exchange, type Answer } from './exchange.js';
import { drained, isOfWebPage, webPageRefused } from './http.js';
import { basicCredentials, identify } from './identity.js';
import { bridgeSettingsSchema, type BridgeSettingsInput } from './settings.js';
import { resultFile } from './work/result-file.js';

export interface SlicerBridge {
  /** answers the plug-in's requests below any path prefix; everything else is passed on */
  readonly router: Router;
  /** forgets all clients and removes the private folder */
  close(): Promise<void>;
}

const endpoint = /^(.{0,256}?)\/(upload|upload_model|upload_config|run_script|improve|download_file|status)\/?$/;
/** What is not POST alone. A download ends its click, so that looking at its headers is not offered. */
const methods: Readonly<Record<string, readonly string[]>> = {
  download_file: ['GET', 'POST'],
  status: ['GET', 'HEAD', 'POST'],
};
/** A form has a handful of short fields. */
const formBytes = 16 * 1024;

/**
 * The MedSAMSlicer plug-in's server as an Express router (specification sections 3 to 6; docs/slicer.md).
 *
 * The application that mounts it decides with `trust proxy` what a client's address is, and must not limit the time of a
 * request: runs take as long as they take.
 */
export function createSlicerBridge(deps: BridgeDeps, input: BridgeSettingsInput = {}): SlicerBridge {
  const exchange = new Exchange(deps, bridgeSettingsSchema.parse(input));
  const router = Router({ caseSensitive: true });
  // Reads the form by the headers alone, so a GET may have a body.
  router.use(express.urlencoded({ extended: false, limit: formBytes, parameterLimit: 32, inflate: false }));
  router.use(
    (request, response, next) => void serve(exchange, deps, request, response).then((mine) => mine || next(), next),
  );
  router.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    // a form that cannot be read, or a defect; the answer must be complete all the same
    if (response.headersSent) return next(error);
    const isForm = typeof error === 'object' && error !== null && 'status' in error && error.status !== 500;
    const failure = isForm
      ? {
          status: 400,
          code: 'form-unreadable',
          message: 'The form cannot be read.',
          remedy: 'Use the plug-in unchanged.',
        }
      : failureOf(error);
    const fields = { status: failure.status, code: failure.code };
    if (isForm) deps.log.warn('request failed', fields);
    else deps.log.error('request failed', fields, error);
    const name = endpoint.exec(request.path)?.[2];
    return void failureAnswer(name, failure).then((answer) => send(response, answer, name), next);
  });
  return { router, close: () => exchange.close() };
}

/** @returns whether the request was the bridge's */
async function serve(exchange: Exchange, deps: BridgeDeps, request: Request, response: Response): Promise<boolean> {
  const [, prefix, name] = endpoint.exec(request.path) ?? [];
  if (name === undefined) return false;
  const identity = identify(request.ip ?? '', prefix, request.headers);
  const gone = new AbortController();
  response.on('close', () => response.writableFinished || gone.abort());
  const refusal = await refusalOf(deps, name, request);
  // a connection that was lost meanwhile says so no second time
  if (gone.signal.aborted || request.socket.destroyed) return true;
  if (refusal !== undefined) {
    deps.log.warn(`${name} refused`, { client: identity.short, status: refusal.status, code: refusal.code });
    // The body is taken all the same: the plug-in freezes when it cannot finish sending.
    await drained(request);
    send(response, await failureAnswer(name, refusal), name);
    return true;
  }
  if (name === 'status') {
    send(response, { status: 200, body: statusText(exchange.journal(identity.place)) }, name);
    return true;
  }
  const answer = await answerTo(exchange, name, identity, prefix, request, gone.signal);
  if (answer === undefined) return true;
  if ('sent' in answer) {
    if (gone.signal.aborted) answer.sent(false);
    else response.on('close', () => answer.sent(response.writableFinished));
  }
  send(response, answer, name);
  return true;
}

type Downloaded = Awaited<ReturnType<Exchange['download']>>;

/** @returns undefined when the client went away and nobody waits for an answer */
async function answerTo(
  exchange: Exchange,
  name: string,
  identity: ReturnType<typeof identify>,
  prefix: string,
  request: Request,
  signal: AbortSignal,
): Promise<Answer | Downloaded | undefined> {
  let client;
  try {
    client = exchange.client(identity, prefix !== '');
  } catch (error) {
    await drained(request);
    return failureAnswer(name, failureOf(error));
  }
  try {
    switch (name) {
      case 'upload':
        return await exchange.upload(client, request, signal);
      case 'upload_model':
        return await exchange.uploadModel(client, request);
      case 'upload_config':
        return await exchange.uploadConfig(client, request);
      case 'run_script':
      case 'improve':
        return await exchange.run(client, { name, fields: fieldsOf(request.body) }, signal);
      default:
        return await exchange.download(client);
    }
  } catch (error) {
    if (signal.aborted) {
      client.note(`${name} was broken off: the connection was closed`);
      return undefined;
    }
    return failureAnswer(name, exchange.report(client, name, failureOf(error), error));
  } finally {
    client.touch();
  }
}

async function refusalOf(
  { authenticate }: BridgeDeps,
  name: string,
  request: Request,
): Promise<BridgeError | undefined> {
  if (isOfWebPage(request)) return webPageRefused();
  const wanted = methods[name] ?? ['POST'];
  if (!wanted.includes(request.method)) {
    return new BridgeError(405, 'method', `${request.method} is not answered here.`, `Use ${wanted.join(' or ')}.`);
  }
  if (authenticate === undefined || (await authenticate(basicCredentials(request.headers)))) return undefined;
  return new BridgeError(
    401,
    'credentials',
    'The user or the password is wrong or missing.',
    'Write user:password@ before the address in the plug-in’s IP field.',
  );
}

/** A failure outside any click, in the form that its endpoint is read in. */
async function failureAnswer(
  name: string | undefined,
  { status, message, remedy }: { readonly status: number; readonly message: string; readonly remedy: string },
): Promise<Answer> {
  const text = `${message} ${remedy}`;
  if (name !== 'download_file') return { status, body: `Error: ${text}` };
  return { status, body: await resultFile({ slices: 1, rows: 1, columns: 1 }, undefined, text) };
}

function send(response: Response, { status, body }: Answer, name: string | undefined): void {
  response.status(status).set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
  if (status === 401) response.set('WWW-Authenticate', 'Basic realm="segmentation"');
  if (typeof body === 'string') return void response.type('text/plain').send(body);
  if (name === 'download_file') response.set('Content-Disposition', 'attachment; filename=img_data.npz');
  response.type('application/octet-stream').send(body);
}

const statusText = (lines: readonly string[]): string =>
  `The segmentation server for 3D Slicer is running.\n${lines.length === 0 ? 'Nothing was asked from this address yet.' : lines.join('\n')}\n`;

function fieldsOf(body: unknown): Record<string, string | undefined> {
  if (typeof body !== 'object' || body === null) return {};
  const entries = Object.entries(body).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(entries);
}
