import { UserError } from '@medsam2/models';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { z } from 'zod';
import { nearName } from './near-name.js';
import type { PacsConfig } from '../dicomweb/config.js';
import { configSchema, type Config, type PacsSettings, type SecretRef } from './schema.js';
import { listSettings, namesAt, otherVariables, pacsVariables, type Setting } from './settings.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration that was checked, and where its values came from. */
export interface LoadedConfig {
  readonly config: Config;
  /** a setting's path joined with dots -> `default`, `file` or the variable's name */
  readonly origins: ReadonlyMap<string, string>;
  /** where everything is kept that must outlive the process */
  readonly dataDirectory: string;
  /** the value behind a reference; read anew each time, so that rotated files are seen */
  readonly secret: (reference: SecretRef) => string;
  /** what looks wrong without being so */
  readonly notes: readonly string[];
}

type Tree = Record<string, unknown>;

/**
 * Reads the configuration: defaults, then the file, then the environment, then what the command line says.
 *
 * @param options.file path of a JSON file; default: `MEDSAM2_CONFIG`
 * @param options.overrides path joined with dots -> value, from the command line
 * @throws UserError `config-unreadable`, `config-invalid`, `secret-missing`
 */
export function loadConfig(
  env: Environment,
  options: { readonly file?: string; readonly overrides?: Readonly<Record<string, unknown>> } = {},
): LoadedConfig {
  const file = options.file ?? (env.MEDSAM2_CONFIG || undefined);
  const tree = file === undefined ? {} : readConfigFile(file);
  const settings = listSettings();
  const origins = new Map<string, string>(settings.map(({ path }) => [path.join('.'), 'default']));
  for (const { path, secret, env: name } of settings) {
    if (valueAt(tree, path) === undefined) continue;
    if (secret) throw secretInFile(path.join('.'), name ?? '');
    origins.set(path.join('.'), 'file');
  }
  for (const setting of settings) {
    const given = setting.env === undefined ? undefined : variable(env, setting.env, setting.secret);
    if (given === undefined) continue;
    place(tree, setting.path, parseVariable(setting, given.text));
    origins.set(setting.path.join('.'), given.name);
  }
  const shortcut = pacsFromEnvironment(env);
  if (shortcut !== undefined) {
    place(tree, ['pacs'], [shortcut]);
    origins.set('pacs', 'DICOMWEB_URL');
  }
  for (const [name, value] of Object.entries(options.overrides ?? {})) {
    place(tree, name.split('.'), value);
    origins.set(name, 'command line');
  }
  const checked = configSchema.safeParse(tree);
  if (!checked.success) throw refusal(checked.error, origins);
  const config = checked.data;
  const secret = (reference: SecretRef): string => readSecret(env, reference);
  // a missing secret is told now, not when the first user waits
  for (const reference of secretsOf(config)) secret(reference);
  const dataHome = env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local', 'share');
  const dataDirectory = resolve(config.dataDirectory ?? join(dataHome, 'medsam2', 'server'));
  return { config, origins, dataDirectory, secret, notes: unknownVariables(env, settings) };
}

function readConfigFile(file: string): Tree {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Tree;
  } catch (error) {
    // the parser's message may quote the file, so only where it failed is told
    const where = error instanceof SyntaxError ? (/position \d+/.exec(error.message)?.[0] ?? 'JSON') : 'reading it';
    throw new UserError(
      'config-unreadable',
      `The configuration ${file} cannot be used: it fails at ${where}.`,
      'Give a readable file that holds one JSON object.',
      { cause: error },
    );
  }
  throw new UserError('config-unreadable', `The configuration ${file} is no JSON object.`, 'Write one object: {…}.');
}

function secretInFile(name: string, variableName: string): UserError {
  return new UserError(
    'config-invalid',
    `The setting ${name} may hold a secret and does not belong into the configuration file.`,
    `Set ${variableName}, or ${variableName}_FILE with the path of a file that holds it.`,
  );
}

/** The value of a variable, or of the file that NAME_FILE names. */
function variable(env: Environment, name: string, secret: boolean): { text: string; name: string } | undefined {
  const text = env[name];
  if (text !== undefined && text !== '') return { text, name };
  const path = secret ? env[`${name}_FILE`] : undefined;
  return path ? { text: readSecret(env, { file: path }), name: `${name}_FILE` } : undefined;
}

function parseVariable({ type, env }: Setting, text: string): unknown {
  switch (type) {
    case 'integer':
    case 'number':
      return text.trim() === '' ? NaN : Number(text);
    case 'boolean':
      if (/^(true|1|yes|on)$/i.test(text)) return true;
      if (/^(false|0|no|off)$/i.test(text)) return false;
      throw new UserError('config-invalid', `${env} is neither true nor false.`, `Set ${env}=true or ${env}=false.`);
    case 'array':
      return text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '');
    case 'object':
    case 'string':
      return text;
  }
}

function pacsFromEnvironment(env: Environment): Tree | undefined {
  const set = pacsVariables.filter((known) => variableName(env, known) !== undefined).map(({ env: name }) => name);
  if (set.length === 0) return undefined;
  if (!env.DICOMWEB_URL) {
    throw new UserError(
      'config-invalid',
      `${set[0]} is set and DICOMWEB_URL is not.`,
      'Set DICOMWEB_URL as well, or describe the PACS in the configuration file.',
    );
  }
  const credentials = credentialsFromEnvironment(env);
  return {
    name: 'default',
    url: env.DICOMWEB_URL,
    writable: true,
    ...(credentials === undefined ? {} : { credentials }),
    ...(env.DICOMWEB_CA_FILE ? { caFile: env.DICOMWEB_CA_FILE } : {}),
  };
}

