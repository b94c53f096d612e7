import type { CreateSession, SaveState, SessionState, StreamEvent } from '@medsam2/protocol';
import { createSessionSchema, propagateSchema, type Propagate } from '@medsam2/protocol';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ResolvedModel } from '@medsam2/models';
import { Segmenter } from '../../engine/segmenter.js';
import { MemoryRunner, toyArchitecture, toySliceBytes } from '../../engine/testing/memory-runner.js';
import type { Principal } from '../../identity.js';
import type { SaveRequest } from '../../saving/types.js';
import { ModelHost, type ModelHostOptions } from '../models.js';
import { pacsSeriesSource } from '../pacs-source.js';
import { createSessionService, type SessionServiceOptions } from '../service.js';
import type { SessionService } from '../types.js';
import { MemoryPacs } from './memory-pacs.js';

export const user = (
  id: string,
  ...roles: Principal['roles'] extends ReadonlySet<infer Role> ? Role[] : never
): Principal => ({
  id,
  roles: new Set(roles.length === 0 ? ['annotator'] : roles),
});
export const ada = user('ada');

/** A model of a few lines of arithmetic (bright pixels are the object), under any name. */
export function toyModel(name: string): ResolvedModel {
  return {
    name,
    directory: '',
    manifest: undefined as never,
    architecture: toyArchitecture,
    graphPaths: undefined as never,
    checkpoint: undefined as never,
    weightsSha256: name.padEnd(64, '0'),
    view: 'full',
    following: 'memory',
    demonstration: true,
    embedded: false,
    licence: undefined as never,
  };
}

export interface Harness {
  readonly folder: string;
  readonly pacs: MemoryPacs;
  readonly models: ModelHost;
  /** toy models that were opened */
  readonly runners: MemoryRunner[];
  readonly saved: SaveRequest[];
  /** tells sessions of a change of a save */
  readonly tellSave: (save: SaveState, origin: string) => void;
  readonly problems: string[];
  /** a service on the folder; the one before is left as a crash would leave it unless it was closed */
  readonly start: (options?: Partial<SessionServiceOptions>) => Promise<SessionService>;
  /** a service that has crashed: it cannot be closed */
  readonly abandon: (service: SessionService) => void;
  readonly end: () => Promise<void>;
}

export async function harness(models?: Partial<ModelHostOptions>): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), 'medsam2-sessions-'));
  const pacs = new MemoryPacs();
  const runners: MemoryRunner[] = [];
  const host = new ModelHost({
    resolve: (name) => Promise.resolve(toyModel(name ?? 'toy')),
    open: () => {
      const runner = new MemoryRunner();
      runners.push(runner);
      return Promise.resolve({
        segmenter: new Segmenter(runner, { featureBudget: 200 * toySliceBytes }),
        device: 'cpu',
      });
    },
    maxOpen: 2,
    ...models,
  });
  const saved: SaveRequest[] = [];
  const listeners = new Set<(save: SaveState, origin: string, owner: string) => void>();
  const problems: string[] = [];
  const services: SessionService[] = [];
  return {
    folder,
    pacs,
    models: host,
    runners,
    saved,
    tellSave: (save, origin) => listeners.forEach((listener) => listener(save, origin, '')),
    problems,
    start: async (options = {}) => {
      const service = await createSessionService({
        folder,
        source: pacsSeriesSource(new Map([[pacs.name, pacs]])),
        models: host,
        saving: {
          save: (_principal, request) => {
            saved.push(request);
            return Promise.resolve(savedState(request));
          },
          subscribe: (listener) => {
            listeners.add(listener);
            return () => listeners.delete(listener);
          },
        },
        software: { name: 'test', version: '0.0.0', deviceSerialNumber: '1' },
        log: (message, error) => problems.push(`${message}: ${String(error)}`),
        ...options,
      });
      services.push(service);
      return service;
    },
    abandon: (service) => void services.splice(services.indexOf(service), 1),
    end: async () => {
      await Promise.all(services.map((service) => service.close()));
      await host.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const savedState = (
  { pacs, object, description }: SaveRequest,
  state: SaveState['state'] = 'sending',
): SaveState => ({
  id: randomUUID(),
  pacs,
  study: object.studyInstanceUid,
  series: object.seriesInstanceUid,
  sopInstanceUid: object.sopInstanceUid,
  description,
  state,
  attempts: 1,
  created: new Date().toISOString(),
  bytes: object.bytes.length,
  warnings: [],
});

export const request = (source: CreateSession['source'], more: Partial<CreateSession> = {}): CreateSession =>
  createSessionSchema.parse({ source, ...more });

export const propagation = (more: Partial<Propagate> | object = {}): Propagate => propagateSchema.parse(more);

/** A new session with its images loaded. */
export async function ready(
  service: SessionService,
  principal: Principal,
  create: CreateSession,
): Promise<SessionState> {
  const { id } = await service.create(principal, create);
  return until(service, principal, id, ({ phase }) => phase !== 'loading');
}

/** The state once it is as wanted. Looks again and again: streams have their own tests. */
export async function until(
  service: SessionService,
  principal: Principal,
  id: string,
  isWanted: (state: SessionState) => boolean,
): Promise<SessionState> {
  for (let round = 0; round < 6000; round++) {
    const state = await service.get(principal, id);
    if (isWanted(state)) return state;
    await delay(5);
  }
  throw new Error('the session never came to be as wanted');
}

export const runEnded = ({ run }: SessionState): boolean => run !== undefined && run.state !== 'running';

/** Every mask of a session: segment and slice -> runs. */
export async function masksOf(service: SessionService, principal: Principal, id: string): Promise<Map<string, string>> {
  const events = await service.changes(principal, id, 0);
  return new Map(
    events.flatMap(({ header, payload }): [string, string][] =>
      header.type === 'slice' && payload.length > 0
        ? [[`${header.segment}/${header.slice}`, Buffer.from(payload).toString('base64')]]
        : [],
    ),
  );
}

export const slicesIn = (events: readonly StreamEvent[]): number[] =>
  events.flatMap(({ header }) => (header.type === 'slice' ? [header.slice] : []));
