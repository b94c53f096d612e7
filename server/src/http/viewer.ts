import express, { Router, type RequestHandler } from 'express';
import { extname } from 'node:path';
import type { Config } from '../config/index.js';

type ViewerSettings = Config['viewer'] & { readonly directory: string };

/** Names with a hash in them change when their content does. */
const hashed = /[.-][0-9a-f]{8,}\.[a-z0-9.]+$/i;
const yearSeconds = 31_536_000;

/**
 * The files of a viewer, which hold nothing of patients and need no user. Addresses without a file are the viewer's own
 * pages, as single-page applications have them; they get its index.html.
 */
export function viewerFiles({
  directory,
  crossOriginIsolation,
  contentSecurityPolicy,
}: ViewerSettings): RequestHandler {
  const router = Router();
  router.use((_request, response, next) => {
    response.setHeader('Content-Security-Policy', contentSecurityPolicy);
    response.setHeader('X-Frame-Options', 'SAMEORIGIN');
    if (crossOriginIsolation) {
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    }
    next();
  });
  router.use(
    express.static(directory, {
      dotfiles: 'ignore',
      redirect: false,
      setHeaders: (response, path) => {
        const age = hashed.test(path) ? `public, max-age=${yearSeconds}, immutable` : 'no-cache';
        response.setHeader('Cache-Control', age);
      },
    }),
  );
  router.use((request, response, next) => {
    const isPage = request.method === 'GET' || request.method === 'HEAD';
    // a missing script must stay missing: a page in its place would be run
    const isFile = extname(request.path) !== '' || request.path.includes('/.');
    if (!isPage || isFile || request.accepts('html') === false) return next();
    response.setHeader('Cache-Control', 'no-cache');
    // from a root, or folders above it whose names begin with a dot would hide the file
    response.sendFile('index.html', { root: directory }, (error) => {
      if (error !== undefined && error !== null) next();
    });
  });
  return router;
}
