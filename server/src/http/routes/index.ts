import type { Route } from '../route.js';
import type { ApiServices } from '../services.js';
import { auditRoutes } from './audit.js';
import { jobRoutes } from './jobs.js';
import { saveRoutes } from './saves.js';
import { segmentRoutes } from './segments.js';
import { serviceRoutes } from './service.js';
import { sessionRoutes } from './sessions.js';
import { workRoutes } from './work.js';

/** All routes below the API's path, in the order of the documentation. */
export function apiRoutes(services: ApiServices): Route[] {
  return [
    ...serviceRoutes(services),
    ...sessionRoutes(services),
    ...segmentRoutes(services),
    ...workRoutes(services),
    ...saveRoutes(services),
    ...jobRoutes(services),
    ...auditRoutes(services),
  ];
}
