import { Validator } from '@seriousme/openapi-schema-validator';
import { startTestServer, type TestServer } from '../testing/index.js';
import type { OpenApi, Operation } from './openapi.js';

let server: TestServer;
let api: OpenApi;
beforeAll(async () => {
  server = await startTestServer();
  api = (await server.ask('GET', '/openapi.json')).body as OpenApi;
});
afterAll(() => server.close());

const operations = (): { path: string; method: string; operation: Operation }[] =>
  Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

describe('the description of the API', () => {
  it('is valid OpenAPI 3.1 for an independent validator', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(api));
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(validator.version).toBe('3.1');
  });

  it('has every route that the router has, and no other', () => {
    interface Layer {
      readonly route?: { readonly path: string; readonly methods: Record<string, boolean> };
      readonly handle: { readonly stack?: readonly Layer[] };
    }
    const { router } = server.app.express as unknown as { router: { stack: readonly Layer[] } };
    const walk = (stack: readonly Layer[]): string[] =>
      stack.flatMap(({ route, handle }) =>
        route !== undefined
          ? Object.keys(route.methods)
              // the answer to other methods
              .filter((method) => method !== '_all')
              .map((method) => `${method} ${route.path}`)
          : walk(handle.stack ?? []),
      );
    const routed = walk(router.stack);
    const apart = [
      'get /healthz',
      'get /readyz',
      'get /metrics',
      'get /openapi.json',
      'get /docs',
      'get /docs/style.css',
    ];
    const documented = operations().map(
      ({ method, path }) => `${method} ${path.replace('/api/v1', '').replace(/\{(\w+)\}/g, ':$1')}`,
    );
    expect(routed.length).toBeGreaterThan(40);
    expect([...documented, ...apart].sort()).toEqual([...routed].sort());
  });

  it('has unique names, and refers to nothing that is not there', () => {
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const references = [...JSON.stringify(api).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    const missing = references.filter(([, name]) => api.components.schemas[name] === undefined);
    expect([references.length > 100, missing]).toEqual([true, []]);
  });

  it('shows examples that the routes take', () => {
    const withExamples = server.app.routes.filter(({ example }) => example !== undefined);
    expect(withExamples.length).toBeGreaterThan(10);
    for (const { operation, body, example } of withExamples)
      expect([operation, body?.safeParse(example).error]).toEqual([operation, undefined]);
    const bodies = server.app.routes.filter(({ body }) => body !== undefined);
    expect(bodies.filter(({ example }) => example === undefined)).toEqual([]);
  });

  it('is a page without scripts and without anything from elsewhere', async () => {
    const { bytes, headers } = await server.ask('GET', '/docs');
    const page = bytes.toString();
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toBe("default-src 'none'; style-src 'self'; frame-ancestors 'none'");
    expect(page).not.toMatch(/<script|javascript:|\bon\w+=|\bstyle=/);
    const links = [...page.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link]) => link);
    const anchors = new Set([...page.matchAll(/\bid="([^"]*)"/g)].map(([, id]) => `#${id}`));
    const others = links.filter((link) => !anchors.has(link));
    expect(new Set(others)).toEqual(new Set(['docs/style.css', 'openapi.json']));
    for (const link of new Set(others)) expect((await server.ask('GET', `/${link}`)).status).toBe(200);
    for (const { operation } of operations()) expect(page).toContain(`id="${operation.operationId}"`);
  });

  it('can be switched off', async () => {
    const silent = await startTestServer({ config: { http: { docs: false, metrics: 'off' } } });
    try {
      for (const path of ['/docs', '/openapi.json', '/metrics'])
        expect((await silent.ask('GET', path)).status).toBe(404);
    } finally {
      await silent.close();
    }
  });
});
