export { MemoryViewer } from './memory-viewer.js';
export type { ApiError } from '../client/api-error.js';
export { Http, type RequestOptions } from '../client/http.js';
