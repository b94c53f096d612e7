import type { Role, StreamEvent } from '@medsam2/protocol';
import { z } from 'zod';
import type { Principal } from '../identity.js';
import type { AuditAction, AuditSubject } from './audit/record.js';
import { InvalidRequest } from './problems.js';

/** What a handler gives back; how it is written is the same for all routes. */
export type Answer =
  | { readonly kind: 'json'; readonly status?: number; readonly body: unknown }
  | { readonly kind: 'empty' }
  | { readonly kind: 'text'; readonly text: string; readonly contentType: string; readonly fileName?: string }
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly contentType: string; readonly fileName: string }
  /** events that exist already */
  | { readonly kind: 'events'; readonly events: readonly StreamEvent[] }
  /** events as they happen, until the signal that the iterable was given */
  | { readonly kind: 'stream'; readonly events: AsyncIterable<StreamEvent> };

export const json = (body: unknown, status = 200): Answer => ({ kind: 'json', status, body });
export const empty: Answer = { kind: 'empty' };

/** What a handler knows of the request. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  readonly principal: Principal;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** fires when the client has gone, or for streams when the server stops */
  readonly signal: AbortSignal;
}

/** How one answer of a route is described. */
export interface AnswerDescription {
  readonly description: string;
  /** absent: no body, or not JSON */
  readonly schema?: z.ZodType;
  readonly contentType?: string;
}

export interface RouteSpec<
  Params extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodType,
> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** below the API's path, parameters as `:name` */
  readonly path: string;
  /** unique name; also the audit's `what` */
  readonly operation: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** the least role that may */
  readonly role: Role;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** a body that fits the schema, shown in the documentation */
  readonly example?: z.input<Body>;
  /** an absent body counts as `{}` */
  readonly bodyOptional?: boolean;
  /** the limit on the body; default `json` */
  readonly bodyLimit?: 'json' | 'mask';
  readonly answers: Readonly<Record<number, AnswerDescription>>;
  /** codes of problems that are usual here */
  readonly problems?: readonly string[];
  /** `none` only for routes without patient data */
  readonly audit:
    | 'none'
    | {
        readonly action: AuditAction;
        /** `must` be on the disk, not only in its cache, before the answer leaves */
        readonly flush?: boolean;
        subject(
          call: Call<z.output<Params>, z.output<Query>, z.output<Body>>,
          answer?: Answer,
        ): AuditSubject | Promise<AuditSubject>;
      };
  run(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<Answer>;
}

/** A route whose types are checked inside, so that a list holds all of them. */
export interface Route extends Omit<RouteSpec, 'run' | 'audit' | 'example'> {
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  readonly example?: unknown;
  readonly audit: 'none' | { readonly action: AuditAction; readonly flush: boolean };
  /** @throws InvalidRequest */
  parse(raw: { params: unknown; query: unknown; body: unknown }): Pick<Call, 'params' | 'query' | 'body'>;
  /** of the audit, before (without answer) or after the work */
  subject(call: Call, answer?: Answer): Promise<AuditSubject>;
  run(call: Call): Promise<Answer>;
}

const nothing = z.strictObject({});

export function route<
  Params extends z.ZodObject = typeof nothing,
  Query extends z.ZodObject = typeof nothing,
  Body extends z.ZodType = z.ZodUndefined,
>(spec: RouteSpec<Params, Query, Body>): Route {
  type Typed = Call<z.output<Params>, z.output<Query>, z.output<Body>>;
  const { audit } = spec;
  const params = spec.params ?? nothing;
  const query = spec.query ?? nothing;
  return {
    ...spec,
    params,
    query,
    audit: audit === 'none' ? audit : { action: audit.action, flush: audit.flush ?? false },
    parse: (raw) => {
      const issues: { path: string; message: string }[] = [];
      const check = (part: 'params' | 'query' | 'body', schema: z.ZodType | undefined): unknown => {
        if (schema === undefined) return undefined;
        const result = schema.safeParse(raw[part]);
        if (result.success) return result.data;
        issues.push(...result.error.issues.slice(0, 20).map((issue) => describeIssue(part, issue)));
        return undefined;
      };
      const parsed = {
        params: check('params', params),
        query: check('query', query),
        body: check('body', spec.body),
      };
      if (issues.length > 0) throw new InvalidRequest(issues);
      return parsed;
    },
    subject: async (call, answer) => (audit === 'none' ? {} : audit.subject(call as Typed, answer)),
    run: (call) => spec.run(call as Typed),
  };
}

/** Where and what; never the value: it may be patient data. */
function describeIssue(part: string, issue: z.core.$ZodIssue): { path: string; message: string } {
  const path = [part, ...issue.path.map(String)].join('.').slice(0, 200);
  return { path, message: issue.message.slice(0, 200) };
}

/** A whole number in an address or a query. */
export const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(least).max(most));
