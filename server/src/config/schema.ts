import { roles } from '@medsam2/protocol';
import { isIP } from 'node:net';
import { z } from 'zod';
import { pacsConfigSchema } from '../dicomweb/config.js';
import { isLoopback } from './loopback.js';

/**
 * The server's configuration: one schema from which come the checks, the environment variables, `--print-config` and the
 * table of docs/server.md. `env` names the variable that sets a value; a `secret` is never printed.
 */
const units: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };
const badSize = 'a size looks like 512MiB or 2GiB';
const bytes = (least: number) =>
  z
    .union([z.int(), z.string().regex(/^\d+(\.\d+)?(KiB|MiB|GiB|TiB)$/, badSize)], { error: badSize })
    .transform((size) =>
      typeof size === 'number' ? size : Math.floor(parseFloat(size) * units[size.replace(/^[\d.]+/, '')]),
    )
    .refine((size) => size >= least && size <= 2 ** 50, `must be at least ${least} bytes and less than 1024 TiB`);

const httpAddress = z
  .url({ protocol: /^https?$/, error: 'must be an address that begins with http:// or https://' })
  .refine((text) => !hasCredentials(text), 'must hold no user and password; name them as credentials');

/** A secret is named, never written into the configuration file. */
const secretSchema = z
  .union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })])
  .meta({ description: '{"env": NAME} or {"file": PATH}' });
export type SecretRef = z.infer<typeof secretSchema>;

const credentialsSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    z.strictObject({ kind: z.literal('basic'), user: z.string().min(1), password: secretSchema }),
    z.strictObject({ kind: z.literal('bearer'), token: secretSchema }),
    z.strictObject({
      kind: z.literal('oauth2'),
      tokenUrl: httpAddress,
      clientId: z.string().min(1),
      clientSecret: secretSchema,
      scope: z.string().optional(),
      clientAuthentication: z.enum(['basic', 'body']).default('basic'),
    }),
    z.strictObject({ kind: z.literal('pass-through') }),
  ])
  .meta({ description: 'as the client’s, with references instead of secrets' });

/** What the client takes, with its secrets named instead of written down. */
export const pacsSettingsSchema = pacsConfigSchema.extend({ credentials: credentialsSchema.default({ kind: 'none' }) });
export type PacsSettings = z.infer<typeof pacsSettingsSchema>;

