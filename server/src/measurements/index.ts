/** Figures of segments: size, RECIST axes, intensities. */
export { diametersOf, type Diameters, type PixelSize } from './diameters.js';
export { statisticsInTurns, statisticsOf, type MeasuredSegment } from './statistics.js';
export { intensityUnit } from './unit.js';
