/* eslint-disable @typescript-eslint/require-await -- promises are what the contracts have */
import { UserError } from '@medsam2/models';
import type {
  JobState,
  PromptAnswer,
  RunState,
  SaveState,
  SegmentState,
  SessionState,
  SliceScoreState,
  StreamEvent,
} from '@medsam2/protocol';
import { randomUUID } from 'node:crypto';
import type { Principal } from '../../identity.js';
import type { JobService } from '../../jobs/types.js';
import type { SaveService } from '../../saving/types.js';
import type { SessionService } from '../../sessions/types.js';

/**
 * Services that keep to the contracts without a model or a PACS, so that the HTTP layer is tested alone. Ownership,
 * identifiers and codes are as the contracts have them; masks are one run.
 */
export class MemorySessions implements SessionService {
  readonly sessions = new Map<
    string,
    { owner: string; state: SessionState; undo: SessionState[]; redo: SessionState[] }
  >();
  /** calls by name, with their arguments */
  readonly calls: [name: string, ...args: unknown[]][] = [];
  private readonly listeners = new Set<(id: string) => void>();

  async volumes(_principal: Principal, source: { pacs?: string; study: string; series: string }) {
    this.calls.push(['volumes', source]);
    return [volume];
  }

  async create(principal: Principal, request: Parameters<SessionService['create']>[1]) {
    const id = randomUUID();
    const state: SessionState = {
      id,
      revision: 1,
      source: request.source,
      phase: 'ready',
      loading: { done: 8, total: 8 },
      encoded: 0,
      model: { name: request.model ?? 'nano', sha256: 'a'.repeat(64), demonstration: true, device: 'cpu' },
      window: { choice: request.window, text: 'auto' },
      view: request.view ?? 'full',
      volume,
      segments: [],
      prompts: [],
      canUndo: false,
      canRedo: false,
      unsaved: false,
      created: new Date(0).toISOString(),
      idleAt: new Date(3.6e6).toISOString(),
    };
    this.sessions.set(id, { owner: principal.id, state, undo: [], redo: [] });
    return state;
  }

  async list(principal: Principal) {
    return [...this.sessions.values()]
      .filter(({ owner }) => owner === principal.id || principal.roles.has('admin'))
      .map(({ state }) => state);
  }

  async get(principal: Principal, id: string) {
    return this.own(principal, id).state;
  }

  change(principal: Principal, id: string, change: Parameters<SessionService['change']>[2]) {
    return this.update(principal, id, (state) => ({
      ...state,
      view: change.view ?? state.view,
      model: { ...state.model, name: change.model ?? state.model.name },
    }));
  }

  async remove(principal: Principal, id: string) {
    this.own(principal, id);
    this.sessions.delete(id);
    for (const listener of this.listeners) listener(id);
  }

  async images(principal: Principal, id: string) {
    this.own(principal, id);
    return [{ sopInstanceUid: '1.2.3' }];
  }

  async addSegment(principal: Principal, id: string, body: Parameters<SessionService['addSegment']>[2]) {
    const number = this.own(principal, id).state.segments.length + 1;
    const segment: SegmentState = {
      id: number,
      label: body.label ?? `Segment ${number}`,
      colour: body.colour ?? [255, 0, 0],
      terms: body.terms ?? terms,
      locked: body.locked ?? false,
      trackingUid: '2.25.1',
      slices: [],
    };
    await this.update(principal, id, (state) => ({ ...state, segments: [...state.segments, segment] }));
    return segment;
  }

  async changeSegment(
    principal: Principal,
    id: string,
    segment: number,
    body: Parameters<SessionService['changeSegment']>[3],
  ) {
    const found = this.segment(principal, id, segment);
    const changed: SegmentState = { ...found, ...body };
    await this.update(principal, id, (state) => ({
      ...state,
      segments: state.segments.map((one) => (one.id === segment ? changed : one)),
    }));
    return changed;
  }

  removeSegment(principal: Principal, id: string, segment: number) {
    this.segment(principal, id, segment);
    return this.update(principal, id, (state) => ({
      ...state,
      segments: state.segments.filter((one) => one.id !== segment),
    }));
  }

  async putPrompt(
    principal: Principal,
    id: string,
    prompt: string,
    body: Parameters<SessionService['putPrompt']>[3],
  ): Promise<PromptAnswer> {
    this.segment(principal, id, body.segment);
    const made = { id: prompt, segment: body.segment, drawing: body.drawing, slice: 0 };
    const { revision } = await this.update(principal, id, (state) => ({
      ...state,
      prompts: [...state.prompts.filter((one) => one.id !== prompt), made],
    }));
    return { revision, prompt: made, scores: [], masks: [], absent: [] };
  }

