import type { Role } from '@medsam2/protocol';
import { Agent, request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { configSchema, type Config, type ConfigInput } from '../../config/index.js';
import { createApp, type App, type AppDeps } from '../app.js';
import { readAudit } from '../audit/read.js';
import type { AuditRecord } from '../audit/record.js';
import { openAuditTrail } from '../audit/trail.js';
import { localUser, withIncluded, type Authenticator } from '../auth/authenticator.js';
import { createLogger } from '../logging.js';
import { Metrics } from '../metrics.js';
import { listen } from '../server.js';
import { SourceLookup } from '../source-lookup.js';
import { MemoryJobs, MemorySaves, MemorySessions } from './memory-services.js';

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** parsed, where it is JSON */
  readonly body: unknown;
}

export interface TestRequest {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: unknown;
  /** as it is, instead of `body` */
  readonly raw?: string | Uint8Array;
}

export interface TestServer {
  readonly port: number;
  readonly app: App;
  readonly config: Config;
  readonly sessions: MemorySessions;
  readonly saves: MemorySaves;
  readonly jobs: MemoryJobs;
  readonly folder: string;
  readonly stopping: AbortController;
  /** the path is sent as it is, dots and all */
  ask(method: string, path: string, options?: TestRequest): Promise<Answered>;
  audit(): AuditRecord[];
  log(): Record<string, unknown>[];
  close(graceMs?: number): Promise<void>;
}

/** Users by name, for tests of ownership and roles: `Authorization: Bearer NAME:ROLE`. */
export const namedUsers: Authenticator = {
  authenticate: ({ authorization }) => {
    const [, id = 'local', role = 'admin'] = /^Bearer (\w+):(\w+)$/.exec(authorization ?? '') ?? [];
    return Promise.resolve({ id, roles: withIncluded([role as Role]), authorization });
  },
};

/** The application on a free port of 127.0.0.1, with services in memory and the real audit, log and metrics. */
export async function startTestServer(
  options: { readonly config?: ConfigInput; readonly deps?: Partial<AppDeps> } = {},
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'medsam2-http-'));
  const config = configSchema.parse({ ...options.config, http: { port: 0, ...options.config?.http } });
  const [sessions, saves, jobs] = [new MemorySessions(), new MemorySaves(), new MemoryJobs()];
  const directory = join(folder, 'audit');
  const audit = await openAuditTrail({ directory, fileBytes: config.audit.fileBytes });
  const lines: string[] = [];
  const output = new PassThrough().on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  const stopping = new AbortController();
  const app = createApp({
    config,
    version: '0.0.0',
    services: {
      sessions,
      saves,
      jobs,
      models: { list: () => Promise.resolve([]) },
      searchTerms: () => [],
      service: {
        name: 'medsam2',
        version: '0.0.0',
        auth: config.auth.mode,
        pacs: [{ name: 'default', writable: true }],
        limits: { sessionsPerUser: 8, volumeBytes: 1, bodyBytes: 1 },
      },
      readAudit: (query) => readAudit(directory, query),
      sources: new SourceLookup(sessions),
    },
    authenticator: localUser(),
    audit,
    log: createLogger({ level: 'info', pretty: 'never' }, output),
    metrics: new Metrics(),
    readiness: () => Promise.resolve({ ready: true, checks: [] }),
    proxies: new Map(),
    stopping: stopping.signal,
    ...options.deps,
  });
  const listening = await listen(app.express, config.http);
  const { port } = listening.address;
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  return {
    port,
    app,
    config,
    sessions,
    saves,
    jobs,
    folder,
    stopping,
    ask: (method, path, request) => ask(agent, port, method, path, request),
    audit: () =>
      readdirSync(directory)
        .sort()
        .flatMap((name) => readFileSync(join(directory, name), 'utf8').trim().split('\n'))
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as AuditRecord),
    log: () =>
      lines
        .join('')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    close: async (graceMs = 1000) => {
      stopping.abort();
      agent.destroy();
      await listening.close(graceMs);
      app.close();
      await audit.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function ask(
  agent: Agent,
  port: number,
  method: string,
  path: string,
  { headers = {}, body, raw }: TestRequest = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const outgoing = request(
      {
        agent,
        host: '127.0.0.1',
        port,
        method,
        path,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(content === undefined ? {} : { 'content-length': Buffer.byteLength(content) }),
          ...headers,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const isJson = /json$/.test(incoming.headers['content-type']?.split(';')[0] ?? '') && bytes.length > 0;
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            bytes,
            body: isJson ? (JSON.parse(bytes.toString()) as unknown) : undefined,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(content);
  });
}