const http = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').meta({ env: 'HOST', description: 'address to listen on' }),
  port: z
    .int()
    .min(0)
    .max(65535)
    .default(8787)
    .meta({ env: 'PORT', description: 'port to listen on; 0: any free one' }),
  publicUrl: httpAddress.optional().meta({
    env: 'MEDSAM2_PUBLIC_URL',
    description: 'how browsers reach the server; with https, strict transport security is announced',
  }),
  trustProxy: z.array(z.string().refine(isNetwork, 'no address, network or name of one')).default([]).meta({
    env: 'MEDSAM2_TRUST_PROXY',
    description:
      'addresses or networks of reverse proxies whose X-Forwarded-For is believed, e.g. loopback, 10.0.0.0/8',
  }),
  corsOrigins: z
    .array(z.string().regex(/^https?:\/\/[^/?#*]+$/, 'an origin looks like https://viewer.example.org'))
    .default([])
    .meta({ env: 'MEDSAM2_CORS_ORIGINS', description: 'origins of viewers on other hosts, exactly' }),
  allowedHosts: z.array(z.string().min(1)).default([]).meta({
    env: 'MEDSAM2_ALLOWED_HOSTS',
    description: 'names in the Host header that are answered; with `none` also localhost; empty with other modes: all',
  }),
  jsonBytes: bytes(1024).prefault('1MiB').meta({ description: 'largest JSON body' }),
  maskBytes: bytes(1024).prefault('12MiB').meta({ description: 'largest body that may hold masks' }),
  stowBytes: bytes(1024).prefault('2GiB').meta({ description: 'largest STOW-RS body through the proxy' }),
  urlBytes: z.int().min(256).max(65536).default(8192).meta({ description: 'longest address with its query' }),
  headersSeconds: z.number().positive().max(600).default(20).meta({ description: 'time for a request’s headers' }),
  requestSeconds: z
    .number()
    .positive()
    .max(86400)
    .default(300)
    .meta({ description: 'time for a whole request’s body' }),
  requestsPerMinute: z.int().min(1).default(3000).meta({ description: 'requests of one user (or address) per minute' }),
  failuresPerMinute: z.int().min(1).default(60).meta({ description: 'failed log-ins of one address per minute' }),
  streamsPerUser: z.int().min(1).default(16).meta({ description: 'event streams open at once per user' }),
  pingSeconds: z
    .number()
    .positive()
    .max(300)
    .default(15)
    .meta({ description: 'an event stream is never silent longer' }),
  drainSeconds: z.number().min(0).max(600).default(0).meta({
    description: 'on SIGTERM: /readyz says no for so long before connections are refused, for load balancers',
  }),
  stopSeconds: z.number().positive().max(3600).default(30).meta({ description: 'on SIGTERM: time for work to end' }),
  metrics: z.enum(['open', 'users', 'off']).default('users').meta({ description: 'who may read /metrics' }),
  docs: z.boolean().default(true).meta({ description: 'serve /docs and /openapi.json' }),
});

const oidc = z.strictObject({
  issuer: httpAddress.meta({ env: 'MEDSAM2_OIDC_ISSUER', description: 'issuer, as in the tokens’ `iss`' }),
  audience: z.string().min(1).meta({ env: 'MEDSAM2_OIDC_AUDIENCE', description: 'must be in the tokens’ `aud`' }),
  jwksUrl: httpAddress.optional().meta({
    env: 'MEDSAM2_OIDC_JWKS_URL',
    description: 'where the keys are; default: what the issuer’s discovery document says',
  }),
  algorithms: z
    .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']))
    .min(1)
    .default(['RS256', 'PS256', 'ES256'])
    .meta({ description: 'signatures accepted; symmetric ones and `none` cannot be chosen' }),
  clockToleranceSeconds: z.number().min(0).max(300).default(30).meta({ description: 'for `exp` and `nbf`' }),
  rolesClaim: z.string().min(1).default('roles').meta({
    env: 'MEDSAM2_OIDC_ROLES_CLAIM',
    description: 'where roles are, dots between levels, e.g. realm_access.roles',
  }),
  roleMap: z
    .record(z.string(), z.enum(roles))
    .default({ reader: 'reader', annotator: 'annotator', admin: 'admin' })
    .meta({ description: 'names in the claim and the roles that they give' }),
  userClaim: z.string().min(1).default('sub').meta({ description: 'stable and unique name of the user' }),
});

const auth = z.strictObject({
  mode: z.enum(['none', 'keys', 'oidc']).default('none').meta({
    env: 'MEDSAM2_AUTH',
    description: '`none`: everybody on this machine is admin; only while listening on a loopback address',
  }),
  keysFile: z.string().min(1).optional().meta({ env: 'MEDSAM2_KEYS_FILE', description: 'API keys, for `keys`' }),
  oidc: oidc.optional(),
});

const models = z.strictObject({
  directory: z.string().min(1).optional().meta({ env: 'MEDSAM2_MODELS_DIR', description: 'installed models' }),
  default: z.string().min(1).optional().meta({ env: 'MEDSAM2_MODEL', description: 'model of requests that name none' }),
  device: z.string().default('auto').meta({ env: 'MEDSAM2_DEVICE', description: 'auto, cpu, cuda[:n], webgpu, …' }),
  threads: z.int().min(1).max(1024).optional().meta({ env: 'MEDSAM2_THREADS', description: 'CPU threads of a run' }),
  featureBytes: bytes(2 ** 26)
    .prefault('768MiB')
    .meta({ description: 'slice features kept per open model' }),
  open: z.int().min(1).max(16).default(2).meta({ description: 'models kept in memory at once' }),
  preload: z.boolean().default(true).meta({ description: 'load the default model at the start' }),
});

const sessions = z.strictObject({
  perUser: z.int().min(1).max(10_000).default(32).meta({ description: 'sessions of one user, those on disk included' }),
  memoryBytes: bytes(2 ** 28)
    .prefault('4GiB')
    .meta({
      env: 'MEDSAM2_SESSION_MEMORY',
      description: 'voxels, features and masks of all sessions; the least used ones go to disk',
    }),
  volumeBytes: bytes(2 ** 20)
    .prefault('2GiB')
    .meta({ description: 'largest volume' }),
  goneMinutes: z.number().positive().max(10_080).default(1).meta({
    description: 'without request and stream: the first to make room for others',
  }),
  idleMinutes: z.number().positive().max(10_080).default(30).meta({ description: 'without a request: to disk' }),
});

const saving = z.strictObject({
  spoolBytes: bytes(2 ** 20)
    .prefault('10GiB')
    .meta({ description: 'segmentations that wait for a PACS' }),
  spoolObjects: z.int().min(1).default(1000).meta({ description: 'how many of them' }),
  recordDays: z.number().positive().max(3650).default(30).meta({ description: 'records of finished saves' }),
});

const jobs = z.strictObject({
  redisUrl: z
    .url({ protocol: /^rediss?$/ })
    .optional()
    .meta({ env: 'REDIS_URL', secret: true, description: 'jobs are queued there; default: on this server’s disk' }),
  redisPrefix: z.string().min(1).default('medsam2').meta({ description: 'in front of every key' }),
  concurrency: z.int().min(1).max(64).default(1).meta({ description: 'jobs at once: one for each device' }),
  perUser: z.int().min(1).max(100_000).default(100).meta({ description: 'jobs of one user that wait or run' }),
  keepDays: z.number().positive().max(3650).default(7).meta({ description: 'results of finished jobs' }),
  webhookHosts: z.array(z.string().min(1)).default([]).meta({
    env: 'MEDSAM2_WEBHOOK_HOSTS',
    description: 'host or host:port that webhooks may name, with http:// in front where encryption is done without',
  }),
  webhookPrivate: z.boolean().default(false).meta({ description: 'webhook hosts may have private addresses' }),
  webhookSecret: z.string().min(16).optional().meta({
    env: 'MEDSAM2_WEBHOOK_SECRET',
    secret: true,
    description: 'signs what webhooks are told',
  }),
});

const slicer = z.strictObject({
  listen: z.enum(['off', 'loopback', 'all']).default('off').meta({
    env: 'SLICER_LISTEN',
    description: 'who reaches the bridge for 3D Slicer: nobody, this machine, every network interface',
  }),
  port: z.int().min(0).max(65535).default(8080).meta({ env: 'SLICER_PORT', description: 'its port; 0: any free one' }),
  semantics: z.enum(['compat', 'better']).default('compat').meta({
    env: 'SLICER_SEMANTICS',
    description: 'results as of the module’s own server, or the better ones',
  }),
  modelUploads: z
    .boolean()
    .default(false)
    .meta({ description: 'clients may upload weights; nothing in them is executed' }),
  memoryBytes: bytes(2 ** 26)
    .prefault('4GiB')
    .meta({ description: 'volumes of all its clients' }),
});

/** Another protocol of a module of 3D Slicer, on a port of its own. */
const slicerModule = (name: string, variables: string, usualPort: number) =>
  z.strictObject({
    listen: z
      .enum(['off', 'loopback', 'all'])
      .default('off')
      .meta({ env: `${variables}_LISTEN`, description: `who reaches the server for ${name}, as \`slicer.listen\`` }),
    port: z
      .int()
      .min(0)
      .max(65535)
      .default(usualPort)
      .meta({ env: `${variables}_PORT`, description: 'its port; 0: any free one' }),
    reach: z
      .int()
      .min(0)
      .optional()
      .meta({
        env: `${variables}_REACH`,
        description: 'slices beyond the outermost clicks that are segmented; default: the whole volume',
      }),
    memoryBytes: bytes(2 ** 26)
      .prefault('4GiB')
      .meta({ description: 'volumes of all its clients' }),
  });

const nninteractive = slicerModule('the nnInteractive module of 3D Slicer (0.x)', 'NNINTERACTIVE', 1527);
const monailabel = slicerModule('the MONAI Label module of 3D Slicer', 'MONAILABEL', 8000);

const viewer = z.strictObject({
  directory: z.string().min(1).optional().meta({ env: 'MEDSAM2_VIEWER_DIR', description: 'static files of a viewer' }),
  crossOriginIsolation: z
    .boolean()
    .default(true)
    .meta({ description: 'send COOP and COEP (shared memory in viewers)' }),
  contentSecurityPolicy: z
    .string()
    // OHIF cannot open any segmentation without 'unsafe-eval': its library ndarray compiles code from texts
    .default(
      "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; " +
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; " +
        "connect-src 'self' blob: data:; object-src 'none'; base-uri 'self'; frame-ancestors 'self'",
    )
    .meta({ description: 'of the viewer’s pages' }),
});

const logs = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .meta({ env: 'LOG_LEVEL', description: 'least level' }),
  pretty: z
    .enum(['auto', 'always', 'never'])
    .default('auto')
    .meta({ description: 'readable lines; auto: on a terminal' }),
});