  removePrompt(principal: Principal, id: string, prompt: string) {
    if (!this.own(principal, id).state.prompts.some((one) => one.id === prompt))
      throw new UserError('prompt-not-found', 'There is no such prompt.', 'Look at the session.');
    return this.update(principal, id, (state) => ({
      ...state,
      prompts: state.prompts.filter((one) => one.id !== prompt),
    }));
  }

  async preview(principal: Principal, id: string, segment: number, drawings: Parameters<SessionService['preview']>[3]) {
    this.segment(principal, id, segment);
    const prompt = { id: randomUUID(), segment, drawing: drawings[0], slice: 0 };
    return { revision: 1, prompt, scores: [], masks: [], absent: [] };
  }

  async editSlice(
    principal: Principal,
    id: string,
    segment: number,
    slice: number,
    mask: Parameters<SessionService['editSlice']>[4],
  ): Promise<SliceScoreState> {
    this.segment(principal, id, segment);
    this.calls.push(['editSlice', mask]);
    return { segment, slice, revision: 1, iou: 1, presence: 10, origin: 'edited', pixels: 1 };
  }

  async propagate(principal: Principal, id: string, request: Parameters<SessionService['propagate']>[2]) {
    this.own(principal, id);
    this.calls.push(['propagate', request]);
    const run: RunState = { id: randomUUID(), kind: 'propagate', segments: [1], done: 0, total: 8, state: 'queued' };
    return run;
  }

  cancel(principal: Principal, id: string) {
    return this.get(principal, id);
  }

  async undo(principal: Principal, id: string) {
    const session = this.own(principal, id);
    const before = session.undo.pop();
    if (before === undefined) throw new UserError('nothing-to-undo', 'There is nothing to undo.', 'Go on.');
    session.redo.push(session.state);
    session.state = before;
    return before;
  }

  async redo(principal: Principal, id: string) {
    const session = this.own(principal, id);
    const after = session.redo.pop();
    if (after === undefined) throw new UserError('nothing-to-redo', 'There is nothing to do again.', 'Go on.');
    session.undo.push(session.state);
    session.state = after;
    return after;
  }

  reset(principal: Principal, id: string) {
    return this.update(principal, id, (state) => ({ ...state, prompts: [] }));
  }

  async *events(principal: Principal, id: string, after: number, signal: AbortSignal): AsyncGenerator<StreamEvent> {
    const { state } = this.own(principal, id);
    if (state.revision > after) yield { header: { type: 'state', session: state }, payload: new Uint8Array(0) };
    for (;;) {
      const ended = await new Promise<boolean>((resolve) => {
        const done = (value: boolean): void => {
          this.listeners.delete(listener);
          signal.removeEventListener('abort', aborted);
          resolve(value);
        };
        const listener = (changed: string): void => {
          if (changed === id) done(!this.sessions.has(id));
        };
        const aborted = (): void => done(true);
        this.listeners.add(listener);
        signal.addEventListener('abort', aborted);
        if (signal.aborted) aborted();
      });
      if (signal.aborted) return;
      if (ended) {
        yield { header: { type: 'closed', reason: 'removed' }, payload: new Uint8Array(0) };
        return;
      }
      const session = this.sessions.get(id);
      if (session) yield { header: { type: 'state', session: session.state }, payload: new Uint8Array(0) };
    }
  }

  /** listeners of streams that are open */
  get listening(): number {
    return this.listeners.size;
  }

  async changes(principal: Principal, id: string): Promise<StreamEvent[]> {
    const { state } = this.own(principal, id);
    return [{ header: { type: 'state', session: state }, payload: new Uint8Array(0) }];
  }

  async statistics(principal: Principal, id: string) {
    this.own(principal, id);
    return [];
  }

  async exportLabelMap(principal: Principal, id: string, format: 'nii.gz' | 'nrrd' | 'npz' | 'dcm') {
    this.own(principal, id);
    return {
      bytes: new Uint8Array([1, 2, 3]),
      fileName: `../etc/"Ünïcode"\r\n; x=.${format}`,
      contentType: 'application/octet-stream',
    };
  }

  async journal(principal: Principal, id: string) {
    this.own(principal, id);
    return '{"kind":"create"}\n';
  }

  async replay(principal: Principal, id: string, model: string) {
    const { state } = this.own(principal, id);
    return this.create(principal, { source: state.source, window: 'auto', model });
  }

