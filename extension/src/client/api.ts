/** The server's API as methods; types alone come from the protocol. */
import type {
  ChangeSession,
  CreateSession,
  ModelInfo,
  Propagate,
  PromptAnswer,
  PromptBody,
  RunState,
  SaveBody,
  SaveState,
  SegmentBody,
  SegmentState,
  SegmentStatistics,
  ServiceInfo,
  SessionState,
  SliceScoreState,
  TermHit,
  VolumeInfo,
} from '@medsam2/protocol';
import { streamType } from '@medsam2/protocol/stream';
import type { ImageRef } from '../contract/viewer.js';
import type { Http, RequestOptions } from './http.js';

/** What defaults fill in need not be said. */
export type CreateBody = Partial<CreateSession> & Pick<CreateSession, 'source'>;
export type PropagateBody = Partial<Omit<Propagate, 'stop'>>;
export type SaveRequestBody = Partial<SaveBody>;
/** runs in base64 */
export interface MaskBody {
  readonly rows: number;
  readonly columns: number;
  readonly runs: string;
}

const probeMs = 8_000;
/** The server itself waits for images up to 30 s, and a large model's first answer takes its time. */
const promptMs = 90_000;
/** until the PACS has taken and given back a large object */
const saveMs = 300_000;

type Signal = Pick<RequestOptions, 'signal'>;

/** @throws ApiError from every method */
export class Api {
  constructor(private readonly http: Http) {}

  service = (): Promise<ServiceInfo> => this.http.ask('GET', '/service', { timeoutMs: probeMs });

  async models(): Promise<readonly ModelInfo[]> {
    return (await this.http.ask<{ models: ModelInfo[] }>('GET', '/models')).models;
  }

  async terms(query: string): Promise<readonly TermHit[]> {
    return (await this.http.ask<{ terms: TermHit[] }>('GET', `/terms?q=${encodeURIComponent(query)}&limit=20`)).terms;
  }

  /** @param pacs default: the server's first */
  async volumes(study: string, series: string, pacs?: string, signal?: AbortSignal): Promise<readonly VolumeInfo[]> {
    const path = `/studies/${study}/series/${series}/volumes${pacs === undefined ? '' : `?pacs=${pacs}`}`;
    return (
      await this.http.ask<{ volumes: VolumeInfo[] }>('GET', path, { timeoutMs: promptMs, ...optional({ signal }) })
    ).volumes;
  }

  async sessions(): Promise<readonly SessionState[]> {
    return (await this.http.ask<{ sessions: SessionState[] }>('GET', '/sessions')).sessions;
  }

  create = (body: CreateBody): Promise<SessionState> =>
    this.http.ask('POST', '/sessions', { body, timeoutMs: promptMs });

  session = (id: string): Promise<SessionState> => this.http.ask('GET', `/sessions/${id}`, { timeoutMs: promptMs });

  change = (id: string, body: ChangeSession): Promise<SessionState> =>
    this.http.ask('PATCH', `/sessions/${id}`, { body, timeoutMs: promptMs });

  remove = (id: string): Promise<void> => this.http.ask('DELETE', `/sessions/${id}`);

  /** by slice */
  async images(id: string): Promise<readonly ImageRef[]> {
    const answer = await this.http.ask<{ images: ImageRef[] }>('GET', `/sessions/${id}/images`, {
      timeoutMs: promptMs,
    });
    return answer.images;
  }

  /** @param after what came with this revision or before is known already */
  events = (id: string, after: number, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> =>
    this.http.open(`/sessions/${id}/events?after=${after}`, streamType, signal);

  addSegment = (id: string, body: SegmentBody): Promise<SegmentState> =>
    this.http.ask('POST', `/sessions/${id}/segments`, { body });

  changeSegment = (id: string, segment: number, body: SegmentBody): Promise<SegmentState> =>
    this.http.ask('PATCH', `/sessions/${id}/segments/${segment}`, { body });

  removeSegment = (id: string, segment: number): Promise<SessionState> =>
    this.http.ask('DELETE', `/sessions/${id}/segments/${segment}`);

  putPrompt = (
    id: string,
    prompt: string,
    body: Omit<PromptBody, 'preview'>,
    options: Signal = {},
  ): Promise<PromptAnswer> =>
    this.http.ask('PUT', `/sessions/${id}/prompts/${prompt}`, { body, timeoutMs: promptMs, ...options });

  removePrompt = (id: string, prompt: string): Promise<SessionState> =>
    this.http.ask('DELETE', `/sessions/${id}/prompts/${prompt}`, { timeoutMs: promptMs });

  editSlice = (id: string, segment: number, slice: number, mask: MaskBody): Promise<SliceScoreState> =>
    this.http.ask('PUT', `/sessions/${id}/segments/${segment}/slices/${slice}`, { body: { mask } });

  propagate = (id: string, body: PropagateBody): Promise<RunState> =>
    this.http.ask('POST', `/sessions/${id}/propagate`, { body, timeoutMs: promptMs });

  cancel = (id: string): Promise<SessionState> => this.http.ask('POST', `/sessions/${id}/cancel`);

  move = (id: string, direction: 'undo' | 'redo'): Promise<SessionState> =>
    this.http.ask('POST', `/sessions/${id}/${direction}`);

  /** @param segment default: all that are not locked */
  reset = (id: string, segment?: number): Promise<SessionState> =>
    this.http.ask('POST', `/sessions/${id}/reset`, { body: optional({ segment }) });

  async statistics(id: string): Promise<readonly SegmentStatistics[]> {
    const path = `/sessions/${id}/statistics`;
    return (await this.http.ask<{ statistics: SegmentStatistics[] }>('GET', path, { timeoutMs: promptMs })).statistics;
  }

  save = (id: string, body: SaveRequestBody): Promise<SaveState> =>
    this.http.ask('POST', `/sessions/${id}/save`, { body, timeoutMs: saveMs });

  async saves(): Promise<readonly SaveState[]> {
    return (await this.http.ask<{ saves: SaveState[] }>('GET', '/saves')).saves;
  }

  retrySave = (save: string): Promise<SaveState> =>
    this.http.ask('POST', `/saves/${save}/retry`, { timeoutMs: saveMs });
}

/** The fields that are given. */
export function optional<Value extends object>(
  value: Value,
): { [Key in keyof Value]?: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never;
}
