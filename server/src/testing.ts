/** What tests of other packages make their images with. */
export { makePhantom, seededRandom, type Phantom, type PhantomOptions } from './imaging/testing/phantom.js';
export { readDicomFolder } from './imaging/dicom/index.js';
export { sliceElements, writeFiles, writeInstance } from './imaging/dicom/testing/write-dicom.js';
export { parsePart10 } from './imaging/dicom/index.js';
export { folderSource, phantomSource } from './segmentation/testing/sources.js';
export { provenance, requestOf, segmentOf, stripes, terms } from './segmentation/testing/requests.js';
export { segmentationAttributes } from './segmentation/attributes.js';
