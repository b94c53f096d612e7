import { Router, type RequestHandler } from 'express';
import type { Config } from '../../config/index.js';
import { contextOf } from '../context.js';
import type { Route } from '../route.js';
import { describeApi } from './openapi.js';
import { documentationPage, documentationStyle } from './page.js';

export { describeApi, type OpenApi } from './openapi.js';

/** `/docs` for people and `/openapi.json` for programs; they hold no data, so no user is needed. */
export function documentationRoutes(routes: readonly Route[], version: string, { auth }: Config): RequestHandler {
  const api = describeApi(routes, version, auth.mode !== 'none');
  const files: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
    '/openapi.json': { type: 'application/json', text: JSON.stringify(api) },
    '/docs': { type: 'text/html; charset=utf-8', text: documentationPage(api) },
    '/docs/style.css': { type: 'text/css; charset=utf-8', text: documentationStyle },
  };
  const router = Router({ strict: true });
  for (const [path, { type, text }] of Object.entries(files)) {
    router.get(path, (_request, response) => {
      contextOf(response).route = path;
      response.setHeader('Content-Security-Policy', "default-src 'none'; style-src 'self'; frame-ancestors 'none'");
      response.setHeader('Cache-Control', 'no-cache');
      response.status(200).setHeader('Content-Type', type);
      response.end(text);
    });
  }
  return router;
}
