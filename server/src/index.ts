export * from './imaging/volume.js';
export * from './engine/types.js';
