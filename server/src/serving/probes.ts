import { statfs } from 'node:fs/promises';
import type { Probe } from '../http/health.js';
import type { Metrics } from '../http/metrics.js';
import type { Pacs } from '../dicomweb/types.js';
import type { JobService } from '../jobs/types.js';
import type { SaveService } from '../saving/types.js';
import type { ModelInfo } from '@medsam2/protocol';

export interface ProbeSources {
  readonly pacs: readonly Pacs[];
  readonly passThrough: ReadonlySet<string>;
  readonly models: () => Promise<readonly ModelInfo[]>;
  readonly saves: Pick<SaveService, 'backlog'>;
  readonly jobs: Pick<JobService, 'load'>;
  readonly usesRedis: boolean;
  readonly dataDirectory: string;
  readonly leastFreeBytes: number;
  readonly metrics: Metrics;
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
const oldMs = 3600_000;

/** What /readyz looks at. Critical is what every user needs; one PACS of several that is down keeps nobody else waiting. */
export function readinessProbes(sources: ProbeSources): Probe[] {
  const { pacs, saves, jobs, metrics } = sources;
  return [
    {
      name: 'models',
      critical: true,
      cacheMs: 30_000,
      look: async () => {
        const models = await sources.models();
        const shown = models.map(({ name, device }) => (device === undefined ? name : `${name} on ${device}`));
        return models.length === 0
          ? { ok: false, reason: 'No model is installed.' }
          : { ok: true, reason: `${shown.join(', ')}.` };
      },
    },
    {
      name: 'disk',
      critical: true,
      cacheMs: 5000,
      look: async () => {
        const { bavail, bsize } = await statfs(sources.dataDirectory);
        const free = bavail * bsize;
        return { ok: free >= sources.leastFreeBytes, reason: `${gib(free)} of the data directory's disk are free.` };
      },
    },
    {
      name: 'saves',
      critical: false,
      cacheMs: 1000,
      look: () => {
        const { waiting, refused, oldest, damaged } = saves.backlog();
        const old = oldest !== undefined && Date.now() - oldest.getTime() > oldMs;
        return Promise.resolve({
          ok: refused === 0 && damaged === 0 && !old,
          reason:
            `${waiting} wait for a PACS${oldest === undefined ? '' : ` since ${oldest.toISOString()}`}, ` +
            `${refused} were refused, ${damaged} are damaged.`,
        });
      },
    },
    {
      name: sources.usesRedis ? 'jobs (Redis)' : 'jobs',
      critical: false,
      cacheMs: 5000,
      look: async () => {
        const { waiting, running } = await jobs.load();
        return { ok: true, reason: `${waiting} wait, ${running} run.` };
      },
    },
    ...(pacs.length === 0
      ? [
          {
            name: 'pacs',
            critical: true,
            cacheMs: 60_000,
            look: () => Promise.resolve({ ok: false, reason: 'No PACS is configured (DICOMWEB_URL).' }),
          },
        ]
      : pacs.map((one) => ({
          name: `pacs ${one.name}`,
          critical: pacs.length === 1,
          cacheMs: 5000,
          look: async () => {
            const { reachable, reason, milliseconds } = await one.check();
            metrics.pacsAnswered(one.name, reachable ? 'ok' : 'failed', milliseconds / 1000);
            // without a user there is no token to pass on; that it asks for one shows that it is there
            const asksForUser = sources.passThrough.has(one.name) && /401/.test(reason);
            return { ok: reachable || asksForUser, reason };
          },
        }))),
  ];
}
