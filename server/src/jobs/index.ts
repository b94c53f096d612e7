export { createJobService, type JobServiceOptions } from './service.js';
export { runJob, type JobParts, type JobResult, type JobRun } from './run-job.js';
export { derivedUid } from './seg-request.js';
export { signatureOf, sendWebhook } from './webhooks/send.js';
export { allowedWebhook, isPrivateAddress, type WebhookRules } from './webhooks/allow-list.js';
export type { WebhookSettings } from './webhooks/deliveries.js';
export type { JobService } from './types.js';
