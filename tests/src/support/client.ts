import {
  apiPath,
  decodeRuns,
  StreamDecoder,
  type EventHeader,
  type PromptAnswer,
  type RunState,
  type SaveState,
  type SessionState,
  type StreamEvent,
} from '@medsam2/protocol';
import { randomUUID } from 'node:crypto';

export interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
}

/** A user of the server's API, as a viewer is one. */
export class Client {
  constructor(
    readonly url: string,
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {}

  async ask<Body>(method: string, path: string, body?: unknown): Promise<Answer<Body>> {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...this.headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as Body };
  }

  /** The body of an answer that must have a status of 2xx. */
  async must<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await this.ask<Body>(method, `${apiPath}${path}`, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  create = (source: SessionState['source'], more: object = {}): Promise<SessionState> =>
    this.must('POST', '/sessions', { source, ...more });

  addSegment = (session: string, label: string): Promise<{ id: number }> =>
    this.must('POST', `/sessions/${session}/segments`, { label });

  /** Draws a prompt; with the identifier of one that exists it is moved. */
  prompt = (session: string, segment: number, drawing: object, id: string = randomUUID()): Promise<PromptAnswer> =>
    this.must('PUT', `/sessions/${session}/prompts/${id}`, { segment, drawing });

  propagate = (session: string, body: object = {}): Promise<RunState> =>
    this.must('POST', `/sessions/${session}/propagate`, body);

  save = (session: string, body: object = {}): Promise<SaveState> =>
    this.must('POST', `/sessions/${session}/save`, body);

  /** Events of a session until `enough` says so, or the stream ends. */
  async *events(session: string, after = 0, signal?: AbortSignal): AsyncGenerator<StreamEvent> {
    const answer = await fetch(`${this.url}${apiPath}/sessions/${session}/events?after=${after}`, {
      headers: this.headers,
      ...(signal ? { signal } : {}),
    });
    if (answer.status !== 200) throw new Error(`events: ${answer.status} ${await answer.text()}`);
    const decoder = new StreamDecoder();
    if (answer.body === null) return;
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) yield* decoder.push(chunk);
  }

  async hear(session: string, enough: (header: EventHeader) => boolean, after = 0): Promise<StreamEvent[]> {
    const events: StreamEvent[] = [];
    for await (const event of this.events(session, after)) {
      events.push(event);
      if (enough(event.header)) return events;
    }
    throw new Error(`the stream ended: ${JSON.stringify(events.at(-1)?.header)}`);
  }

  /** Waits until the images are there. @throws when they cannot be had */
  async ready(session: string): Promise<SessionState> {
    const events = await this.hear(
      session,
      (header) => header.type === 'state' && ['ready', 'failed'].includes(header.session.phase),
    );
    const last = events.at(-1)?.header;
    if (last?.type === 'state' && last.session.phase === 'ready') return last.session;
    throw new Error(`the session failed: ${JSON.stringify(last)}`);
  }

  /** Propagates and waits for the end; the masks of everything that changed, by segment and slice. */
  async propagated(session: string, body: object = {}, after = 0): Promise<StreamEvent[]> {
    // a stream begins with how the last run ended
    const { run: last } = await this.must<SessionState>('GET', `/sessions/${session}`);
    const heard = this.hear(
      session,
      (header) => header.type === 'run' && header.run.id !== last?.id && over(header.run),
      after,
    );
    await this.propagate(session, body);
    const events = await heard;
    const end = events.at(-1)?.header;
    if (end?.type !== 'run' || end.run.state !== 'done') throw new Error(`the run ended: ${JSON.stringify(end)}`);
    return events;
  }

  /** Every mask of a session now, `segment/slice` to [row][column]; empty ones are left out. */
  async masks(session: string): Promise<Map<string, Uint8Array>> {
    const masks = new Map<string, Uint8Array>();
    const answer = await fetch(`${this.url}${apiPath}/sessions/${session}/changes?after=0`, { headers: this.headers });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    for (const { header, payload } of new StreamDecoder().push(bytes)) {
      if (header.type !== 'slice' || header.pixels === 0) continue;
      masks.set(`${header.segment}/${header.slice}`, decodeRuns(payload, header.rows * header.columns));
    }
    return masks;
  }
}

/** Whether a run has ended, in whatever way. */
export const over = ({ state }: RunState): boolean => ['done', 'failed', 'cancelled'].includes(state);
