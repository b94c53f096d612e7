/** DICOM segmentations: writing with all checks, validation, and what goes into them. */
export * from './types.js';
export { writeSeg, LABEL_MAP_STORAGE, SEGMENTATION_STORAGE } from './write.js';
export { validateSeg } from './validate.js';
export { seriesDescription } from './provenance.js';
export { decodeCieLab, encodeCieLab } from './colour.js';
export { isSnomedId } from './codes.js';
export { isUid, newUid } from './uid.js';
export { readSeg, type ReadSegOptions } from './read.js';
export { matchSeg, type MatchedSeg, type MatchedSegment } from './match.js';
export * from './terms/index.js';
export * from './label-map.js';
