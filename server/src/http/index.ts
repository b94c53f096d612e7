/** The HTTP side of the server. `createApp` is its composition; everything it needs is handed in. */
export { createApp, type App, type AppDeps } from './app.js';
export { listen, type Listening } from './server.js';
export { openAuditTrail, type AuditTrail } from './audit/trail.js';
export { readAudit } from './audit/read.js';
export { toAuditEvent, type FhirRelease } from './audit/fhir.js';
export { localUser, type Authenticator } from './auth/authenticator.js';
export { apiKeys } from './auth/keys.js';
export { openIdConnect } from './auth/oidc.js';
export { createLogger } from './logging.js';
export { Metrics } from './metrics.js';
export { ReadinessProbes, type Probe, type Readiness } from './health.js';
export { createProxyTarget, type ProxyTarget } from './proxy/target.js';
export { SourceLookup } from './source-lookup.js';
export { apiRoutes } from './routes/index.js';
export { describeApi } from './documentation/index.js';
export type { ApiServices } from './services.js';
export { statusOf, knownCodes } from './statuses.js';
