/** Submits a job and ends itself as a power cut would when the PACS has just taken the result: FOLDER URL BODY [REDIS PREFIX]. */
import { jobBodySchema } from '@medsam2/protocol';
import type { WebhookSettings } from '@medsam2/server/jobs';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startJobServer } from './server.js';

const [folder, url, body, redis, prefix] = process.argv.slice(2);
const { jobs } = await startJobServer({
  folder,
  url,
  webhooks: JSON.parse(process.env.WEBHOOKS ?? '') as WebhookSettings,
  redis: redis === undefined ? undefined : { url: redis, prefix, lostMs: 1500 },
  trace: (step) => {
    if (step === 'sent') process.kill(process.pid, 'SIGKILL');
  },
});
const principal = { id: 'ada', roles: new Set(['annotator'] as const) };
const { id } = await jobs.submit(principal, jobBodySchema.parse(JSON.parse(readFileSync(body, 'utf8'))));
writeFileSync(join(folder, 'job'), id);
