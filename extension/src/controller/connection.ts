import type { ModelInfo, ServiceInfo } from '@medsam2/protocol';
import type { Api } from '../client/api.js';
import { ApiError } from '../client/api-error.js';
import { pause, type Clock } from '../client/clock.js';
import type { ServerState } from '../contract/index.js';

export interface ConnectionOptions {
  readonly api: Pick<Api, 'service' | 'models'>;
  readonly clock: Clock;
  readonly authorization: () => string | undefined;
  readonly onState: (state: ServerState) => void;
  /** each time the server is reached (again) */
  readonly onOnline: (service: ServiceInfo, models: readonly ModelInfo[]) => void;
}

const delaysMs = [500, 1000, 2000, 4000, 8000, 15_000, 30_000] as const;
/** How often a new login is looked for, and how often the old one is tried in vain. */
const loginLookMs = 500;
const loginLooks = 60;

/** Whether the server can be reached, and the waiting until it can. Tries again by itself. */
export class Connection {
  private state: ServerState = { phase: 'connecting' };
  private readonly ended = new AbortController();
  private waiters: (() => void)[] = [];
  private probing: Promise<void> | undefined;
  /** ends the wait before the next try */
  private hurry = new AbortController();

  constructor(private readonly options: ConnectionOptions) {}

  start(): void {
    this.probing ??= this.probe().finally(() => (this.probing = undefined));
  }

  close(): void {
    this.ended.abort();
    this.hurry.abort();
    this.wake();
  }

  get isOnline(): boolean {
    return this.state.phase === 'online';
  }

  /** Resolves when the server can be asked, or when `signal` fires or this is closed: look at those afterwards. */
  async online(signal?: AbortSignal): Promise<void> {
    while (!this.isOnline && !this.ended.signal.aborted && signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        this.waiters.push(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** A request had no answer: from now on the server counts as away until it is reached again. */
  failed(error: ApiError): void {
    if (!error.isConnection || this.ended.signal.aborted) return;
    if (this.isOnline) this.set(stateOf(error));
    this.start();
  }

  /** Tries now. @returns when that has been answered */
  async reconnect(): Promise<void> {
    if (this.probing === undefined) this.start();
    this.hurry.abort();
    const { signal } = this.ended;
    const tried = new Promise<void>((resolve) => this.waiters.push(resolve));
    await Promise.race([tried, this.probing, pause(this.options.clock, 10_000, signal)]);
  }

  private async probe(): Promise<void> {
    const { api, onOnline } = this.options;
    for (let failures = 0; !this.ended.signal.aborted; failures++) {
      const used = this.options.authorization();
      try {
        const [service, models] = await Promise.all([api.service(), api.models()]);
        if (this.ended.signal.aborted) return;
        this.set(onlineState(service));
        onOnline(service, models);
        return;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        await this.waitAfter(error, used, delaysMs[Math.min(failures, delaysMs.length - 1)]);
      }
    }
  }

  /** @param used the login that the try was made with */
  private async waitAfter(error: ApiError, used: string | undefined, ms: number): Promise<void> {
    const { clock, authorization } = this.options;
    this.hurry = new AbortController();
    const { signal } = this.hurry;
    if (error.kind !== 'login') {
      this.set(stateOf(error, clock.now() + ms));
      await pause(clock, ms, signal);
      return;
    }
    this.set(stateOf(error));
    for (let looks = 0; looks < loginLooks && !signal.aborted && authorization() === used; looks++) {
      await pause(clock, loginLookMs, signal);
    }
  }

  private set(state: ServerState): void {
    this.state = state;
    this.options.onState(state);
    this.wake();
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }
}

function onlineState({ version, user, auth }: ServiceInfo): ServerState {
  const roles = user?.roles ?? [];
  const canSegment = auth === 'none' || roles.includes('annotator') || roles.includes('admin');
  return { phase: 'online', version, canSegment, ...(user === undefined ? {} : { user: user.id }) };
}

function stateOf({ kind, problem }: ApiError, retryAt?: number): ServerState {
  if (kind === 'login') return { phase: 'login-needed', problem };
  return { phase: 'offline', problem, ...(retryAt === undefined ? {} : { retryAt }) };
}
