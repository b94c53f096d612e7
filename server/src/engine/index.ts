export * from './types.js';
export { defaultOptions, parityPresets } from './options.js';
export { Segmenter, SegmentationTarget, type SegmenterSettings } from './segmenter.js';
export type { GraphRunner } from './graph-runner.js';
export { isAbort } from './feature-cache.js';
