export { fails, keeps, MemoryPacs, type StoreBehaviour } from './memory-pacs.js';
export { SEGMENTATION, testObject, type TestObject } from './objects.js';
