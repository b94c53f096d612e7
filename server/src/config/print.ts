import type { LoadedConfig } from './load.js';
import { listSettings } from './settings.js';

/** The effective configuration, a line per setting, with where each value came from; secrets are masked. */
export function printConfig({ config, origins, dataDirectory }: LoadedConfig): string {
  const lines = listSettings().map(({ path, secret }) => {
    const name = path.join('.');
    const value = name === 'dataDirectory' ? dataDirectory : valueAt(config, path);
    return [name, shown(value, secret), origins.get(name) ?? 'default'];
  });
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value, origin]) => `${name.padEnd(width)} = ${value}  (${origin})\n`).join('');
}

function shown(value: unknown, secret: boolean): string {
  if (value === undefined) return '-';
  if (secret) return '********';
  return JSON.stringify(value);
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, step) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[step] : undefined),
    tree,
  );
}
