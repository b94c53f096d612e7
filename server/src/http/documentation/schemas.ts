import * as protocol from '@medsam2/protocol';
import { z } from 'zod';
import { auditRecordSchema } from '../audit/record.js';
import type { Route } from '../route.js';

/** The part of JSON Schema 2020-12 that is read here. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly prefixItems?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly $ref?: string;
  readonly [field: string]: unknown;
}

type Direction = 'input' | 'output';
const prefix = '#/components/schemas/';

/** What the contract exports as `fooSchema`, under the name Foo. */
function contractSchemas(): [name: string, schema: z.ZodType][] {
  return Object.entries(protocol).flatMap(([name, value]) =>
    name.endsWith('Schema') && value instanceof z.ZodType
      ? [[name[0].toUpperCase() + name.slice(1, -'Schema'.length), value] as [string, z.ZodType]]
      : [],
  );
}

/**
 * The schemas of all bodies, by name, so that each is described once. What a client sends and what it gets can differ
 * (defaults may be left out of what is sent): then there are two, `Foo` and `FooInput`.
 */
export function componentSchemas(routes: readonly Route[]): {
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  readonly reference: (schema: z.ZodType, io: Direction) => JsonSchema;
} {
  const names = new Map<z.ZodType, string>();
  const add = (schema: z.ZodType | undefined, name: string): void => {
    if (schema !== undefined && !names.has(schema)) names.set(schema, name);
  };
  for (const [name, schema] of contractSchemas()) add(schema, name);
  add(auditRecordSchema, 'AuditRecord');
  for (const { operation, body, answers } of routes) {
    add(body, `${pascal(operation)}Request`);
    for (const { schema } of Object.values(answers)) add(schema, `${pascal(operation)}Answer`);
  }
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of names) registry.add(schema, { id });
  const output = describe(registry, 'output');
  const input = describe(registry, 'input');
  const same = unchanged(input, output);
  const inputName = (name: string): string => (same.has(name) ? name : `${name}Input`);

  const schemas: Record<string, JsonSchema> = {};
  const include = (name: string, io: Direction): void => {
    const described = io === 'output' ? name : inputName(name);
    if (schemas[described] !== undefined) return;
    const schema = (io === 'output' ? output : input)[name];
    schemas[described] = io === 'output' ? schema : renamed(schema, inputName);
    for (const next of referencesOf(schema)) include(next, io);
  };
  const reference = (schema: z.ZodType, io: Direction): JsonSchema => {
    const name = names.get(schema);
    if (name === undefined) throw new Error('a schema of no route');
    include(name, io);
    return { $ref: prefix + (io === 'output' ? name : inputName(name)) };
  };
  return { schemas, reference };
}

const pascal = (operation: string): string =>
  operation
    .split('.')
    .map((word) => word[0].toUpperCase() + word.slice(1))
    .join('');

function describe(registry: z.core.$ZodRegistry<{ id: string }>, io: Direction): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(registry, { io, uri: (id) => prefix + id, unrepresentable: 'any' });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _schema, $id: _id, id: _name, ...schema }]) => [
      name,
      schema as JsonSchema,
    ]),
  );
}

/** Names whose two descriptions are the same, with all that they refer to. */
function unchanged(input: Record<string, JsonSchema>, output: Record<string, JsonSchema>): Set<string> {
  const same = new Set(
    Object.keys(input).filter((name) => JSON.stringify(input[name]) === JSON.stringify(output[name])),
  );
  for (let size = -1; size !== same.size;) {
    size = same.size;
    for (const name of same) if (referencesOf(input[name]).some((next) => !same.has(next))) same.delete(name);
  }
  return same;
}

function referencesOf(schema: JsonSchema): string[] {
  return [...JSON.stringify(schema).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name);
}

function renamed(schema: JsonSchema, name: (old: string) => string): JsonSchema {
  return JSON.parse(
    JSON.stringify(schema).replace(
      /"\$ref":"#\/components\/schemas\/([^"]+)"/g,
      (_match, old: string) => `"$ref":"${prefix}${name(old)}"`,
    ),
  ) as JsonSchema;
}
