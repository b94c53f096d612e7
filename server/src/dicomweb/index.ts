/** DICOMweb: one PACS behind one interface, and series of it as volumes. */
export { pacsConfigSchema, withoutSecrets, type PacsConfig, type PacsConfigInput } from './config.js';
export { PacsError, type PacsErrorCode } from './errors.js';
export { createPacs, type OpenPacs } from './pacs.js';
export type { Pacs, PacsCall, Query, Reachability, StoredObject } from './types.js';
