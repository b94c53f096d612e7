import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import type { Config } from '../config/index.js';
import { setContext, type RequestContext } from './context.js';
import type { HttpMetrics } from './metrics.js';

/** What must not stand in a log, wherever an object brings it along. */
const redacted = ['authorization', 'cookie', 'x-api-key', 'password', 'token', 'clientSecret'].flatMap((name) => [
  `["${name}"]`,
  `*["${name}"]`,
  `*.headers["${name}"]`,
]);

/**
 * Logs as JSON lines; readable ones on a terminal.
 *
 * @param destination where lines go; default: standard output
 */
export function createLogger(
  { level, pretty }: Config['logs'],
  destination: NodeJS.WritableStream & { readonly isTTY?: boolean },
): Logger {
  const readable = pretty === 'always' || (pretty === 'auto' && destination.isTTY === true);
  const stream: DestinationStream = {
    write: (line) => void destination.write(readable ? readableLine(line) : line),
  };
  return pino(
    {
      level,
      base: undefined,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redacted, censor: '[redacted]' },
      serializers: { err: describeDefect },
    },
    stream,
  );
}

/** Name, code and where of an error; its message may quote what a file or an answer held, so it stays out. */
function describeDefect(error: unknown): unknown {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code } = error as { code?: unknown };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    stack: frames.map((line) => line.trim()).slice(0, 20),
    ...(error.cause === undefined ? {} : { cause: describeDefect(error.cause) }),
  };
}

function readableLine(line: string): string {
  const { time, level, msg, err, ...rest } = JSON.parse(line) as Record<'time' | 'level' | 'msg', string> & {
    err?: unknown;
  };
  const pairs = Object.entries(rest).map(
    ([name, value]: [string, unknown]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const trace = err === undefined ? '' : `\n${JSON.stringify(err, null, 2)}`;
  return `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${msg ?? ''}${pairs.join('')}${trace}\n`;
}

/** Gives every request its number and context, and writes one line when it has been answered. */
export function requestLog(log: Logger, metrics: HttpMetrics): RequestHandler {
  return (request, response, next) => {
    const id = randomUUID();
    const started = performance.now();
    const gone = new AbortController();
    const context: RequestContext = { id, log: log.child({ request: id }), gone: gone.signal, route: '(none)' };
    setContext(response, context);
    response.setHeader('x-request-id', id);
    response.once('close', () => {
      const ms = Math.round((performance.now() - started) * 10) / 10;
      const finished = response.writableFinished;
      if (!finished) gone.abort(new DOMException('The client has gone.', 'AbortError'));
      const { route, principal, code } = context;
      const status = response.statusCode;
      const line = {
        method: request.method,
        route,
        status,
        ms,
        ...(principal === undefined ? {} : { user: principal.id }),
        ...(code === undefined ? {} : { code }),
        ...(finished ? {} : { aborted: true }),
      };
      context.log[status >= 500 ? 'warn' : 'info'](line, 'request');
      metrics.answered(request.method, route, status, ms / 1000);
    });
    next();
  };
}