  async save(principal: Principal, id: string): Promise<SaveState> {
    const { state } = this.own(principal, id);
    return memorySave(state.source.study, 'waiting');
  }

  memory() {
    return { used: this.sessions.size, budget: 2 ** 30, sessions: this.sessions.size };
  }

  async close() {
    this.calls.push(['close']);
  }

  private own(principal: Principal, id: string) {
    const session = this.sessions.get(id);
    if (session !== undefined && (session.owner === principal.id || principal.roles.has('admin'))) return session;
    throw new UserError('session-not-found', `There is no session ${id}.`, 'Create one.');
  }

  private segment(principal: Principal, id: string, segment: number): SegmentState {
    const found = this.own(principal, id).state.segments.find((one) => one.id === segment);
    if (found !== undefined) return found;
    throw new UserError('segment-not-found', `There is no segment ${segment}.`, 'Add it.');
  }

  private async update(principal: Principal, id: string, change: (state: SessionState) => SessionState) {
    const session = this.own(principal, id);
    if (session.undo.length < 20) session.undo.push(session.state);
    session.redo = [];
    session.state = { ...change(session.state), revision: session.state.revision + 1 };
    for (const listener of [...this.listeners]) listener(id);
    return session.state;
  }
}

const volume: NonNullable<SessionState['volume']> = {
  index: 0,
  label: '',
  modality: 'CT',
  kind: 'stack',
  slices: 8,
  rows: 64,
  columns: 64,
  spacing: [1, 1, 1],
  origin: [0, 0, 0],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  findings: [],
  rejected: false,
  overrulable: [],
};
const terms: SegmentState['terms'] = {
  category: { scheme: 'SCT', value: '91723000', meaning: 'Anatomical Structure' },
  type: { scheme: 'SCT', value: '10200004', meaning: 'Liver' },
};

export function memorySave(study: string, state: SaveState['state']): SaveState {
  return {
    id: randomUUID(),
    pacs: 'default',
    study,
    series: '2.25.2',
    sopInstanceUid: '2.25.3',
    description: 'Segmentation',
    state,
    attempts: 1,
    created: new Date(0).toISOString(),
    bytes: 3,
    warnings: [],
  };
}

export class MemorySaves implements SaveService {
  readonly saves = new Map<string, { owner: string; state: SaveState }>();

  async save(principal: Principal, request: Parameters<SaveService['save']>[1]) {
    const state = memorySave(request.object.studyInstanceUid, 'verified');
    this.saves.set(state.id, { owner: principal.id, state });
    return state;
  }
  async list(principal: Principal) {
    return [...this.saves.values()].filter(({ owner }) => owner === principal.id).map(({ state }) => state);
  }
  async get(principal: Principal, id: string) {
    return this.own(principal, id);
  }
  async retry(principal: Principal, id: string) {
    return this.own(principal, id);
  }
  async discard(principal: Principal, id: string) {
    return this.own(principal, id);
  }
  async object(principal: Principal, id: string) {
    this.own(principal, id);
    return new Uint8Array([1, 2, 3]);
  }
  subscribe() {
    return () => undefined;
  }
  backlog() {
    return { waiting: 0, refused: 0, damaged: 0 };
  }
  close() {
    return Promise.resolve();
  }
  private own(principal: Principal, id: string): SaveState {
    const save = this.saves.get(id);
    if (save !== undefined && (save.owner === principal.id || principal.roles.has('admin'))) return save.state;
    throw new UserError('save-not-found', 'There is no such save.', 'List the saves.');
  }
}

export class MemoryJobs implements JobService {
  readonly jobs = new Map<string, { owner: string; state: JobState }>();

  async submit(principal: Principal) {
    const state: JobState = {
      id: randomUUID(),
      state: 'queued',
      progress: 0,
      stage: 'queued',
      created: new Date(0).toISOString(),
      warnings: [],
    };
    this.jobs.set(state.id, { owner: principal.id, state });
    return state;
  }
  async list(principal: Principal) {
    return [...this.jobs.values()].filter(({ owner }) => owner === principal.id).map(({ state }) => state);
  }
  async get(principal: Principal, id: string) {
    const job = this.jobs.get(id);
    if (job !== undefined && (job.owner === principal.id || principal.roles.has('admin'))) return job.state;
    throw new UserError('job-not-found', 'There is no such job.', 'List the jobs.');
  }
  cancel(principal: Principal, id: string) {
    return this.get(principal, id);
  }
  load() {
    return Promise.resolve({ waiting: 0, running: 0 });
  }
  close() {
    return Promise.resolve();
  }
}
