export * from './text.js';
export * from './viewer.js';
export * from './work.js';
