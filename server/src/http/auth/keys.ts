import { UserError } from '@medsam2/models';
import { roles, type Role } from '@medsam2/protocol';
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { bearerToken, notAuthenticated, withIncluded, type Authenticator } from './authenticator.js';

const keysSchema = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        /** the user that the key stands for */
        id: z.string().min(1).max(128),
        /** of the key's text, in hexadecimal; the key itself is kept nowhere */
        sha256: z
          .string()
          .regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of the key in hexadecimal')
          .transform((text) => Buffer.from(text, 'hex')),
        roles: z.array(z.enum(roles)).min(1),
        expires: z.iso.datetime().optional(),
      }),
    )
    .max(10_000),
});

interface Key {
  readonly id: string;
  readonly sha256: Buffer;
  readonly roles: ReadonlySet<Role>;
  readonly expires?: number;
}

export interface KeyOptions {
  /** JSON: {"keys": [{"id", "sha256", "roles", "expires"?}]}; read again when it changes */
  readonly file: string;
  readonly now?: () => number;
  /** how often the file is looked at, in milliseconds */
  readonly lookMs?: number;
  /** told when a changed file cannot be used; the keys known so far stay valid */
  readonly onProblem?: (error: UserError) => void;
}

/**
 * API keys, in `Authorization: Bearer` or `X-API-Key`.
 *
 * @throws UserError `keys-invalid`
 */
export async function apiKeys({ file, now = Date.now, lookMs = 5000, onProblem }: KeyOptions): Promise<Authenticator> {
  let keys = await readKeys(file);
  let version = await versionOf(file);
  let looked = now();
  let looking: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    try {
      const current = await versionOf(file);
      if (current === version) return;
      keys = await readKeys(file);
      version = current;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      onProblem?.(error);
    }
  };

  return {
    async authenticate(headers) {
      if (now() - looked >= lookMs) {
        looked = now();
        looking ??= look().finally(() => (looking = undefined));
      }
      await looking;
      const named = headers['x-api-key'];
      const bearer = bearerToken(headers);
      const given = typeof named === 'string' ? named : bearer;
      const key = given === undefined ? undefined : find(keys, given);
      if (key === undefined || (key.expires !== undefined && key.expires <= now())) {
        throw notAuthenticated(
          given === undefined ? 'An API key is needed.' : 'The API key is not valid here, or no longer.',
          'Send a key in X-API-Key or as Authorization: Bearer; the operator gives them out.',
        );
      }
      // a key for this server is never shown to a PACS; with X-API-Key the other header is the PACS's
      const passed = typeof named === 'string' ? headers.authorization : undefined;
      return { id: key.id, roles: key.roles, ...(passed === undefined ? {} : { authorization: passed }) };
    },
  };
}

/** All keys are compared, each in constant time: how long it takes tells nothing of any of them. */
function find(keys: readonly Key[], given: string): Key | undefined {
  const hash = createHash('sha256').update(given).digest();
  let found: Key | undefined;
  for (const key of keys) if (timingSafeEqual(key.sha256, hash)) found = key;
  return found;
}

async function readKeys(file: string): Promise<readonly Key[]> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UserError(
      'keys-invalid',
      `The file of API keys ${file} cannot be read as JSON.`,
      'docs/server.md shows what it holds.',
      // the parser's message quotes the file
      { cause: error instanceof SyntaxError ? undefined : error },
    );
  }
  const result = keysSchema.safeParse(parsed);
  if (!result.success) {
    const [{ path, message }] = result.error.issues;
    throw new UserError(
      'keys-invalid',
      `The file of API keys ${file} has a mistake at ${path.map(String).join('.') || 'its top'}: ${message}.`,
      'docs/server.md shows what it holds.',
    );
  }
  return result.data.keys.map(({ id, sha256, roles: given, expires }) => ({
    id,
    sha256,
    roles: withIncluded(given),
    ...(expires === undefined ? {} : { expires: Date.parse(expires) }),
  }));
}

async function versionOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (error) {
    throw new UserError('keys-invalid', `The file of API keys ${file} is gone.`, 'Put it back.', { cause: error });
  }
}