const audit = z.strictObject({
  directory: z.string().min(1).optional().meta({ env: 'MEDSAM2_AUDIT_DIR', description: 'default: audit in the data' }),
  fileBytes: bytes(4096).prefault('64MiB').meta({ description: 'a new file is begun then, and every day (UTC)' }),
});

export const configSchema = z
  .strictObject({
    http: http.prefault({}),
    auth: auth.prefault({}),
    pacs: z.array(pacsSettingsSchema).max(32).default([]).meta({ description: 'the first is the default' }),
    proxy: z.boolean().default(true).meta({ env: 'MEDSAM2_PROXY', description: 'serve the PACS under /dicomweb/NAME' }),
    models: models.prefault({}),
    dataDirectory: z.string().min(1).optional().meta({
      env: 'MEDSAM2_DATA_DIR',
      description: 'journals, saves that wait, jobs, audit; default: ~/.local/share/medsam2/server',
    }),
    leastFreeBytes: bytes(0).prefault('1GiB').meta({ description: '/readyz says no when the disk has less' }),
    sessions: sessions.prefault({}),
    saving: saving.prefault({}),
    jobs: jobs.prefault({}),
    slicer: slicer.prefault({}),
    nninteractive: nninteractive.prefault({}),
    monailabel: monailabel.prefault({}),
    viewer: viewer.prefault({}),
    logs: logs.prefault({}),
    audit: audit.prefault({}),
  })
  .superRefine((config, context) => {
    const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    const { auth, http: listen, pacs } = config;
    if (auth.mode === 'none' && !isLoopback(listen.host))
      refuse(['auth', 'mode'], `cannot be "none" while listening on ${listen.host}: everybody would be admin`);
    for (const module of ['slicer', 'nninteractive', 'monailabel'] as const) {
      if (auth.mode === 'none' && config[module].listen === 'all')
        refuse([module, 'listen'], 'cannot be "all" while auth.mode is "none": everybody would be served');
    }
    if (config.slicer.modelUploads && config.models.default === undefined)
      refuse(['models', 'default'], 'must be set where slicer.modelUploads is: an upload could become the default');
    if (auth.mode === 'keys' && auth.keysFile === undefined) refuse(['auth', 'keysFile'], 'mode "keys" needs it');
    if (auth.mode === 'oidc' && auth.oidc === undefined) refuse(['auth', 'oidc'], 'mode "oidc" needs it');
    const names = pacs.map(({ name }) => name);
    names.forEach((name, index) => {
      if (names.indexOf(name) !== index) refuse(['pacs', `${index}`, 'name'], `"${name}" stands twice`);
    });
  });
export type Config = z.infer<typeof configSchema>;
/** What a configuration file may hold. */
export type ConfigInput = z.input<typeof configSchema>;

/** What Express takes as `trust proxy`. */
function isNetwork(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [, address = text, bits = '0'] = /^(.*)\/(\d{1,3})$/.exec(text) ?? [];
  return isIP(address) !== 0 && Number(bits) <= (isIP(address) === 4 ? 32 : 128);
}

function hasCredentials(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && (url.username !== '' || url.password !== '');
}
