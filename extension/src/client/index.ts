export * from './api.js';
export * from './api-error.js';
export * from './clock.js';
export * from './events.js';
export * from './http.js';
export * from './uuid.js';
