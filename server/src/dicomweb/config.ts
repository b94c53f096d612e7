import { pacsNameSchema } from '@medsam2/protocol';
import { z } from 'zod';

/** Root of a DICOMweb service: http or https, without credentials, query or fragment; no slash at its end once parsed. */
const rootSchema = z
  .url({ protocol: /^https?$/ })
  .refine((value) => {
    const { username, password, search, hash } = new URL(value);
    return `${username}${password}${search}${hash}` === '';
  }, 'must not hold credentials, a query or a fragment')
  .transform((value) => value.replace(/\/+$/, ''));

const secretSchema = z
  .string()
  .min(1)
  .max(16_384)
  // what may stand in a header field (RFC 9110 section 5.5), so that no value can add another header
  .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces');

const credentialsSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({
      kind: z.literal('basic'),
      user: z
        .string()
        .min(1)
        .regex(/^[^:\p{Cc}]+$/u, 'must not hold a colon'),
      password: z.string().regex(/^\P{Cc}*$/u),
    }),
    z.strictObject({ kind: z.literal('bearer'), token: secretSchema }),
    z.strictObject({
      kind: z.literal('oauth2'),
      tokenUrl: z.url({ protocol: /^https?$/ }),
      clientId: z.string().min(1),
      clientSecret: z.string().min(1),
      scope: z.string().optional(),
      /** how the client names itself at the token endpoint (RFC 6749 section 2.3.1) */
      clientAuthentication: z.enum(['basic', 'body']).default('basic'),
    }),
    /** the caller's own `Authorization` header is passed on */
    z.strictObject({ kind: z.literal('pass-through') }),
  ])
  .meta({ description: 'How this server proves itself to the PACS' });

const milliseconds = z.int().min(1).max(3_600_000);

/** One PACS as an operator configures it. */
export const pacsConfigSchema = z.strictObject({
  name: pacsNameSchema,
  /** root of all three services; what follows it is `/studies/...` */
  url: rootSchema,
  /** roots of their own, where a PACS has them */
  qidoUrl: rootSchema.optional(),
  wadoUrl: rootSchema.optional(),
  stowUrl: rootSchema.optional(),
  /** whether segmentations may be stored there */
  writable: z.boolean().default(false),
  credentials: credentialsSchema.default({ kind: 'none' }),
  /** PEM file of certificate authorities to trust besides the well-known ones */
  caFile: z.string().min(1).optional(),
  /** milliseconds */
  timeouts: z
    .strictObject({
      /** until a connection stands */
      connect: milliseconds.default(5_000),
      /** from the request to the answer's first byte; a PACS may assemble a series from tape */
      firstByte: milliseconds.default(60_000),
      /** between two pieces of an answer */
      idle: milliseconds.default(30_000),
      /** whole sending of an object, its answer included */
      store: milliseconds.default(120_000),
      /** whole check for readiness */
      check: milliseconds.default(5_000),
    })
    .prefault({}),
  /** of GET requests that found no connection, or 429, 502, 503 or 504 */
  retries: z
    .strictObject({
      attempts: z.int().min(1).max(10).default(4),
      /** milliseconds before the second attempt, at most; doubles with each further one (with full jitter) */
      backOff: milliseconds.default(250),
      /** longest wait, also where `Retry-After` asks for more: then the request fails at once */
      maxBackOff: milliseconds.default(10_000),
    })
    .prefault({}),
  /** connections for queries; as many again for pixels */
  connections: z.int().min(1).max(64).default(8),
  /** bytes */
  limits: z
    .strictObject({
      /** JSON text of one instance or match */
      dataset: z
        .int()
        .min(1024)
        .default(256 * 2 ** 20),
      /** JSON text of one answer */
      answer: z
        .int()
        .min(1024)
        .default(2 ** 30),
      /** one instance as stored */
      instance: z
        .int()
        .min(1024)
        .max(2 ** 31 - 1)
        .default(2 ** 31 - 1),
      /** one series as stored */
      series: z
        .int()
        .min(1024)
        .default(16 * 2 ** 30),
    })
    .prefault({}),
});

export type PacsConfig = z.output<typeof pacsConfigSchema>;
export type PacsConfigInput = z.input<typeof pacsConfigSchema>;
export type PacsCredentials = PacsConfig['credentials'];

/** The configuration as it may be printed: secrets are replaced by `***`. */
export function withoutSecrets(config: PacsConfig): PacsConfig {
  const { credentials } = config;
  switch (credentials.kind) {
    case 'none':
    case 'pass-through':
      return config;
    case 'basic':
      return { ...config, credentials: { ...credentials, password: '***' } };
    case 'bearer':
      return { ...config, credentials: { ...credentials, token: '***' } };
    case 'oauth2':
      return { ...config, credentials: { ...credentials, clientSecret: '***' } };
  }
}
