import type { RequestHandler } from 'express';

/** Whether one thing that the server needs is there. */
export interface Check {
  readonly name: string;
  /** `degraded`: others still can be served */
  readonly state: 'ok' | 'degraded' | 'failed';
  /** one sentence without secrets */
  readonly reason: string;
}

/** Something that is looked at now and then; `critical`: without it nobody can be served. */
export interface Probe {
  readonly name: string;
  readonly critical: boolean;
  readonly cacheMs: number;
  /** @returns what is wrong, or what is right, in one sentence */
  readonly look: () => Promise<{ readonly ok: boolean; readonly reason: string }>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly Check[];
}

const slowMs = 8000;

/** Looks at everything at most once per its time, however many ask. */
export class ReadinessProbes {
  private readonly seen = new Map<string, { readonly until: number; readonly check: Promise<Check> }>();

  constructor(
    private readonly probes: readonly Probe[],
    private readonly now: () => number = () => performance.now(),
  ) {}

  async look(): Promise<Readiness> {
    const checks = await Promise.all(this.probes.map((probe) => this.checkOf(probe)));
    const ready = checks.every(({ state }) => state !== 'failed');
    return { ready, checks };
  }

  private checkOf(probe: Probe): Promise<Check> {
    const seen = this.seen.get(probe.name);
    if (seen !== undefined && seen.until > this.now()) return seen.check;
    const check = lookAt(probe);
    this.seen.set(probe.name, { until: this.now() + probe.cacheMs, check });
    return check;
  }
}

async function lookAt({ name, critical, look }: Probe): Promise<Check> {
  let timer: NodeJS.Timeout | undefined;
  const slow = new Promise<{ ok: false; reason: string }>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, reason: `No answer within ${slowMs / 1000} seconds.` }), slowMs);
  });
  try {
    const { ok, reason } = await Promise.race([look(), slow]);
    return { name, state: ok ? 'ok' : critical ? 'failed' : 'degraded', reason };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'It failed.';
    return { name, state: critical ? 'failed' : 'degraded', reason };
  } finally {
    clearTimeout(timer);
  }
}

/** The process answers: nothing else is looked at, so that a slow PACS does not make an orchestrator kill it. */
export const healthz: RequestHandler = (_request, response) => {
  response.setHeader('Cache-Control', 'no-store');
  response.json({ status: 'ok' });
};

export function readyz(readiness: () => Promise<Readiness>, stopping: AbortSignal): RequestHandler {
  return async (_request, response) => {
    response.setHeader('Cache-Control', 'no-store');
    const { ready, checks } = stopping.aborted
      ? { ready: false, checks: [{ name: 'server', state: 'failed', reason: 'The server is stopping.' }] }
      : await readiness();
    response.status(ready ? 200 : 503).json({ ready, checks });
  };
}
