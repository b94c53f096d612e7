export * from './errors.js';
export * from './architecture.js';
