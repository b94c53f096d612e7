import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What the HTTP layer tells of the requests it answered. */
export interface HttpMetrics {
  answered(method: string, route: string, status: number, seconds: number): void;
}

/** Where values come from that are only read when somebody asks. */
export interface MetricSources {
  sessions(): { readonly used: number; readonly budget: number; readonly sessions: number };
  jobs(): Promise<{ readonly waiting: number; readonly running: number }>;
  saves(): { readonly waiting: number; readonly refused: number };
  streams(): number;
}

/** Prometheus metrics of one server; a registry of its own, so that several servers live in one process. */
export class Metrics implements HttpMetrics {
  readonly registry = new Registry();
  private readonly http: Histogram<'method' | 'route' | 'status'>;
  private readonly slices: Counter<'model'>;
  private readonly saves: Counter<'state'>;
  private readonly pacs: Histogram<'pacs' | 'outcome'>;

  constructor(options: { readonly process?: boolean } = {}) {
    const registers = [this.registry];
    if (options.process === true) collectDefaultMetrics({ register: this.registry });
    this.http = new Histogram({
      name: 'medsam2_http_request_seconds',
      help: 'Time from the request to the end of its answer',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.05, 0.15, 0.5, 1, 2, 5, 15, 60],
      registers,
    });
    this.slices = new Counter({
      name: 'medsam2_slices_total',
      help: 'Slices segmented; its rate is slices per second',
      labelNames: ['model'],
      registers,
    });
    this.saves = new Counter({
      name: 'medsam2_saves_total',
      help: 'Segmentations that reached a state',
      labelNames: ['state'],
      registers,
    });
    this.pacs = new Histogram({
      name: 'medsam2_pacs_seconds',
      help: 'Time until a PACS answered a small query or the head of a proxied request',
      labelNames: ['pacs', 'outcome'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30],
      registers,
    });
  }

  answered(method: string, route: string, status: number, seconds: number): void {
    // methods that Express does not know end as 404; anything a client invents must not become a label
    const known = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$/.test(method) ? method : 'other';
    this.http.observe({ method: known, route, status: `${status}` }, seconds);
  }

  segmented(model: string, slices: number): void {
    this.slices.inc({ model }, slices);
  }

  saved(state: string): void {
    this.saves.inc({ state });
  }

  pacsAnswered(pacs: string, outcome: 'ok' | 'failed', seconds: number): void {
    this.pacs.observe({ pacs, outcome }, seconds);
  }

  /** Values that are asked for when the metrics are read. */
  watch(sources: MetricSources): void {
    const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        async collect() {
          this.set(await read());
        },
      });
    };
    gauge('medsam2_sessions', 'Sessions in memory', () => sources.sessions().sessions);
    gauge('medsam2_session_memory_bytes', 'Bytes of voxels, features and masks held', () => sources.sessions().used);
    gauge('medsam2_session_memory_budget_bytes', 'Bytes that may be held', () => sources.sessions().budget);
    gauge('medsam2_streams', 'Event streams open', () => sources.streams());
    gauge('medsam2_saves_waiting', 'Segmentations on disk that wait for a PACS', () => sources.saves().waiting);
    gauge('medsam2_saves_refused', 'Segmentations that a PACS will not take', () => sources.saves().refused);
    gauge('medsam2_jobs_waiting', 'Jobs that wait', async () => (await sources.jobs()).waiting);
    gauge('medsam2_jobs_running', 'Jobs that run', async () => (await sources.jobs()).running);
  }
}