function credentialsFromEnvironment(env: Environment): Tree | undefined {
  const reference = (name: string): SecretRef | undefined => {
    if (env[name]) return { env: name };
    const file = env[`${name}_FILE`];
    return file ? { file } : undefined;
  };
  const password = reference('DICOMWEB_PASSWORD');
  const token = reference('DICOMWEB_TOKEN');
  const passThrough = /^(true|1|yes|on)$/i.test(env.DICOMWEB_PASS_THROUGH ?? '');
  const user = env.DICOMWEB_USERNAME || undefined;
  if ((user === undefined) !== (password === undefined)) {
    throw new UserError(
      'config-invalid',
      'Of DICOMWEB_USERNAME and DICOMWEB_PASSWORD only one is set.',
      'Set both, or neither.',
    );
  }
  const kinds = [user !== undefined, token !== undefined, passThrough].filter(Boolean).length;
  if (kinds > 1) {
    throw new UserError(
      'config-invalid',
      'Several kinds of credentials are set for DICOMWEB_URL.',
      'Keep one of DICOMWEB_USERNAME with DICOMWEB_PASSWORD, DICOMWEB_TOKEN, and DICOMWEB_PASS_THROUGH.',
    );
  }
  if (user !== undefined) return { kind: 'basic', user, password };
  if (token !== undefined) return { kind: 'bearer', token };
  return passThrough ? { kind: 'pass-through' } : undefined;
}

function variableName(env: Environment, known: { env: string; secret: boolean }): string | undefined {
  if (env[known.env]) return known.env;
  return known.secret && env[`${known.env}_FILE`] ? `${known.env}_FILE` : undefined;
}

/** @throws UserError `secret-missing` */
function readSecret(env: Environment, reference: SecretRef): string {
  if ('env' in reference) {
    const value = env[reference.env];
    if (value) return value;
    throw new UserError(
      'secret-missing',
      `The variable ${reference.env}, which holds a secret, is not set.`,
      'Set it, or name another place for the secret in the configuration.',
    );
  }
  try {
    // editors and `kubectl create secret` differ about the last line end
    return readFileSync(reference.file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new UserError(
      'secret-missing',
      `The file ${reference.file}, which holds a secret, cannot be read.`,
      'Check that it exists and that the server’s user may read it.',
      { cause: error },
    );
  }
}

/** What the client takes: secrets read. */
export function resolvePacs(settings: PacsSettings, secret: (reference: SecretRef) => string): PacsConfig {
  const { credentials } = settings;
  switch (credentials.kind) {
    case 'basic':
      return { ...settings, credentials: { ...credentials, password: secret(credentials.password) } };
    case 'bearer':
      return { ...settings, credentials: { ...credentials, token: secret(credentials.token) } };
    case 'oauth2':
      return { ...settings, credentials: { ...credentials, clientSecret: secret(credentials.clientSecret) } };
    case 'none':
    case 'pass-through':
      return { ...settings, credentials };
  }
}

function secretsOf({ pacs }: Config): SecretRef[] {
  return pacs.flatMap(({ credentials }) => {
    switch (credentials.kind) {
      case 'basic':
        return [credentials.password];
      case 'bearer':
        return [credentials.token];
      case 'oauth2':
        return [credentials.clientSecret];
      case 'none':
      case 'pass-through':
        return [];
    }
  });
}

function refusal({ issues }: z.ZodError, origins: ReadonlyMap<string, string>): UserError {
  // a mistyped name explains what else is missing
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const name = issue.keys[0];
    const near = nearName(name, namesAt(issue.path));
    return new UserError(
      'config-invalid',
      `The configuration has no setting ${[path, name].filter((part) => part !== '').join('.')}.`,
      near === undefined ? 'The settings are listed in docs/server.md.' : `Did you mean ${near}?`,
    );
  }
  const origin = origins.get(path);
  const source = origin === undefined || origin === 'file' || origin === 'default' ? '' : ` (from ${origin})`;
  return new UserError(
    'config-invalid',
    `The setting ${path}${source} cannot be used: ${issue.message}.`,
    'The settings and their limits are listed in docs/server.md; medsam2 serve --print-config shows what is in effect.',
  );
}

function unknownVariables(env: Environment, settings: readonly Setting[]): string[] {
  const known = [
    ...settings.flatMap(({ env: name, secret }) =>
      name === undefined ? [] : secret ? [name, `${name}_FILE`] : [name],
    ),
    ...pacsVariables.flatMap(({ env: name, secret }) => (secret ? [name, `${name}_FILE`] : [name])),
    ...otherVariables,
  ];
  return Object.keys(env)
    .filter((name) => /^(MEDSAM2|DICOMWEB)_/.test(name) && !known.includes(name))
    .map((name) => {
      const near = nearName(name, known);
      return `The variable ${name} is not one of this program.${near === undefined ? '' : ` Did you mean ${near}?`}`;
    });
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
  let at = tree;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Tree)[step];
  }
  return at;
}

function place(tree: Tree, path: readonly string[], value: unknown): void {
  let at = tree;
  for (const step of path.slice(0, -1)) {
    const next = Object.hasOwn(at, step) ? at[step] : undefined;
    // a wrong type in the file is left for the schema to refuse
    if (next !== undefined && (typeof next !== 'object' || next === null)) return;
    at = (at[step] = next ?? {}) as Tree;
  }
  at[path[path.length - 1]] = value;
}
