import { z } from 'zod';
import { configSchema } from './schema.js';

/** One value that can be set, as the schema describes it. */
export interface Setting {
  /** names from the top of the configuration */
  readonly path: readonly string[];
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object';
  readonly description: string;
  readonly env?: string;
  /** its variable may also be given as NAME_FILE, and it is never printed */
  readonly secret: boolean;
  readonly default?: unknown;
}

interface Node {
  readonly type?: Setting['type'];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly description?: string;
  readonly env?: string;
  readonly secret?: boolean;
  readonly default?: unknown;
}

const tree = (): Node => z.toJSONSchema(configSchema, { io: 'input' }) as Node;

/** All settings, in the order of the schema. */
export function listSettings(): Setting[] {
  const walk = (node: Node, path: readonly string[]): Setting[] =>
    Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
      const here = [...path, name];
      if (child.properties !== undefined) return walk(child, here);
      const { type = 'string', description = '', env, secret = false } = child;
      return [{ path: here, type, description, env, secret, default: child.default }];
    });
  return walk(tree(), []);
}

/** Names that may stand at a place of the configuration, for a hint about a mistyped one. */
export function namesAt(path: readonly PropertyKey[]): string[] {
  let node: Node | undefined = tree();
  for (const step of path) node = node?.properties?.[String(step)];
  return Object.keys(node?.properties ?? {});
}

/** Shortcuts for one PACS named `default`: a container then needs no configuration file. */
export const pacsVariables: readonly {
  readonly env: string;
  readonly secret: boolean;
  readonly description: string;
}[] = [
  { env: 'DICOMWEB_URL', secret: false, description: 'base address of one PACS, named `default`' },
  { env: 'DICOMWEB_USERNAME', secret: false, description: 'with DICOMWEB_PASSWORD: HTTP Basic' },
  { env: 'DICOMWEB_PASSWORD', secret: true, description: 'password of DICOMWEB_USERNAME' },
  { env: 'DICOMWEB_TOKEN', secret: true, description: 'a fixed bearer token' },
  { env: 'DICOMWEB_PASS_THROUGH', secret: false, description: '`true`: the caller’s own token goes to the PACS' },
  { env: 'DICOMWEB_CA_FILE', secret: false, description: 'PEM of the certificate authority of the PACS' },
];

/** Variables of this program that are no settings of the server. */
export const otherVariables: readonly string[] = ['MEDSAM2_CONFIG', 'MEDSAM2_GRAPHS_DIR', 'MEDSAM2_PYTHON'];
