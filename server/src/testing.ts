/** What tests of other packages make their images with. */
export { makePhantom, type Phantom, type PhantomOptions } from './imaging/testing/phantom.js';
export { sliceElements, writeFiles, writeInstance } from './imaging/dicom/testing/write-dicom.js';
