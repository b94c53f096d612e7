import { z } from 'zod';

/** What kind of access it was, as FHIR's AuditEvent.action: create, read, update, delete, execute. */
export const auditActions = ['create', 'read', 'update', 'delete', 'execute'] as const;
export type AuditAction = (typeof auditActions)[number];

/** What was looked at or changed. Identifiers of studies are what an audit is for; names of patients are not here. */
export interface AuditSubject {
  readonly pacs?: string;
  readonly study?: string;
  readonly series?: string;
  readonly session?: string;
  readonly job?: string;
  readonly save?: string;
  readonly segment?: number;
  /** name of the model that answered */
  readonly model?: string;
}

/** One line of the audit. */
export const auditRecordSchema = z.object({
  time: z.iso.datetime(),
  /** as in the log and in the problem details */
  request: z.string(),
  /** absent: nobody was recognised */
  user: z.string().optional(),
  roles: z.array(z.string()).optional(),
  address: z.string().optional(),
  /** operation of the API, or of the proxy */
  what: z.string(),
  action: z.enum(auditActions),
  /**
   * `begun` is written before something changes, so that nothing can change unseen; then one of `done`, `refused` (the
   * request was wrong or not allowed) and `failed` follows.
   */
  outcome: z.enum(['begun', 'done', 'refused', 'failed']),
  status: z.int().optional(),
  /** code of the problem */
  code: z.string().optional(),
  pacs: z.string().optional(),
  study: z.string().optional(),
  series: z.string().optional(),
  session: z.string().optional(),
  job: z.string().optional(),
  save: z.string().optional(),
  segment: z.int().optional(),
  model: z.string().optional(),
});
export type AuditRecord = z.infer<typeof auditRecordSchema>;
