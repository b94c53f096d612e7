import { apiPath, problemSchema } from '@medsam2/protocol';
import { z } from 'zod';
import type { Route } from '../route.js';
import { statusOf } from '../statuses.js';
import { componentSchemas, type JsonSchema } from './schemas.js';

/** An OpenAPI 3.1 document, as far as it is made here. */
export interface OpenApi {
  readonly openapi: '3.1.0';
  readonly info: Readonly<Record<string, unknown>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>>; readonly securitySchemes: unknown };
  readonly [field: string]: unknown;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Readonly<Record<string, { readonly schema: JsonSchema; readonly example?: unknown }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

const tags: Readonly<Record<string, string>> = {
  Service: 'What the server is and offers',
  Sessions: 'From a series to masks',
  Segments: 'Segments, and what is drawn on them',
  Work: 'Propagation, undo, export and saving',
  Saves: 'Segmentations on their way to the PACS',
  Jobs: 'Segmentations without a viewer',
  Audit: 'Who did what',
};

/** The description of the API, made from the routes' own schemas. */
export function describeApi(routes: readonly Route[], version: string, withAuth: boolean): OpenApi {
  const { schemas, reference } = componentSchemas(routes);
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    const path = `${apiPath}${route.path.replace(/:(\w+)/g, '{$1}')}`;
    (paths[path] ??= {})[route.method] = describeRoute(route, reference);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'MedSAM2 server',
      version,
      description:
        'Promptable 3D segmentation of series in a PACS. Coordinates: pixel = [x, y] with centres on whole numbers; ' +
        'slice = position in the volume sorted along its normal, from 0; world = LPS millimetres.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    security: withAuth ? [{ bearer: [] }, { key: [] }] : [],
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token of the identity provider, or an API key' },
        key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  };
}

function describeRoute(route: Route, reference: (schema: z.ZodType, io: 'input' | 'output') => JsonSchema): Operation {
  const { operation, tag, summary, description, role, params, query, body, answers, problems = [] } = route;
  const problem = { 'application/problem+json': { schema: reference(problemSchema, 'output') } };
  const codes = new Map<number, string[]>();
  for (const code of [...problems, ...usualProblems(route)]) {
    const status = statusOf(code) ?? 500;
    codes.set(status, [...(codes.get(status) ?? []), code]);
  }
  return {
    operationId: operation,
    tags: [tag],
    summary,
    description: [description, `Needs the role ${role}.`].filter((text) => text !== undefined).join('\n\n'),
    parameters: [...parametersOf(params, 'path'), ...parametersOf(query, 'query')],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: route.bodyOptional !== true,
            content: {
              'application/json': {
                schema: reference(body, 'input'),
                ...(route.example === undefined ? {} : { example: route.example }),
              },
            },
          },
        }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [
          status,
          {
            description: answer.description,
            ...(answer.schema !== undefined
              ? { content: { 'application/json': { schema: reference(answer.schema, 'output') } } }
              : answer.contentType !== undefined
                ? { content: { [answer.contentType]: { schema: { type: 'string', format: 'binary' } } } }
                : {}),
          },
        ]),
      ),
      ...Object.fromEntries(
        [...codes].map(([status, list]) => [
          status,
          { description: [...new Set(list)].map((code) => `\`${code}\``).join(', '), content: problem },
        ]),
      ),
      default: { description: 'Problem details', content: problem },
    },
  };
}

function usualProblems({ body, params, query }: Route): string[] {
  const takesSomething = body !== undefined || [params, query].some(({ shape }) => Object.keys(shape).length > 0);
  return [
    'not-authenticated',
    'not-allowed',
    'too-many-requests',
    ...(takesSomething ? ['request-invalid'] : []),
    ...(body === undefined ? [] : ['body-too-large', 'content-type-unsupported', 'request-malformed']),
  ];
}

function parametersOf(schema: z.ZodObject, place: Parameter['in']): Parameter[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
  }) as JsonSchema;
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}
