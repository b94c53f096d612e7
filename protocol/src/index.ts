/**
 * The contract between server and clients. Coordinates: pixel = (x = column, y = row), centres on whole numbers, of the
 * slice as stored; slice = position in the volume sorted along its normal, from 0; world = LPS millimetres.
 */
export * from './basics.js';
export * from './prompts.js';
export * from './segments.js';
export * from './volumes.js';
export * from './sessions.js';
export * from './saves.js';
export * from './jobs.js';
export * from './service.js';
export * from './stream.js';
