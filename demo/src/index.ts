export * from './phantoms/index.js';
