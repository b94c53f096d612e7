import type { EngineOptions } from './types.js';

/**
 * What the engine does unless told otherwise: the reference's CPU behaviour (specification section 5.7, RECIST flow),
 * with masks drawn by the user kept as drawn.
 */
export const defaultOptions: EngineOptions = {
  stabilityFallback: true,
  fillHoleArea: 0,
  largestComponent: false,
  nonOverlap: false,
  verbatimMasks: true,
  conditioning: 'mask',
  view: 'full',
  following: 'memory',
};

/** The reference implementation's results on a device: on CUDA it fills holes, on CPU it silently does not. */
export const parityPresets: Readonly<Record<'cpu' | 'cuda', EngineOptions>> = {
  cpu: { ...defaultOptions, verbatimMasks: false },
  cuda: { ...defaultOptions, verbatimMasks: false, fillHoleArea: 8 },
};
